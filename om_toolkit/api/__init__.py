"""The API client: connections, credentials, rate limits, retries and the worker pool."""
