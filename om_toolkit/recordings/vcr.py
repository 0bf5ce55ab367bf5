"""TODO."""

from __future__ import annotations

import logging
import threading
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from requests import codes
from requests.adapters import HTTPAdapter
from vcr.config import VCR
from vcr.persisters.filesystem import FilesystemPersister

from om_toolkit.recordings.cassette import Answer, Answers, asked, write

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests
    from vcr.request import Request


_MAY_GET_BETTER: Final = (408, 429)


class ScrubbingVCR(VCR):  # type: ignore[misc]  # vcrpy has no types
    """A `vcr.VCR` for people who know vcrpy: `with om.vcr.use_cassette("cassettes/october.yaml"): ...`.

    It records the two endpoints, whoever sends the requests, from any number of threads: one is sent at a time, because
    vcrpy bears no more. Before a byte is written everything personal is replaced, as by `om.record`; other requests
    pass by. An answer that may get better (408, 429, 5xx) is not recorded, or its retry would meet it again. A cassette
    whose name ends in `.json` is JSON; one that is there already is replayed, as often as asked, whatever the host.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - vcrpy's
        super().__init__(
            match_on=("method", "path"),
            before_record_request=_one_of_ours,
            before_record_response=_worth_keeping,
            custom_patches=((HTTPAdapter, "send", _one_at_a_time(HTTPAdapter.send)),),
            **options,
        )
        self.register_persister(_Persister)

    def get_merged_config(self, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - vcrpy's
        """Return the options of one cassette."""
        logging.getLogger("vcr.cassette").addFilter(_without_answers)
        suffix = Path(options.get("path") or "").suffix
        defaults = {"allow_playback_repeats": True, "serializer": "json" if suffix == ".json" else self.serializer}
        merged: dict[str, Any] = super().get_merged_config(**(defaults | options))
        return merged


class _Persister(FilesystemPersister):  # type: ignore[misc]  # vcrpy has no types
    """Writes what was recorded as `om.record` does."""

    is_scrubbing: Final = True  # for the client, which warns of any other

    @classmethod
    def load_cassette(cls, cassette_path: str, serializer: Any) -> Any:  # noqa: ANN401 - vcrpy's
        """Return requests and answers, these with a mark: what is there already is replayed, whatever it is."""
        requests, answers, *more = super().load_cassette(cassette_path, serializer)
        return requests, [answer | {_LOADED: True} for answer in answers], *more

    @staticmethod
    def save_cassette(cassette_path: str, cassette_dict: dict[str, Any], serializer: Any) -> None:  # noqa: ANN401
        urls = (request.uri for request in cassette_dict["requests"])
        # Taken out of what vcrpy holds: its own frames stand in the traceback if this fails.
        answers = Answers(zip(urls, cassette_dict.pop("responses"), strict=True))
        path = Path(cassette_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, answers, serializer)


def _without_answers(record: logging.LogRecord) -> bool:
    """Keep what vcrpy logs of a cassette, whole answers among it, from being told."""
    return record.levelno >= logging.WARNING


def _one_of_ours(request: Request) -> Request | None:
    return request if request.method == "GET" and asked(request.uri) else None


def _worth_keeping(answer: Answer) -> Answer | None:
    code = answer["status"]["code"]
    may_get_better = code in _MAY_GET_BETTER or code >= codes.server_error
    return None if may_get_better and _LOADED not in answer else answer


_LOADED: Final = "om_toolkit_loaded"


def _one_at_a_time(send: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
    """Put a lock round `HTTPAdapter.send`, where vcrpy lifts its patches for the whole process now and then."""
    lock = threading.Lock()

    @wraps(send)
    def locked(*args: Any, **options: Any) -> requests.Response:  # noqa: ANN401 - requests'
        with lock:
            return send(*args, **options)

    return locked


vcr: Final = ScrubbingVCR()
