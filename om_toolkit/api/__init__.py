"""The API client: transports, credentials, the rate limit, retries and the worker pool."""

from om_toolkit.api.transport import Request, Response, Transport, TransportError

__all__ = ["Request", "Response", "Transport", "TransportError"]
