"""Recordings: a client that answers from a cassette without a network, and one that makes such a cassette.

vcrpy gives the file format, so `vcr.use_cassette` reads the files too. The requests themselves go through transport
adapters of our own: any number of threads, one look-up a request, no patched sockets.
"""

from __future__ import annotations

import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from warnings import warn

from requests import codes

from om_toolkit.api.client import Client
from om_toolkit.api.credentials import Secret, hidden
from om_toolkit.api.transport import WatchedAdapter
from om_toolkit.errors import IncompleteRecording
from om_toolkit.recordings import cassette

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import requests


T = TypeVar("T")


def record(
    name: str | Path,
    api_key: str | None = None,
    *,
    mask_ids: bool = False,
    **options: Any,  # noqa: ANN401 - Client's
) -> RecordingClient:
    """Return a client that fetches as usual and records the answers, without personal data or credentials.

    Use it as a context manager: the file is written when the block ends, or when `close()` is called.

    Args:
        name: Name of the recording, `cassettes/NAME.yaml`, for some tens of orders that people review; or `NAME.json`
            for hundreds, which loads much faster; or a path.
        api_key: As in `Client`.
        mask_ids: Whether order ids, in addresses and bodies alike, and all else that leads back to an order in the
            shop's or the vendor's systems is replaced too.
        **options: As in `Client`.

    Raises:
        CredentialsMissing: If neither the arguments nor the environment hold credentials.
        InvalidSetting: If an option cannot work.

    Warns:
        IncompleteRecording: When it is written, if a request got no answer; if it is not written, because there were
            refusals only and a recording of orders is there, or because nobody closed the client and another has
            written the file since.
    """
    api_key, options = Secret(api_key or ""), hidden(options)
    return RecordingClient(cassette.place(name), api_key, mask_ids=mask_ids, **options)


class RecordingClient(Client):
    """A client that records what it fetches; `om.record` makes it."""

    def __init__(self, path: Path, api_key: str | None = None, *, mask_ids: bool = False, **options: Any) -> None:  # noqa: ANN401 - Client's
        api_key, options = Secret(api_key or ""), hidden(options)
        super().__init__(api_key, **options)
        path = path.resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        recorder = _RecordingAdapter(self._workers)
        self._transport.mount(recorder)
        self._save = partial(recorder.save, path, mask_ids=mask_ids)
        # Also where nobody closes the client: at the latest when the interpreter ends.
        at_the_latest = partial(recorder.save_unless_changed, path, _state(path), mask_ids=mask_ids)
        self._save_at_the_latest = weakref.finalize(self, at_the_latest)

    def close(self) -> None:
        """Write the recording and close the connections.

        Raises:
            OSError: If it cannot be written; what was recorded is kept for another try.
        """
        self._save()
        self._save_at_the_latest.detach()
        super().close()


def _state(path: Path) -> tuple[int, ...] | None:
    """Return what changes whenever somebody writes a file."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns


class _RecordingAdapter(WatchedAdapter):
    """Sends requests and remembers the last answer to each, until they are written."""

    def __init__(self, pool_maxsize: int) -> None:
        super().__init__(pool_maxsize=pool_maxsize)
        self._asked: set[str] = set()
        self._answers = cassette.Answers()
        self._lock = threading.Lock()

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:  # noqa: ANN401
        url = request.url or ""
        with self._lock:
            self._asked.add(url)
        answer = super().send(request, *args, **options)
        recorded = {
            "status": {"code": answer.status_code, "message": answer.reason},
            "headers": {name: [value] for name, value in answer.headers.items()},
            "body": {"string": answer.content},  # read whole now, so that an answer cut short is no answer
        }
        with self._lock:
            self._answers[url] = recorded
        return answer

    def save_unless_changed(self, path: Path, state: tuple[int, ...] | None, *, mask_ids: bool) -> None:
        """Save what nobody has closed, but not over what has been recorded since."""
        if not self._answers or _state(path) == state:
            self.save(path, mask_ids=mask_ids)
        else:
            told = f"{path.name} has been written anew: what was recorded by a client that nobody closed is not in it"
            warn(told, IncompleteRecording, stacklevel=2)

    def save(self, path: Path, *, mask_ids: bool) -> None:
        """Write the cassette, and warn of requests that it lacks.

        Refusals alone do not replace a recording of orders.
        """
        if self._answers and (_has_orders(self._answers) or _may_be_replaced(path)):
            cassette.write(path, self._answers, mask_ids=mask_ids)
        elif self._answers:
            told = f"{path.name} stays as it was: none of these {len(self._answers)} answers is an order"
            warn(told, IncompleteRecording, stacklevel=3)
        if unanswered := len(self._asked - self._answers.keys()):
            told = (
                f"{path.name} lacks {unanswered} of {len(self._asked)} requests, which got no answer: record them again"
            )
            warn(told, IncompleteRecording, stacklevel=3)


def _may_be_replaced(path: Path) -> bool:
    """Tell whether nothing is lost if refusals take a file's place."""
    try:
        return not path.is_file() or not _has_orders(cassette.read(path))
    except ValueError:
        return False


def _has_orders(answers: Mapping[Any, cassette.Answer]) -> bool:
    return any(answer["status"]["code"] == codes.ok for answer in answers.values())
