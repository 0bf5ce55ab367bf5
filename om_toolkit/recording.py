"""Recordings: a client that answers from a vcrpy cassette without a network, and one that makes such a cassette.

vcrpy gives the file format, so `vcr.use_cassette` reads the files too. The requests themselves go through transport
adapters of our own: any number of threads, one look-up a request, no patched sockets.
"""

from __future__ import annotations

import os
import re
import threading
import weakref
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from vcr.request import Request
from vcr.serialize import deserialize, serialize
from vcr.serializers import jsonserializer, yamlserializer

from om_toolkit import privacy
from om_toolkit.client import LOOPBACK, PLAYGROUND, Client, Fetched
from om_toolkit.errors import Failure

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
_ORDER_PATH: Final = re.compile(r"/orders/([^/]+)$")


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
    return RecordingClient(_place(name), api_key, **options)


class ReplayClient(Client):
    """A client on a recording; `om.replay` makes it.

    Attributes:
        path: The cassette.
        recorded_order_ids: The ids of the orders asked for when it was recorded, in the cassette's order.
    """

    def __init__(self, path: Path) -> None:
        requests_, responses, *_ = deserialize(path.read_text("utf-8"), _SERIALIZERS[path.suffix])
        self.path = path
        self._recorded: dict[str, dict[str, Any]] = {
            request.uri: response for request, response in zip(requests_, responses, strict=True)
        }
        hosts = {f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, self._recorded)}
        super().__init__("replay", base_url=min(hosts, default=PLAYGROUND), max_retries=0, requests_per_second=None)
        self._session.mount("https://", _ReplayAdapter(self._recorded))
        self.recorded_order_ids = tuple(
            unquote(found[1]) for uri in self._recorded if (found := _ORDER_PATH.search(urlsplit(uri).path))
        )

    def __repr__(self) -> str:
        return f"ReplayClient({self.path.name!r}, {len(self.recorded_order_ids)} orders)"

    def _ask(
        self, url: str, order_id: str, read: Callable[[bytes, str], T]
    ) -> Fetched[T] | tuple[Failure, float | None]:
        if url in self._recorded:
            return super()._ask(url, order_id, read)
        told = f"{self.path.name} holds no answer for {urlsplit(url).path}; om.record({self.path.stem!r}) records"
        return Failure(order_id, "not_recorded", messages=(told,)), None


class RecordingClient(Client):
    """A client that records what it fetches; `om.record` makes it."""

    def __init__(self, path: Path, api_key: str | None = None, **options: Any) -> None:  # noqa: ANN401 - Client's
        super().__init__(api_key, **options)
        recorder = _RecordingAdapter(pool_maxsize=self._workers)
        self._session.mount("https://", recorder)
        self._session.mount("http://", recorder)
        # Also where nobody closes the client: at the latest when the interpreter ends.
        self._save = weakref.finalize(self, recorder.save, path)

    def close(self) -> None:
        """Write the recording and close the connections."""
        self._save()
        super().close()


class _ReplayAdapter(HTTPAdapter):
    """Answers from a recording."""

    def __init__(self, recorded: Mapping[str, dict[str, Any]]) -> None:
        super().__init__()
        self._recorded = recorded

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:  # noqa: ANN401
        recorded = self._recorded[request.url or ""]
        headers = [(name, value) for name, values in recorded["headers"].items() for value in values]
        answer = HTTPResponse(
            BytesIO(recorded["body"]["string"]),
            headers=dict(headers),
            status=recorded["status"]["code"],
            reason=recorded["status"]["message"],
            preload_content=False,
        )
        return self.build_response(request, answer)


class _RecordingAdapter(HTTPAdapter):
    """Sends requests and remembers the last answer to each, until they are written."""

    def __init__(self, pool_maxsize: int) -> None:
        super().__init__(pool_maxsize=pool_maxsize)
        self._answers: dict[str, requests.Response] = {}
        self._lock = threading.Lock()

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:  # noqa: ANN401
        answer = super().send(request, *args, **options)
        answer.content  # noqa: B018 - read whole now, so that an answer cut short is no answer
        with self._lock:
            self._answers[_public_url(request.url or "")] = answer
        return answer

    def save(self, path: Path) -> None:
        """Write the cassette in one step, sorted, everything personal replaced."""
        if not self._answers:
            return
        scrubber = privacy.Scrubber()
        answers = sorted(self._answers.items())
        cassette = {
            "requests": [Request("GET", url, None, {}) for url, _ in answers],
            "responses": [_scrubbed(answer, url, scrubber) for url, answer in answers],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        unfinished.write_text(serialize(cassette, _SERIALIZERS[path.suffix]), encoding="utf-8", newline="\n")
        unfinished.replace(path)


def _public_url(url: str) -> str:
    """Return the address to record: a sandbox's port on this machine would mean nothing elsewhere."""
    parts = urlsplit(url)
    return PLAYGROUND + parts.path if parts.hostname in LOOPBACK else url


def _scrubbed(answer: requests.Response, url: str, scrubber: privacy.Scrubber) -> dict[str, Any]:
    documented = privacy.CAPTURE if url.endswith("/captures") else privacy.ORDER
    body = scrubber.scrub_text(answer.text, documented if answer.ok else privacy.ERROR)
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
