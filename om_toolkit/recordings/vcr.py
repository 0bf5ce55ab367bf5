"""`om.vcr` and `om.vcr_persister`: requests of any library in; a vcrpy cassette of the two endpoints, masked, out."""

import logging
import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from vcr.cassette import CassetteContextDecorator
from vcr.config import VCR
from vcr.persisters.filesystem import CassetteNotFoundError, FilesystemPersister
from vcr.record_mode import RecordMode
from vcr.request import Request

from om_toolkit.api.endpoints import RETRYABLE_STATUSES
from om_toolkit.recordings.cassette import (
    Recorded,
    Responses,
    check_replaceable,
    interactions,
    is_written,
    our_key,
    write,
)
from om_toolkit.support.atomic_files import local_path

_LOADED: Final = "om_toolkit_loaded"  # marks responses that were in the cassette already


class ScrubbingVCR(VCR):  # type: ignore[misc]  # vcrpy has no types
    """A `vcr.VCR` for users of vcrpy: `with om.vcr.use_cassette("cassettes/october.yaml"): ...`.

    It records the two endpoints, with any library and any number of threads: one request is sent at a time, because
    vcrpy cannot record more. Before a byte is written everything personal is replaced, as by `om.record`; other
    requests are not recorded. A response with a retryable status (408, 429, 500, 502 to 504) is not recorded either, or
    its retry would get it again. A cassette whose name ends in `.json` is JSON. A cassette that exists is replayed, as
    often as requested, for any host. A file that is not a cassette is refused, and one with requests to other APIs is
    replayed but not changed: both raise `ValueError`.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - vcrpy's
        super().__init__(
            match_on=("method", "order"),
            before_record_request=_keep_request,
            before_record_response=_keep_response,
            custom_patches=((HTTPAdapter, "send", _one_at_a_time(HTTPAdapter.send)),),
            **options,
        )
        self.register_matcher("order", _is_same_response)
        self.register_persister(ScrubbingPersister)

    def get_merged_config(self, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - vcrpy's
        """Return the options of one cassette.

        Raises:
            ValueError: If it would have to be changed, and contains requests to other APIs or is not a cassette.
        """
        logging.getLogger("vcr.cassette").addFilter(_is_warning)
        suffix = Path(options.get("path") or "").suffix.lower()
        defaults = {"allow_playback_repeats": True, "serializer": "json" if suffix == ".json" else self.serializer}
        merged: dict[str, Any] = super().get_merged_config(**(defaults | options))
        if merged.get("path") and merged["record_mode"] in (RecordMode.NEW_EPISODES, RecordMode.ALL):
            # Before anything is sent: while it saves, older versions of vcrpy leave their patches behind an error.
            transform = merged["path_transformer"] or str
            check_replaceable(Path(transform(merged["path"])), merged["serializer"])
        return merged

    def _use_cassette(self, *args: Any, **options: Any) -> CassetteContextDecorator:  # noqa: ANN401 - vcrpy's
        context = super()._use_cassette(*args, **options)
        return _RestoringContext(context.cls, context._args_getter)  # noqa: SLF001 - vcrpy has no other way


class _RestoringContext(CassetteContextDecorator):  # type: ignore[misc]  # vcrpy has no types
    """A cassette in use; vcrpy itself leaves its patches in place if the cassette cannot be saved."""

    def __exit__(self, *error: object) -> None:
        patches = self._CassetteContextDecorator__finish
        try:
            super().__exit__(*error)
        finally:
            patches.close()


class ScrubbingPersister(FilesystemPersister):  # type: ignore[misc]  # vcrpy has no types
    """Writes cassettes of vcrpy as `om.record` does: the two endpoints only, without personal data or credentials.

    For users of pytest-recording, in `conftest.py`:

        def pytest_recording_configure(config, vcr):
            vcr.register_persister(om.vcr_persister)

    It serves any `vcr.VCR` in the same way. The last response to a request is kept. Responses that were recorded
    before are replayed, also those of other APIs, but a file that contains such responses is not changed.
    """

    is_scrubbing: Final = True  # for the client, which warns of any other

    @classmethod
    def load_cassette(cls, cassette_path: str | Path, serializer: Any) -> Any:  # noqa: ANN401 - vcrpy's
        """Return requests and marked responses: what is in a cassette is replayed, with any status.

        Raises:
            ValueError: If the file is not a cassette.
        """
        path = local_path(cassette_path)
        if not is_written(path):
            raise CassetteNotFoundError
        usable = [
            (request, response) for request, response in interactions(path, serializer) if isinstance(response, dict)
        ]
        return [request for request, _ in usable], [response | {_LOADED: True} for _, response in usable]

    @staticmethod
    def save_cassette(cassette_path: str | Path, cassette_dict: dict[str, Any], serializer: Any) -> None:  # noqa: ANN401
        """Write a cassette.

        Raises:
            ValueError: If there is a file of that name that is not a recording of the two endpoints.
        """
        path = local_path(cassette_path)
        check_replaceable(path, serializer)
        # Removed from vcrpy's own variables, which the traceback shows if this fails.
        recorded = zip(cassette_dict["requests"], cassette_dict.pop("responses"), strict=True)
        responses = Responses((request.uri, response) for request, response in recorded if our_key(request))
        if responses:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, responses, serializer)


def _is_warning(log: logging.LogRecord) -> bool:
    """Filter vcrpy's log, which contains whole responses."""
    return log.levelno >= logging.WARNING


def _keep_request(request: Request) -> Request | None:
    return request if our_key(request) else None


def _is_same_response(request: Request, recorded: Request) -> bool:
    return our_key(request) == our_key(recorded)


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
vcr_persister: Final = ScrubbingPersister
