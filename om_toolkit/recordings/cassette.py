"""Cassettes: the files of recordings, in vcrpy's format; answers in, and nothing personal in what is written."""

from __future__ import annotations

import gzip
import re
from http.client import responses
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote, unquote, urlsplit

from requests import codes
from vcr.request import Request
from vcr.serialize import deserialize, serialize
from vcr.serializers import jsonserializer, yamlserializer
from yaml import YAMLError

from om_toolkit.api.credentials import LOOPBACK, PLAYGROUND
from om_toolkit.privacy.fields import CAPTURE, ERROR, ORDER
from om_toolkit.privacy.scrub import Scrubber
from om_toolkit.support.atomic_files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType


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
    scrubber = Scrubber(mask_ids=mask_ids)
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
    yield Path(__file__).parents[1] / "cassettes"
    yield Path(__file__).parents[2] / "cassettes"


def _plain(answer: Answer) -> Answer:
    """Return an answer whose body stands for itself: plain vcrpy keeps headers of the body as it was on its way."""
    headers = {name: values for name, values in answer["headers"].items() if name.lower() not in _OF_THE_WAY}
    body = answer["body"]["string"]
    return answer | {"headers": headers, "body": gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body}


def _scrubbed(url: str, answer: Answer, scrubber: Scrubber) -> tuple[str, Answer]:
    """Return an address and its answer as they may be written: nothing of either that is not known to be harmless."""
    order_id, below = asked(url) or ("", "")
    masked = quote(scrubber.scrub_id("order_id", order_id), safe="")
    documented = CAPTURE if below else ORDER
    code = answer["status"]["code"]
    tree = documented if code == codes.ok else ERROR
    answered = {name.lower(): values for name, values in answer["headers"].items()}
    headers = {name: answered[name] for name in _KEPT_HEADERS if name in answered}
    support = headers.pop(_SUPPORT, None)
    if support and code != codes.ok:  # of an order it says nothing, and is another one at the next recording
        headers[_SUPPORT] = [scrubber.scrub_id("correlation_id", value) for value in support]
    body = {"string": scrubber.scrub_text(_plain(answer)["body"], tree)}
    public = _ORDER_PATH.sub(f"/ordermanagement/v1/orders/{masked}{below}", public_url(url.partition("?")[0]))
    return public, {"status": {"code": code, "message": responses.get(code, "")}, "headers": headers, "body": body}
