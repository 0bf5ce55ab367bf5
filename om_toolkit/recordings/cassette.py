"""Cassettes: recorded responses in; a file in vcrpy's format without personal data out, and back."""

import zlib
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from http.client import responses as reasons
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import yaml
from vcr.request import Request
from vcr.serialize import serialize
from vcr.serializers import jsonserializer, yamlserializer
from vcr.serializers.compat import convert_to_bytes

from om_toolkit.api.endpoints import parse_path, path_for
from om_toolkit.api.hosts import LOOPBACK, PLAYGROUND
from om_toolkit.privacy.fields import CAPTURE, ERROR, ORDER
from om_toolkit.privacy.scrub import Scrubber
from om_toolkit.support.atomic_files import local_path, replacing
from om_toolkit.support.text import count_of

Recorded: TypeAlias = dict[str, Any]
"""A response in vcrpy's format: `status` with `code`, `headers` with lists of values, `body` with `string`."""

_SERIALIZERS: Final[dict[str, ModuleType]] = {".yaml": yamlserializer, ".yml": yamlserializer, ".json": jsonserializer}

_KEPT_HEADERS: Final = (
    "content-type date retry-after x-envoy-ratelimited "
    "x-ratelimit-limit x-ratelimit-remaining x-ratelimit-reset klarna-correlation-id"
).split()

_CORRELATION_ID: Final = "klarna-correlation-id"
"""It is not kept with an order: it is of no use there, and differs in every recording."""

_FIELDS: Final = {_CORRELATION_ID: "correlation_id"}
"""The fields of bodies that contain the values of headers, so that both get the same placeholder."""

_LARGEST_RECORDED_BODY: Final = 64 * 2**20

_ENCODING_HEADERS: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class _TaglessLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # whichever is installed
    """Reads YAML and constructs no object for any tag: values with an unknown one are plain, or empty."""


def _without_tag(loader: yaml.SafeLoader, node: yaml.Node) -> object:
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_TaglessLoader.add_constructor(None, _without_tag)


class Responses(dict[str, Recorded]):
    """Responses as they arrived, by URL; a traceback that prints variables shows none of them."""

    def __repr__(self) -> str:
        return f"Responses({len(self)})"


def read(path: Path) -> dict[tuple[str, str], Recorded]:
    """Read the responses of a cassette, ours or plain vcrpy's, by order id and endpoint; bodies are decompressed bytes.

    Recorded requests to other APIs are skipped, even if they cannot be decoded.

    Raises:
        ValueError: If the file is not a cassette, or a response of one of the two endpoints cannot be decoded.
    """
    recorded = {}
    for request, response in interactions(path):
        key = our_key(request)
        if key:
            try:
                recorded[key] = _decoded(response)
            except (ValueError, LookupError, TypeError, AttributeError):
                what = "the captures of an order" if key[1] else "an order"
                raise ValueError(f"{path.name}: the response with {what} is incomplete; record it again") from None
    return recorded


def is_written(path: Path) -> bool:
    """Return whether a file exists and is not empty."""
    return path.is_file() and bool(path.read_bytes().strip())


def our_key(request: Request) -> tuple[str, str] | None:
    """Return the order id and the endpoint's suffix of a request; None if it is not one to the two endpoints."""
    return parse_path(request.uri) if request.method == "GET" else None


def interactions(path: Path, serializer: Any = None) -> list[tuple[Request, Any]]:  # noqa: ANN401 - vcrpy's
    """Return the requests of a cassette and their responses; requests that cannot be read are skipped.

    Args:
        path: The file.
        serializer: One of vcrpy's; by default the one for the file's suffix.

    Raises:
        ValueError: If the file is not a cassette.
    """
    entries = _entries(path, serializer)
    readable = [(request, entry.get("response")) for entry in entries if (request := _request(entry))]
    if entries and not readable:
        raise _not_a_cassette(path, "no interaction has a request")
    return [(request, _in_current_form(response)) for request, response in readable]


def check_replaceable(path: Path, serializer: Any = None) -> None:  # noqa: ANN401 - vcrpy's
    """Refuse to replace a file that may contain something that a recording of the two endpoints does not.

    Args:
        path: The file.
        serializer: As for `interactions`.

    Raises:
        ValueError: Unless the file is empty or a cassette of the two endpoints.
    """
    if not is_written(path):
        return
    try:
        requests = [_request(entry) for entry in _entries(path, serializer)]
    except ValueError as error:
        raise ValueError(f"{error} and was not changed; use another name, or delete it") from None
    if others := sum(not (request and our_key(request)) for request in requests):
        what = count_of(others, "recorded request")
        raise ValueError(f"{path.name} contains {what} to other APIs and was not changed; use another name")


def _entries(path: Path, serializer: Any = None) -> list[Any]:  # noqa: ANN401 - vcrpy's
    """Return the interactions in a file, unchecked."""
    serializer = serializer or _SERIALIZERS[path.suffix.lower()]
    try:
        text = path.read_text("utf-8-sig")
        is_yaml = serializer is yamlserializer
        document = yaml.load(text, _TaglessLoader) if is_yaml else serializer.deserialize(text)  # noqa: S506 - safe
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, yaml.YAMLError) as error:
        raise _not_a_cassette(path, type(error).__name__) from None
    entries = document.get("interactions") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise _not_a_cassette(path, "no interactions")
    if is_yaml and "version" not in document:  # which is the last line
        raise _not_a_cassette(path, "the end is missing")
    return entries


def _not_a_cassette(path: Path, reason: str) -> ValueError:
    return ValueError(f"{path.name} is not a vcrpy cassette ({reason})")


def _request(entry: Any) -> Request | None:  # noqa: ANN401 - from a file
    """Return the request of an interaction; None if it cannot be read."""
    try:
        fields = entry["request"]
        request = Request(fields["method"], fields["uri"], fields.get("body"), fields.get("headers") or {})
        parse_path(request.uri)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    return request


def _in_current_form(response: Any) -> Any:  # noqa: ANN401 - from a file
    """Return a response in vcrpy's current format; older versions recorded those of httpx in another one."""
    if isinstance(response, dict) and "status_code" in response:
        status = {"code": response["status_code"], "message": ""}
        response = {"status": status, "headers": response.get("headers"), "body": {"string": response.get("content")}}
    with suppress(AttributeError):  # the body is not text
        convert_to_bytes(response)
    return response


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
    text = serialize(cassette, serializer or _SERIALIZERS[path.suffix.lower()])
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8", newline="\n")


def find(name: str | Path) -> Path:
    """Return the file of a recording.

    Raises:
        FileNotFoundError: If there is no such recording.
    """
    for folder in (Path(), *_folders()):
        for suffix in ("", *_SERIALIZERS):
            path = folder / f"{name}{suffix}"
            if path.suffix.lower() in _SERIALIZERS and path.is_file():
                return path
    known = sorted(
        {path.stem for folder in _folders() for path in folder.glob("*.*") if path.suffix.lower() in _SERIALIZERS}
    )
    msg = f"there is no recording {str(name)!r}; use one of {', '.join(known)}, or make one with om.record"
    raise FileNotFoundError(msg)


def place(name: str | Path) -> Path:
    """Return the file to write a recording of that name to."""
    path = local_path(name)
    path = path if path.suffix.lower() in _SERIALIZERS else Path(f"{name}.yaml")
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
    headers = {
        name: list(map(str, values if isinstance(values, list) else [values]))
        for name, values in response["headers"].items()
        if name.lower() not in _ENCODING_HEADERS
    }
    body = _decompressed(response["body"]["string"])
    return {"status": {"code": int(response["status"]["code"])}, "headers": headers, "body": {"string": body}}


def _decompressed(body: bytes) -> bytes:
    """Return a body without its compression; as it is if it is not gzip or too large, and then it is no JSON."""
    if not body.startswith(b"\x1f\x8b"):
        return body
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        unpacked = unpacker.decompress(body, _LARGEST_RECORDED_BODY)
    except zlib.error:
        return body
    return unpacked if unpacker.eof else body


def _scrubbed(url: str, response: Recorded, scrubber: Scrubber) -> tuple[str, Recorded]:
    """Return a URL and its response with only what is known to be harmless."""
    order_id, suffix = parse_path(url) or ("", "")
    code = response["status"]["code"]
    is_ok = code == HTTPStatus.OK
    sent = {name.lower(): values for name, values in response["headers"].items()}
    names = [name for name in _KEPT_HEADERS if name in sent and not (is_ok and name == _CORRELATION_ID)]
    headers = {name: [scrubber.scrub_id(_FIELDS.get(name, name), value) for value in sent[name]] for name in names}
    tree = ERROR if not is_ok else CAPTURE if suffix else ORDER
    body = {"string": scrubber.scrub_text(_decoded(response)["body"]["string"], tree)}
    parts = urlsplit(url)
    # The port of a sandbox means nothing on another computer; a proxy's path can name a person.
    host = PLAYGROUND if parts.hostname in LOOPBACK else f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    public = host + path_for(url, scrubber.scrub_id("order_id", order_id))
    return public, {"status": {"code": code, "message": reasons.get(code, "")}, "headers": headers, "body": body}
