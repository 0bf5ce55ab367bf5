"""A synthetic shop behind a local copy of the API."""
