"""TODO."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from om_toolkit.api.client import Client
from om_toolkit.api.credentials import PLAYGROUND
from om_toolkit.api.workers import Answers, Fetch, Fetched, Missed
from om_toolkit.errors import Failure
from om_toolkit.recordings import cassette
from om_toolkit.support.gc_pause import paused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import requests

    from om_toolkit.api.transport import Flight
    from om_toolkit.recordings.record import T


def replay(name: str | Path) -> ReplayClient:
    """Return a client that answers from a recording: no credentials, no network.

    Args:
        name: A recording's name, looked for in `cassettes/` here, beside the current folder, and in what is shipped
            with the package (`quickstart`); or the path of a vcrpy cassette.

    Raises:
        FileNotFoundError: If there is no such recording.
    """
    return ReplayClient(cassette.find(name))


class ReplayClient(Client):
    """A client on a recording; `om.replay` makes it.

    Attributes:
        path: The cassette.
        recorded_order_ids: The ids of the orders asked for when it was recorded, in the cassette's order.
    """

    def __init__(self, path: Path) -> None:
        super().__init__("replay", base_url=PLAYGROUND, max_retries=0, requests_per_second=None)
        self.path = path
        recorded = cassette.read(path)
        self._recorded = {_key(asked): answer for asked, answer in recorded.items()}
        self._transport.mount(_ReplayAdapter(self._recorded))
        self.recorded_order_ids = tuple(order_id for order_id, below in recorded if not below)

    def __repr__(self) -> str:
        return f"ReplayClient({self.path.name!r}, {len(self.recorded_order_ids)} orders)"

    def _gather(self, ids: Sequence[str], fetch: Fetch[T], answers: Answers[T]) -> None:
        with paused():  # no server is waited for: half of the time would be the collector's
            super()._gather(ids, fetch, answers)

    def _now(self) -> None:
        """Have no clock: an answer without a date was given at an unknown time."""

    def _heed(self, _: requests.Response) -> bool:
        """Wait for nobody: the server asked for it when it was recorded."""
        return False

    def _ask(self, path: str, order_id: str, read: Callable[[bytes, str], T], flight: Flight) -> Fetched[T] | Missed:
        asked = cassette.asked(path)
        if _key(asked) in self._recorded:
            return super()._ask(path, order_id, read, flight)
        return Missed(Failure(order_id, "not_recorded", messages=(self._line_to_record(order_id, asked),)))

    def _line_to_record(self, order_id: str, asked: tuple[str, str] | None) -> str:
        """Tell that the recording lacks an answer, and the line that makes one with it."""
        known = self.path.name if self.path.parent.name == "cassettes" else self.path.as_posix()
        ids = f"[*om.replay({known!r}).recorded_order_ids, {order_id!r}]"
        calls = f"client.orders({ids})"
        if asked and asked[1]:
            calls += f"; client.captures({ids})"
        return f"{self.path.name} holds no answer; to record it: with om.record({known!r}) as client: {calls}"


def _key(asked: tuple[str, str] | None) -> tuple[str, str]:
    """Return what is the same of two requests for one answer: ids that differ only in case are one."""
    order_id, below = asked or ("", "")
    return order_id.casefold(), below


class _ReplayAdapter(HTTPAdapter):
    """Answers from a recording."""

    def __init__(self, recorded: Mapping[tuple[str, str], dict[str, Any]]) -> None:
        super().__init__()
        self._recorded = recorded

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:  # noqa: ANN401
        recorded = self._recorded[_key(cassette.asked(request.url or ""))]
        answer = HTTPResponse(
            BytesIO(recorded["body"]),
            headers={name: value for name, values in recorded["headers"].items() for value in values},
            status=recorded["status"]["code"],
            reason=recorded["status"]["message"],
            preload_content=False,
        )
        return self.build_response(request, answer)
