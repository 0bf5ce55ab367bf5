"""Cassettes: the files of recordings, in vcrpy's format; answers in, and nothing personal in what is written."""

from __future__ import annotations

import gzip
import logging
import re
import threading
from functools import wraps
from http.client import responses
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote, unquote, urlsplit

from requests import codes
from requests.adapters import HTTPAdapter
from vcr.config import VCR
from vcr.persisters.filesystem import FilesystemPersister
from vcr.request import Request
from vcr.serialize import deserialize, serialize
from vcr.serializers import jsonserializer, yamlserializer
from yaml import YAMLError

from om_toolkit import privacy
from om_toolkit.files import replacing
from om_toolkit.transport import LOOPBACK, PLAYGROUND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    import requests

Answer: TypeAlias = dict[str, Any]
"""As vcrpy keeps it: `status` with `code` and `message`, `headers` with lists of values, `body` with `string`."""

_SERIALIZERS: Final[dict[str, ModuleType]] = {".yaml": yamlserializer, ".json": jsonserializer}
_KEPT_HEADERS: Final = (
    "content-type date klarna-correlation-id retry-after x-envoy-ratelimited "
    "x-ratelimit-limit x-ratelimit-remaining x-ratelimit-reset"
).split()
_SUPPORT: Final = "klarna-correlation-id"
_OF_THE_WAY: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})
_ORDER_PATH: Final = re.compile(r"/ordermanagement/v1/orders/([^/]+)(/captures)?$")
_MAY_GET_BETTER: Final = (408, 429)


def asked(url: str) -> tuple[str, str] | None:
    """Return the order id and the endpoint below it that an address asks for, whatever the host."""
    found = _ORDER_PATH.search(urlsplit(url).path)
    return (unquote(found[1]), found[2] or "") if found else None


def read(path: Path) -> dict[tuple[str, str], Answer]:
    """Read the answers of a cassette, ours or plain vcrpy's, by what was asked for; each body stands for itself.

    Raises:
        ValueError: If the file is no cassette.
    """
    try:
        return _read(path)
    except (ValueError, LookupError, TypeError, AttributeError, YAMLError) as error:
        raise ValueError(f"{path.name} is no cassette of vcrpy ({type(error).__name__})") from None


def _read(path: Path) -> dict[tuple[str, str], Answer]:
    requests, answers, *_ = deserialize(path.read_text("utf-8"), _SERIALIZERS[path.suffix])
    reads = zip(requests, answers, strict=True)
    recorded = {asked(request.uri): _plain(answer) for request, answer in reads if request.method == "GET"}
    return {key: answer for key, answer in recorded.items() if key}


class Answers(dict[str, Answer]):
    """Answers as they came, by the address that was asked; a traceback that prints variables shows none of them."""

    def __repr__(self) -> str:
        return f"Answers({len(self)})"


def write(path: Path, answers: Answers, serializer: Any = None, *, mask_ids: bool = False) -> None:  # noqa: ANN401 - vcrpy's
    """Write a cassette of answers: in one step, sorted, everything personal replaced.

    Args:
        path: The file.
        answers: By the address that was asked.
        serializer: One of vcrpy's; else the file's suffix tells.
        mask_ids: As for `privacy.Scrubber`.

    Raises:
        OSError: If it cannot be written; what stood there stays.
    """
    scrubber = privacy.Scrubber(mask_ids=mask_ids)
    scrubbed = [_scrubbed(url, answers[url], scrubber) for url in sorted(answers)]
    cassette = {
        "requests": [Request("GET", url, None, {}) for url, _ in scrubbed],
        "responses": [answer for _, answer in scrubbed],
    }
    text = serialize(cassette, serializer or _SERIALIZERS[path.suffix])
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8", newline="\n")


def public_url(url: str) -> str:
    """Return the address to record: a sandbox's port on this machine would mean nothing elsewhere."""
    parts = urlsplit(url)
    return PLAYGROUND + parts.path if parts.hostname in LOOPBACK else url


def find(name: str | Path) -> Path:
    """Return where a recording lies.

    Raises:
        FileNotFoundError: If there is no such recording.
    """
    for folder in (Path(), *_folders()):
        for suffix in ("", *_SERIALIZERS):
            path = folder / f"{name}{suffix}"
            if path.suffix in _SERIALIZERS and path.is_file():
                return path
    there = sorted({path.stem for folder in _folders() for path in folder.glob("*.*") if path.suffix in _SERIALIZERS})
    msg = f"there is no recording {str(name)!r}; there are: {', '.join(there)}. om.record makes one"
    raise FileNotFoundError(msg)


def place(name: str | Path) -> Path:
    """Return where a recording of that name is to lie."""
    path = Path(name) if Path(name).suffix in _SERIALIZERS else Path(f"{name}.yaml")
    if path.parent != Path():
        return path
    beside = Path("..", "cassettes")
    return (beside if beside.is_dir() and not Path("cassettes").is_dir() else Path("cassettes")) / path


def _folders() -> Iterator[Path]:
    """Yield where recordings lie: with the user's project first, then with this package."""
    yield Path("cassettes")
    yield Path("..", "cassettes")
    yield Path(__file__).parent / "cassettes"
    yield Path(__file__).parents[1] / "cassettes"


def _plain(answer: Answer) -> Answer:
    """Return an answer whose body stands for itself: plain vcrpy keeps headers of the body as it was on its way."""
    headers = {name: values for name, values in answer["headers"].items() if name.lower() not in _OF_THE_WAY}
    body = answer["body"]["string"]
    return answer | {"headers": headers, "body": gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body}


def _scrubbed(url: str, answer: Answer, scrubber: privacy.Scrubber) -> tuple[str, Answer]:
    """Return an address and its answer as they may be written: nothing of either that is not known to be harmless."""
    order_id, below = asked(url) or ("", "")
    masked = quote(scrubber.scrub_id("order_id", order_id), safe="")
    documented = privacy.CAPTURE if below else privacy.ORDER
    code = answer["status"]["code"]
    tree = documented if code == codes.ok else privacy.ERROR
    answered = {name.lower(): values for name, values in answer["headers"].items()}
    headers = {name: answered[name] for name in _KEPT_HEADERS if name in answered}
    support = headers.pop(_SUPPORT, None)
    if support and code != codes.ok:  # of an order it says nothing, and is another one at the next recording
        headers[_SUPPORT] = [scrubber.scrub_id("correlation_id", value) for value in support]
    body = {"string": scrubber.scrub_text(_plain(answer)["body"], tree)}
    public = _ORDER_PATH.sub(f"/ordermanagement/v1/orders/{masked}{below}", public_url(url.partition("?")[0]))
    return public, {"status": {"code": code, "message": responses.get(code, "")}, "headers": headers, "body": body}


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
