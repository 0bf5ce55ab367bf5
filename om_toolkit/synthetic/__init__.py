"""A made-up shop behind a local copy of the API."""
