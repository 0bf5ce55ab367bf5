"""Recordings: a client that answers from a vcrpy cassette without a network, and one that makes such a cassette.

vcrpy gives the file format, so `vcr.use_cassette` reads the files too. The requests themselves go through transport
adapters of our own: any number of threads, one look-up a request, no patched sockets.
"""

from __future__ import annotations

import gzip
import os
import re
import threading
import weakref
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from vcr.request import Request
from vcr.serialize import deserialize, serialize
from vcr.serializers import jsonserializer, yamlserializer
from yaml import YAMLError

from om_toolkit import privacy
from om_toolkit.client import Client, Fetched, Missed
from om_toolkit.errors import Failure
from om_toolkit.transport import LOOPBACK, PLAYGROUND, Flight, Secret, WatchedAdapter, hidden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType

    import requests

T = TypeVar("T")

_SERIALIZERS: Final[dict[str, ModuleType]] = {".yaml": yamlserializer, ".json": jsonserializer}
_KEPT_HEADERS: Final = frozenset(
    "content-type date klarna-correlation-id retry-after x-envoy-ratelimited "
    "x-ratelimit-limit x-ratelimit-remaining x-ratelimit-reset".split()
)
_OF_THE_WAY: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})
_ORDER_PATH: Final = re.compile(r"/ordermanagement/v1/orders/([^/]+)(/captures)?$")


def replay(name: str | Path) -> ReplayClient:
    """Return a client that answers from a recording: no credentials, no network.

    Args:
        name: A recording's name, looked for in `cassettes/` here, beside the current folder, and in what is shipped
            with the package (`quickstart`); or the path of a vcrpy cassette.

    Raises:
        FileNotFoundError: If there is no such recording.
    """
    return ReplayClient(_find(name))


def record(name: str | Path, api_key: str | None = None, **options: Any) -> RecordingClient:  # noqa: ANN401 - Client's
    """Return a client that fetches as usual and records the answers, without personal data or credentials.

    Use it as a context manager: the file is written when the block ends, or when `close()` is called.

    Args:
        name: Name of the recording, `cassettes/NAME.yaml`; or a path. `NAME.json` loads faster where it holds hundreds.
        api_key: As in `Client`.
        **options: As in `Client`.

    Raises:
        CredentialsMissing: If neither the arguments nor the environment hold credentials.
        InvalidSetting: If an option cannot work.
    """
    api_key, options = Secret(api_key or ""), hidden(options)
    return RecordingClient(_place(name), api_key, **options)


class ReplayClient(Client):
    """A client on a recording; `om.replay` makes it.

    Attributes:
        path: The cassette.
        recorded_order_ids: The ids of the orders asked for when it was recorded, in the cassette's order.
    """

    def __init__(self, path: Path) -> None:
        super().__init__("replay", base_url=PLAYGROUND, max_retries=0, requests_per_second=None)
        self.path = path
        self._recorded = _read(path)
        self._transport.mount(_ReplayAdapter(self._recorded))
        self.recorded_order_ids = tuple(order_id for order_id, below in self._recorded if not below)

    def __repr__(self) -> str:
        return f"ReplayClient({self.path.name!r}, {len(self.recorded_order_ids)} orders)"

    def _now(self) -> None:
        """Have no clock: an answer without a date was given at an unknown time."""

    def _heed(self, _: requests.Response) -> bool:
        """Wait for nobody: the server asked for it when it was recorded."""
        return False

    def _ask(self, path: str, order_id: str, read: Callable[[bytes, str], T], flight: Flight) -> Fetched[T] | Missed:
        if _asked(path) in self._recorded:
            return super()._ask(path, order_id, read, flight)
        told = f"{self.path.name} holds no answer for {path}; om.record({self.path.stem!r}) records"
        return Missed(Failure(order_id, "not_recorded", messages=(told,)))


class RecordingClient(Client):
    """A client that records what it fetches; `om.record` makes it."""

    def __init__(self, path: Path, api_key: str | None = None, **options: Any) -> None:  # noqa: ANN401 - Client's
        api_key, options = Secret(api_key or ""), hidden(options)
        super().__init__(api_key, **options)
        path = path.resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        recorder = _RecordingAdapter(pool_maxsize=self._workers)
        self._transport.mount(recorder)
        self._save = partial(recorder.save, path)
        # Also where nobody closes the client: at the latest when the interpreter ends.
        self._save_at_the_latest = weakref.finalize(self, self._save)

    def close(self) -> None:
        """Write the recording and close the connections.

        Raises:
            OSError: If it cannot be written; what was recorded is kept for another try.
        """
        self._save()
        self._save_at_the_latest.detach()
        super().close()


def _asked(url: str) -> tuple[str, str] | None:
    """Return the order id and the endpoint below it that an address asks for, whatever the host."""
    found = _ORDER_PATH.search(urlsplit(url).path)
    return (unquote(found[1]), found[2] or "") if found else None


def _read(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Read the answers of a cassette, ours or plain vcrpy's, by what was asked for.

    Raises:
        ValueError: If the file is no cassette.
    """
    try:
        asked, answers, *_ = deserialize(path.read_text("utf-8"), _SERIALIZERS[path.suffix])
        reads = zip(asked, answers, strict=True)
        recorded = {_asked(request.uri): _plain(answer) for request, answer in reads if request.method == "GET"}
    except (ValueError, LookupError, TypeError, AttributeError, YAMLError) as error:
        raise ValueError(f"{path.name} is no cassette of vcrpy ({type(error).__name__})") from None
    return {key: answer for key, answer in recorded.items() if key}


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer whose body stands for itself: plain vcrpy keeps headers of the body as it was on its way."""
    headers = {name: values for name, values in answer["headers"].items() if name.lower() not in _OF_THE_WAY}
    body = answer["body"]["string"]
    return answer | {"headers": headers, "body": gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body}


class _ReplayAdapter(HTTPAdapter):
    """Answers from a recording."""

    def __init__(self, recorded: Mapping[tuple[str, str], dict[str, Any]]) -> None:
        super().__init__()
        self._recorded = recorded

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:  # noqa: ANN401
        recorded = self._recorded[_asked(request.url or "") or ("", "")]
        answer = HTTPResponse(
            BytesIO(recorded["body"]),
            headers={name: value for name, values in recorded["headers"].items() for value in values},
            status=recorded["status"]["code"],
            reason=recorded["status"]["message"],
            preload_content=False,
        )
        return self.build_response(request, answer)


class _RecordingAdapter(WatchedAdapter):
    """Sends requests and remembers the last answer to each, until they are written."""

    def __init__(self, pool_maxsize: int) -> None:
        super().__init__(pool_maxsize=pool_maxsize)
        self._answers: dict[str, requests.Response] = {}
        self._lock = threading.Lock()

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:  # noqa: ANN401
        answer = super().send(request, *args, **options)
        with self._lock:
            self._answers[_public_url(request.url or "")] = answer
        return answer

    def save(self, path: Path) -> None:
        """Write the cassette in one step, sorted, everything personal replaced.

        Where nothing was answered, a recording that is there already stays as it is.
        """
        if not any(answer.ok for answer in self._answers.values()) and (path.exists() or not self._answers):
            return
        scrubber = privacy.Scrubber()
        answers = sorted(self._answers.items())
        cassette = {
            "requests": [Request("GET", url, None, {}) for url, _ in answers],
            "responses": [_scrubbed(answer, url, scrubber) for url, answer in answers],
        }
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        unfinished.write_text(serialize(cassette, _SERIALIZERS[path.suffix]), encoding="utf-8", newline="\n")
        unfinished.replace(path)


def _public_url(url: str) -> str:
    """Return the address to record: a sandbox's port on this machine would mean nothing elsewhere."""
    parts = urlsplit(url)
    return PLAYGROUND + parts.path if parts.hostname in LOOPBACK else url


def _scrubbed(answer: requests.Response, url: str, scrubber: privacy.Scrubber) -> dict[str, Any]:
    documented = privacy.CAPTURE if url.endswith("/captures") else privacy.ORDER
    body = scrubber.scrub_text(answer.content, documented if answer.ok else privacy.ERROR)
    return {
        "status": {"code": answer.status_code, "message": answer.reason},
        "headers": {name: [value] for name, value in answer.headers.items() if name.lower() in _KEPT_HEADERS},
        "body": {"string": body},
    }


def _folders() -> Iterator[Path]:
    """Yield where recordings lie: with the user's project first, then with this package."""
    yield Path("cassettes")
    yield Path("..", "cassettes")
    yield Path(__file__).parent / "cassettes"
    yield Path(__file__).parents[1] / "cassettes"


def _find(name: str | Path) -> Path:
    for folder in (Path(), *_folders()):
        for suffix in ("", *_SERIALIZERS):
            path = folder / f"{name}{suffix}"
            if path.suffix in _SERIALIZERS and path.is_file():
                return path
    there = sorted({path.stem for folder in _folders() for path in folder.glob("*.*") if path.suffix in _SERIALIZERS})
    msg = f"there is no recording {str(name)!r}; there are: {', '.join(there)}. om.record makes one"
    raise FileNotFoundError(msg)


def _place(name: str | Path) -> Path:
    path = Path(name) if Path(name).suffix in _SERIALIZERS else Path(f"{name}.yaml")
    if path.parent != Path():
        return path
    beside = Path("..", "cassettes")
    return (beside if beside.is_dir() and not Path("cassettes").is_dir() else Path("cassettes")) / path
