"""What `privacy.scan` finds: each kind of thing in each kind of file, and nothing where there is nothing."""

from __future__ import annotations

import gzip
import json
import sqlite3
import zlib
from contextlib import closing
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
import yaml
from shipped_recordings import CASSETTES

import om_toolkit as om
from om_toolkit import cli

if TYPE_CHECKING:
    from collections.abc import Callable

# Personal numbers are those that python-stdnum's documentation shows.
PLANTED = {
    "e-mail": ("note", "ada@lovelace.se", "e-mail"),
    "e-mail in an address": ("note", "https://x.se/?who=ada%40lovelace.se", "e-mail"),
    "phone": ("note", "+46 70 123 45 67", "phone"),
    "Sweden": ("note", "880320-0016", "personal number"),
    "Sweden, long": ("note", "198803200016", "personal number"),
    "Norway": ("note", "15108695088", "personal number"),
    "Finland": ("note", "131052-308T", "personal number"),
    "Denmark": ("note", "211062-5629", "personal number"),
    "Germany": ("note", "36574261809", "personal number"),
    "name": ("given_name", "Ada", "name"),
    "name in a column": ("billing_address_family_name", "Lovelace", "name"),
    "street": ("street_address", "Storgatan 1", "address"),
    "phone without country": ("phone", "070-123 45 67", "phone"),
    "date of birth": ("date_of_birth", "1981-09-06", "date of birth"),
    "number": ("national_identification_number", "8803200016", "personal number"),
    "tracking": ("return_tracking_number", "JVGL0123", "tracking"),
    "API key": ("note", "kco_live_0123456789abcdef", "credentials"),
    "header": ("note", "Authorization: Basic kco_anything", "credentials"),
    "header as a field": ("Authorization", "Basic anything", "credentials"),
    "cookie": ("Set-Cookie", "session=1234", "credentials"),
    "classic credentials": ("note", "Basic SzEyMzQ1OnNlY3JldA==", "credentials"),
    "password": ("password", "hunter2", "credentials"),
    "address with a password": ("note", "https://ada:secret@proxy.se", "credentials"),
}


def notebook(outputs: list[dict[str, Any]]) -> bytes:
    cell = {"cell_type": "code", "source": ["1"], "metadata": {}, "execution_count": 1, "outputs": outputs}
    return json.dumps({"cells": [cell], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}).encode()


def displayed(mime: str, text: str) -> bytes:
    lines = text.splitlines(keepends=True)
    return notebook([{"output_type": "display_data", "metadata": {}, "data": {mime: lines}}])


def interactions(document: Any) -> dict[str, Any]:
    response = {"status": {"code": 200}, "headers": {}, "body": {"string": json.dumps({"a": [document]})}}
    return {"interactions": [{"request": {"uri": "https://api"}, "response": response}], "version": 1}


def html_table(document: dict[str, str]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in ["x", *document])
    row = "".join(f"<td>{escape(value)}</td>" for value in ["1", *document.values()])
    return f"<html>\n<table border=1><thead><tr>{head}</tr></thead>\n<tr>{row}</tr></table></html>\n"


def drawn_table(document: dict[str, str]) -> str:
    with pl.Config(tbl_width_chars=200, tbl_cols=9, fmt_str_lengths=100):
        return str(pl.DataFrame({"x": 1} | document))


def packed(document: Any, path: Path) -> None:
    """Write what an archive looks like."""
    packer = zlib.compressobj(zdict=b"order_id")
    body = packer.compress(json.dumps(document).encode()) + packer.flush()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE archive (dictionary BLOB)")
        database.execute("CREATE TABLE snapshots (order_key TEXT, body BLOB)")
        database.execute("INSERT INTO archive VALUES (?)", (b"order_id",))
        database.execute("INSERT INTO snapshots VALUES (?, ?)", ("1", body))
        database.commit()


def parquet(document: Any, path: Path) -> None:
    pl.DataFrame([{"x": 1} | document, {"x": 2}], schema=["x", *document]).write_parquet(path)


def text(make: Callable[[dict[str, str]], str | bytes]) -> Callable[[Any, Path], None]:
    def write(document: Any, path: Path) -> None:
        made = make(document)
        path.write_bytes(made if isinstance(made, bytes) else made.encode())

    return write


FILES: dict[str, Callable[[Any, Path], None]] = {
    "cassette.yaml": text(lambda document: yaml.dump(interactions(document))),
    "cassette.json": text(lambda document: json.dumps(interactions(document), indent=1)),
    "printed.ipynb": text(
        lambda document: notebook([{"output_type": "stream", "name": "stdout", "text": [f"{document}\n", "end"]}])
    ),
    "table.ipynb": text(lambda document: displayed("text/html", html_table(document))),
    "drawn.ipynb": text(lambda document: displayed("text/plain", drawn_table(document))),
    "report.html": text(html_table),
    "page.html": text(lambda document: f"<html><pre>{escape(json.dumps(document))}</pre></html>"),
    "archive.sqlite": packed,
    "tables.parquet": parquet,
    "rows.csv": text(lambda document: f"x;{';'.join(document)}\n1;{';'.join(document.values())}\n"),
    "answers.ndjson": text(lambda document: json.dumps({"x": 1}) + "\n" + json.dumps({"moon": document}) + "\n"),
    "answers.ndjson.gz": text(lambda document: gzip.compress(json.dumps(document).encode())),
    "notes.txt": text(lambda document: "".join(f'see\n {name} = "{value}"\n' for name, value in document.items())),
    "utf16.txt": text(lambda document: json.dumps(document).encode("utf-16")),
}


@pytest.mark.parametrize("planted", PLANTED)
@pytest.mark.parametrize("file", FILES)
def test_each_kind_is_found_in_each_kind_of_file_and_not_repeated(file: str, planted: str, tmp_path: Path) -> None:
    name, value, kind = PLANTED[planted]
    FILES[file]({name: value}, tmp_path / file)
    found = om.privacy.scan(tmp_path / file)
    assert kind in found["kind"].to_list()
    assert set(found["file"]) == {str(tmp_path / file)}
    assert value not in str(found.rows())


STAND_INS = {
    "given_name": "given_name-12",
    "billing_address_email": "person-3@example.com",
    "date_of_birth": "1800-02-03",
    "national_identification_number": "national_identification_number-7",
    "return_tracking_uri": "https://example.com/9xxxx",
    "postal_code": "-4",
    "note": "ada@example.org, bo@shop.test",
}
HARMLESS = {
    "id": "26fce10a-c784-4f89-af37-198803200016",
    "time": "2026-10-01T08:00:00.123456+00:00",
    "gtin": "2000260000002",
    "wrong check digits": "880320-0017x 15108695089 131052-308A 36574261890 198803200017",
    "no date": "889920-0016",
    "words": "Basic authentication, Authorization Required, kco_test_sandbox, pip@1.2, a @ b.se, 1+2345678901",
    "given_name": "",
}


@pytest.mark.parametrize("harmless", [STAND_INS, HARMLESS], ids=["stand-ins", "others"])
@pytest.mark.parametrize("file", FILES)
def test_stand_ins_and_what_looks_a_little_like_something_are_none(
    file: str, harmless: dict[str, str], tmp_path: Path
) -> None:
    FILES[file](harmless, tmp_path / file)
    assert om.privacy.scan(tmp_path / file).rows() == []


@pytest.mark.parametrize("letter", ["a", "1", "a@", "+1", "a.", "given_name", "<tr>"])
def test_a_line_of_a_megabyte_is_looked_at_in_a_moment(letter: str, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(letter * (10**6 // len(letter)))
    assert om.privacy.scan(tmp_path).is_empty()


def test_it_says_where(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps({"captures": [{"billing_address": {"given_name": "Ada", "bo@home.se": {"phone": 5}}}]}))
    assert om.privacy.scan(file).drop("file").rows() == [
        ("captures[0].billing_address.given_name", "name", "… (3 characters)"),
        ("captures[0].billing_address.?", "e-mail", "b… (10 characters)"),
        ("captures[0].billing_address.?.phone", "phone", "… (1 characters)"),
    ]


def test_a_folder_is_looked_at_whole(tmp_path: Path) -> None:
    with om.sandbox(5) as shop:
        orders = shop.orders(shop.order_ids)
    orders.tables().write_parquet(tmp_path / "masked")
    orders.tables(personal=True).write_parquet(tmp_path / "open")
    assert om.privacy.scan(tmp_path / "masked").is_empty()
    found = om.privacy.scan(tmp_path)
    assert {Path(file).parent.name for file in found["file"]} == {"orders", "captures", "shipments"}
    assert set(found["kind"]) >= {"name", "address", "e-mail", "phone", "date of birth", "tracking"}


@pytest.mark.parametrize("start", [b"PAR1", b"SQLite format 3\0"])
def test_what_cannot_be_opened_is_not_passed_over(start: bytes, tmp_path: Path) -> None:
    (tmp_path / "broken").write_bytes(start + b"0" * 200)
    with pytest.raises(ValueError, match="broken cannot be opened"):
        om.privacy.scan(tmp_path)
    with pytest.raises(FileNotFoundError):
        om.privacy.scan(tmp_path / "none")


def test_nothing_is_found_in_what_is_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["demo"]) == 0
    assert om.privacy.scan(CASSETTES, CASSETTES.parent / "notebooks", CASSETTES.parent / "README.md").rows() == []
    assert om.privacy.scan("report.html").rows() == []


def test_the_command_tells_places_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "note.txt"
    file.write_text("ada@lovelace.se")
    assert cli.main(["privacy", str(file)]) == 1
    out, err = capsys.readouterr()
    assert out == f"{file}: line 1: e-mail, a… (15 characters)\n"
    assert err == "om-toolkit: 1 places hold credentials or personal data\n"
    file.write_text("nobody")
    assert cli.main(["privacy", str(file)]) == 0
    assert capsys.readouterr() == ("", "")
