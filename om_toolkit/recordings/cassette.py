"""Cassettes: recorded responses in; a file in vcrpy's format without personal data out, and back."""

import gzip
from collections.abc import Iterator
from http import HTTPStatus
from http.client import responses as reasons
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from vcr.request import Request
from vcr.serialize import deserialize, serialize
from vcr.serializers import jsonserializer, yamlserializer
from yaml import YAMLError

from om_toolkit.api.credentials import LOOPBACK, PLAYGROUND
from om_toolkit.api.endpoints import parse_path, replace_order_id
from om_toolkit.privacy.fields import CAPTURE, ERROR, ORDER
from om_toolkit.privacy.scrub import Scrubber
from om_toolkit.support.atomic_files import replacing

Recorded: TypeAlias = dict[str, Any]
"""A response in vcrpy's format: `status` with `code`, `headers` with lists of values, `body` with `string`."""

_SERIALIZERS: Final[dict[str, ModuleType]] = {".yaml": yamlserializer, ".json": jsonserializer}

_KEPT_HEADERS: Final = (
    "content-type date klarna-correlation-id retry-after x-envoy-ratelimited "
    "x-ratelimit-limit x-ratelimit-remaining x-ratelimit-reset"
).split()

_CORRELATION_ID: Final = "klarna-correlation-id"

_ENCODING_HEADERS: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class Responses(dict[str, Recorded]):
    """Responses as they arrived, by URL; a traceback that prints variables shows none of them."""

    def __repr__(self) -> str:
        return f"Responses({len(self)})"


def read(path: Path) -> dict[tuple[str, str], Recorded]:
    """Read the responses of a cassette, ours or plain vcrpy's, by order id and endpoint; bodies are decompressed bytes.

    Raises:
        ValueError: If the file is not a cassette.
    """
    recorded = {}
    try:
        requests, responses, *_ = deserialize(path.read_text("utf-8"), _SERIALIZERS[path.suffix])
        for request, response in zip(requests, responses, strict=True):
            key = parse_path(request.uri)
            if key and request.method == "GET":
                recorded[key] = _decoded(response)
    except (ValueError, LookupError, TypeError, AttributeError, YAMLError) as error:
        raise ValueError(f"{path.name} is not a vcrpy cassette ({type(error).__name__})") from None
    return recorded


def write(path: Path, responses: Responses, serializer: Any = None, *, mask_ids: bool = False) -> None:  # noqa: ANN401 - vcrpy's
    """Write a cassette atomically, sorted by URL, with everything personal replaced.

    Args:
        path: The file.
        responses: By URL.
        serializer: One of vcrpy's; by default the one for the file's suffix.
        mask_ids: As for `privacy.Scrubber`.

    Raises:
        OSError: If it cannot be written; a file that was there is not changed.
    """
    scrubber = Scrubber(mask_ids=mask_ids)
    scrubbed = [_scrubbed(url, responses[url], scrubber) for url in sorted(responses)]
    cassette = {
        "requests": [Request("GET", url, None, {}) for url, _ in scrubbed],
        "responses": [response for _, response in scrubbed],
    }
    text = serialize(cassette, serializer or _SERIALIZERS[path.suffix])
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8", newline="\n")


def public_url(url: str) -> str:
    """Return the URL to record: the port of a sandbox means nothing on another computer."""
    parts = urlsplit(url)
    return PLAYGROUND + parts.path if parts.hostname in LOOPBACK else url


def find(name: str | Path) -> Path:
    """Return the file of a recording.

    Raises:
        FileNotFoundError: If there is no such recording.
    """
    for folder in (Path(), *_folders()):
        for suffix in ("", *_SERIALIZERS):
            path = folder / f"{name}{suffix}"
            if path.suffix in _SERIALIZERS and path.is_file():
                return path
    known = sorted({path.stem for folder in _folders() for path in folder.glob("*.*") if path.suffix in _SERIALIZERS})
    msg = f"there is no recording {str(name)!r}; use one of {', '.join(known)}, or make one with om.record"
    raise FileNotFoundError(msg)


def place(name: str | Path) -> Path:
    """Return the file to write a recording of that name to."""
    path = Path(name) if Path(name).suffix in _SERIALIZERS else Path(f"{name}.yaml")
    if path.parent != Path():
        return path
    sibling = Path("..", "cassettes")
    return (sibling if sibling.is_dir() and not Path("cassettes").is_dir() else Path("cassettes")) / path


def _folders() -> Iterator[Path]:
    """Yield the folders of recordings: the user's first, then those of the package."""
    yield Path("cassettes")
    yield Path("..", "cassettes")
    yield Path(__file__).parents[1] / "cassettes"
    yield Path(__file__).parents[2] / "cassettes"


def _decoded(response: Recorded) -> Recorded:
    """Return a response with a decompressed body: plain vcrpy records bodies as they were sent."""
    headers = {name: values for name, values in response["headers"].items() if name.lower() not in _ENCODING_HEADERS}
    body = response["body"]["string"]
    if body.startswith(b"\x1f\x8b"):
        body = gzip.decompress(body)
    return {"status": {"code": response["status"]["code"]}, "headers": headers, "body": {"string": body}}


def _scrubbed(url: str, response: Recorded, scrubber: Scrubber) -> tuple[str, Recorded]:
    """Return a URL and its response with only what is known to be harmless."""
    order_id, suffix = parse_path(url) or ("", "")
    masked = scrubber.scrub_id("order_id", order_id)
    code = response["status"]["code"]
    is_ok = code == HTTPStatus.OK
    sent = {name.lower(): values for name, values in response["headers"].items()}
    headers = {name: sent[name] for name in _KEPT_HEADERS if name in sent}
    correlation_ids = headers.pop(_CORRELATION_ID, ())
    if correlation_ids and not is_ok:  # with an order it is of no use, and differs in every recording
        headers[_CORRELATION_ID] = [scrubber.scrub_id("correlation_id", value) for value in correlation_ids]
    tree = ERROR if not is_ok else CAPTURE if suffix else ORDER
    body = {"string": scrubber.scrub_text(_decoded(response)["body"]["string"], tree)}
    public = replace_order_id(public_url(url.partition("?")[0]), masked)
    return public, {"status": {"code": code, "message": reasons.get(code, "")}, "headers": headers, "body": body}
