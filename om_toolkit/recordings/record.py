"""Record: order ids and credentials in; a client out that fetches as usual and writes the responses to a cassette."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any
from warnings import warn

from om_toolkit.api.client import Client
from om_toolkit.api.credentials import hidden, secret
from om_toolkit.api.transport import Request, Response, Transport
from om_toolkit.errors import IncompleteRecording
from om_toolkit.recordings import cassette
from om_toolkit.support.text import count_of


def record(
    name: str | Path,
    api_key: str | None = None,
    *,
    mask_ids: bool = False,
    **options: Any,  # noqa: ANN401 - Client's
) -> RecordingClient:
    """Return a client that fetches as usual and records the responses, without personal data or credentials.

    Use it as a context manager: the file is written when the block ends, or when `close()` is called.

    Args:
        name: Name of the recording, `cassettes/NAME.yaml` (or `.yml`), for some tens of orders that people review; or
            `NAME.json` for hundreds, which loads much faster; or a path.
        api_key: As for `Client`.
        mask_ids: Whether to replace order ids, in URLs and bodies alike, and everything else that leads back to an
            order in the systems of the shop or the vendor.
        **options: As for `Client`.

    Raises:
        CredentialsMissing: If there are no credentials in the arguments or the environment.
        InvalidSetting: If an option cannot work.
        ValueError: If there is a file of that name that is not a recording of the two endpoints; it is not changed.

    Warns:
        IncompleteRecording: When it is written, if a request got no response. When it is not written, because there
            were only errors and the file has orders, or because the client was never closed and another has written
            the file since.
    """
    api_key, options = secret(api_key), hidden(options)  # no traceback shows them
    return RecordingClient(cassette.place(name), api_key, mask_ids=mask_ids, **options)


class RecordingClient(Client):
    """A client that records what it fetches; `om.record` makes it."""

    def __init__(self, path: Path, api_key: str | None = None, *, mask_ids: bool = False, **options: Any) -> None:  # noqa: ANN401 - Client's
        super().__init__(api_key, **hidden(options))
        path = path.resolve()
        cassette.check_replaceable(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._transport = recorder = RecordingTransport(self._transport)
        self._save = partial(recorder.save, path, mask_ids=mask_ids)
        # Also if the client is never closed: when it is collected, or the interpreter ends.
        save_at_last = partial(recorder.save_unless_changed, path, _file_state(path), mask_ids=mask_ids)
        self._save_at_last = weakref.finalize(self, save_at_last)

    def close(self) -> None:
        """Write the recording and close the connections.

        Raises:
            OSError: If it cannot be written; the responses are kept for another `close()`.
            ValueError: If the file has become something else than a recording; the same applies.
        """
        self._save()
        self._save_at_last.detach()
        super().close()


class RecordingTransport(Transport):
    """Sends requests through another transport and keeps the last response to each until they are written."""

    def __init__(self, transport: Transport) -> None:
        self.base_url = transport.base_url
        self.waits = transport.waits
        self._transport = transport
        self._requested: set[str] = set()
        self._responses = cassette.Responses()
        self._lock = threading.Lock()

    @property
    def max_workers(self) -> int | None:
        """Return the limit of the other transport."""
        return self._transport.max_workers

    def get(self, request: Request) -> Response:
        """Return the response of the other transport."""
        url = self.base_url + request.path
        with self._lock:
            self._requested.add(url)
        response = self._transport.get(request)
        with self._lock:
            self._responses[url] = {
                "status": {"code": response.status},
                "headers": {name: [value] for name, value in response.headers.items()},
                "body": {"string": response.body},
            }
        return response

    def now(self) -> datetime | None:
        """Return the time of the other transport."""
        return self._transport.now()

    def close(self) -> None:
        """Close the other transport."""
        self._transport.close()

    def save_unless_changed(self, path: Path, state: tuple[int, ...] | None, *, mask_ids: bool) -> None:
        """Save what a client that was never closed has recorded, but not over a newer recording."""
        if not self._responses or _file_state(path) == state:
            self.save(path, mask_ids=mask_ids)
        else:
            message = (
                f"{path.name} was written again since; it does not have what a client recorded that was not closed"
            )
            warn(message, IncompleteRecording, stacklevel=2)

    def save(self, path: Path, *, mask_ids: bool) -> None:
        """Write the cassette, and warn of requests that are missing in it.

        Errors alone do not replace a recording of orders.

        Raises:
            ValueError: If the file is not a recording of the two endpoints.
        """
        if self._responses:
            cassette.check_replaceable(path)
        if self._responses and (_has_orders(self._responses) or not _replaces_orders(path)):
            cassette.write(path, self._responses, mask_ids=mask_ids)
        elif self._responses:
            message = f"{path.name} was not changed: no order in {count_of(len(self._responses), 'response')}"
            warn(message, IncompleteRecording, stacklevel=3)
        if missing := len(self._requested - self._responses.keys()):
            all_requests = count_of(len(self._requested), "request")
            message = f"{path.name} lacks {missing:,} of {all_requests}, which got no response; record again"
            warn(message, IncompleteRecording, stacklevel=3)


def _file_state(path: Path) -> tuple[int, ...] | None:
    """Return what changes whenever a file is written."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns


def _replaces_orders(path: Path) -> bool:
    return cassette.is_written(path) and _has_orders(cassette.read(path))


def _has_orders(responses: Mapping[Any, cassette.Recorded]) -> bool:
    return any(recorded["status"]["code"] == HTTPStatus.OK for recorded in responses.values())
