"""`om.vcr`: requests of any library in; a vcrpy cassette of the two endpoints out, without personal data."""

import logging
import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from vcr.config import VCR
from vcr.persisters.filesystem import FilesystemPersister
from vcr.request import Request

from om_toolkit.api.endpoints import RETRYABLE_STATUSES, parse_path
from om_toolkit.recordings.cassette import Recorded, Responses, write

_LOADED: Final = "om_toolkit_loaded"  # marks responses that were in the cassette already


class ScrubbingVCR(VCR):  # type: ignore[misc]  # vcrpy has no types
    """A `vcr.VCR` for users of vcrpy: `with om.vcr.use_cassette("cassettes/october.yaml"): ...`.

    It records the two endpoints, with any library and any number of threads: one request is sent at a time, because
    vcrpy cannot record more. Before a byte is written everything personal is replaced, as by `om.record`; other
    requests are not recorded. A response with a retryable status (408, 429, 500, 502 to 504) is not recorded either, or
    its retry would get it again. A cassette whose name ends in `.json` is JSON. A cassette that exists is replayed, as
    often as requested, for any host.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - vcrpy's
        super().__init__(
            match_on=("method", "path"),
            before_record_request=_keep_request,
            before_record_response=_keep_response,
            custom_patches=((HTTPAdapter, "send", _one_at_a_time(HTTPAdapter.send)),),
            **options,
        )
        self.register_persister(_ScrubbingPersister)

    def get_merged_config(self, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - vcrpy's
        """Return the options of one cassette."""
        logging.getLogger("vcr.cassette").addFilter(_is_warning)
        suffix = Path(options.get("path") or "").suffix
        defaults = {"allow_playback_repeats": True, "serializer": "json" if suffix == ".json" else self.serializer}
        merged: dict[str, Any] = super().get_merged_config(**(defaults | options))
        return merged


class _ScrubbingPersister(FilesystemPersister):  # type: ignore[misc]  # vcrpy has no types
    """Writes what was recorded as `om.record` does."""

    is_scrubbing: Final = True  # for the client, which warns of any other

    @classmethod
    def load_cassette(cls, cassette_path: str, serializer: Any) -> Any:  # noqa: ANN401 - vcrpy's
        """Return requests and marked responses: what is in a cassette is replayed, with any status."""
        requests, responses, *more = super().load_cassette(cassette_path, serializer)
        return requests, [response | {_LOADED: True} for response in responses], *more

    @staticmethod
    def save_cassette(cassette_path: str, cassette_dict: dict[str, Any], serializer: Any) -> None:  # noqa: ANN401
        """Write a cassette."""
        urls = (request.uri for request in cassette_dict["requests"])
        # Removed from vcrpy's own variables, which the traceback shows if this fails.
        responses = Responses(zip(urls, cassette_dict.pop("responses"), strict=True))
        path = Path(cassette_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, responses, serializer)


def _is_warning(log: logging.LogRecord) -> bool:
    """Filter vcrpy's log, which contains whole responses."""
    return log.levelno >= logging.WARNING


def _keep_request(request: Request) -> Request | None:
    return request if request.method == "GET" and parse_path(request.uri) else None


def _keep_response(response: Recorded) -> Recorded | None:
    return response if _LOADED in response or response["status"]["code"] not in RETRYABLE_STATUSES else None


def _one_at_a_time(send: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
    """Put a lock around `HTTPAdapter.send`: vcrpy removes its patches for the whole process now and then."""
    lock = threading.Lock()

    @wraps(send)
    def locked(*args: Any, **options: Any) -> requests.Response:  # noqa: ANN401 - requests'
        with lock:
            return send(*args, **options)

    return locked


vcr: Final = ScrubbingVCR()
