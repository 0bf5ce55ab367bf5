"""A local copy of S3 in a process of its own: `python object_storage.py FOLDER` prints its port.

polars keeps Python's lock while it waits for some responses, so a thread of the same process could not send them.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Objects:
    """Objects by path, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def paths(self) -> list[str]:
        return sorted(
            f"/{file.relative_to(self.folder).as_posix()}" for file in self.folder.rglob("*") if file.is_file()
        )

    def __contains__(self, path: str) -> bool:
        return self.file(path).is_file()

    def file(self, path: str) -> Path:
        return self.folder / path.lstrip("/")


class Bucket(BaseHTTPRequestHandler):
    """The few requests of S3 that polars sends; an object is a file."""

    objects: Objects

    def do_PUT(self) -> None:
        file = self.objects.file(urlsplit(self.path).path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
        self.respond(200, b"", ETag='"x"')

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if "list-type" in (query := parse_qs(url.query)):
            bucket = f"/{url.path.strip('/')}/"
            keys = [key for key in self.objects.paths() if key.startswith(bucket + query.get("prefix", [""])[0])]
            entries = "".join(
                f"<Contents><Key>{key.removeprefix(bucket)}</Key><Size>{self.objects.file(key).stat().st_size}</Size>"
                "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>x</ETag></Contents>"
                for key in keys
            )
            self.respond(
                200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()
            )
        elif url.path not in self.objects:
            self.respond(404, b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            body, span = self.objects.file(url.path).read_bytes(), self.headers["Range"]
            if not span:
                self.respond(200, body)
                return
            first, last = span.removeprefix("bytes=").split("-")
            start = int(first) if first else max(0, len(body) - int(last))
            part = body[start : int(last) + 1 if first and last else None]
            self.respond(206, part, **{"Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(body)}"})

    def respond(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Length": str(len(body)),
            "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
            "ETag": '"x"',
        }.items() | headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    handler = type("Handler", (Bucket,), {"objects": Objects(Path(sys.argv[1])), "protocol_version": "HTTP/1.1"})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    print(server.server_port, flush=True)  # noqa: T201 - for the test
    server.serve_forever()
