"""Replay: a cassette in; a client out whose responses come from it, without network and credentials."""

from __future__ import annotations

from pathlib import Path

from om_toolkit.api.client import Client
from om_toolkit.api.endpoints import CAPTURES, parse_path
from om_toolkit.api.hosts import PLAYGROUND
from om_toolkit.api.transport import Request, Response, Transport, TransportError
from om_toolkit.recordings import cassette


def replay(name: str | Path) -> ReplayClient:
    """Return a client whose responses come from a recording: no credentials, no network.

    Args:
        name: The name of a recording, searched for in `cassettes/` of the current folder, in `../cassettes/`, and among
            those of the package (`quickstart`); or the path of a vcrpy cassette.

    Raises:
        FileNotFoundError: If there is no such recording.
        ValueError: If the file is not a cassette.
    """
    return ReplayClient(cassette.find(name))


class ReplayClient(Client):
    """A client on a recording; `om.replay` makes it.

    Attributes:
        path: The cassette.
        recorded_order_ids: The ids of the recorded orders, found or not, in the cassette's order.
    """

    def __init__(self, path: Path) -> None:
        recording = ReplayTransport(path)
        super().__init__(transport=recording, max_retries=0)
        self.path = path
        self.recorded_order_ids = recording.order_ids

    def __repr__(self) -> str:
        return f"ReplayClient({self.path.name!r}, {len(self.recorded_order_ids)} orders)"


class ReplayTransport(Transport):
    """Looks responses up in a cassette.

    Attributes:
        order_ids: The ids of the recorded orders.
    """

    base_url = PLAYGROUND
    waits = False  # a wait that the server requested was over when the cassette was made

    def __init__(self, path: Path) -> None:
        self._path = path
        recorded = cassette.read(path)
        self.order_ids = tuple(order_id for order_id, suffix in recorded if not suffix)
        self._responses = {_request_key(*key): _response(one) for key, one in recorded.items()}

    def get(self, request: Request) -> Response:
        """Return the recorded response.

        Raises:
            TransportError: If there is none.
        """
        order_id, suffix = parse_path(request.path) or ("", "")
        try:
            return self._responses[_request_key(order_id, suffix)]
        except KeyError:
            message = self._how_to_record(order_id, suffix)
        raise TransportError(message, kind="not_recorded", may_retry=False)

    def now(self) -> None:
        """Return None: a response without a date was sent at an unknown time."""

    def _how_to_record(self, order_id: str, suffix: str) -> str:
        """Return the message for a missing response, with the line of code that records it."""
        name = self._path.name if self._path.parent.name == "cassettes" else self._path.as_posix()
        ids = f"[*om.replay({name!r}).recorded_order_ids, {order_id!r}]"
        calls = f"client.orders({ids})"
        if suffix == CAPTURES.suffix:
            calls += f"; client.captures({ids})"
        return f"{self._path.name} has no response; to record it: with om.record({name!r}) as client: {calls}"


def _request_key(order_id: str, suffix: str) -> tuple[str, str]:
    """Return what requests for the same response have in common: ids that differ only in case are one."""
    return order_id.casefold(), suffix


def _response(recorded: cassette.Recorded) -> Response:
    headers = {name: values[-1] for name, values in recorded["headers"].items() if values}
    return Response(recorded["status"]["code"], headers, recorded["body"]["string"])
