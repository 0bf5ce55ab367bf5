"""`privacy.scan` finds each kind of personal value and credential in each kind of file, and nothing else."""

from __future__ import annotations

import base64
import gzip
import io
import json
import sqlite3
import tarfile
import zipfile
from contextlib import closing
from datetime import date
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl
import pytest
import yaml
from shipped_recordings import CASSETTES

import om_toolkit as om
from om_toolkit import cli
from om_toolkit.orders.parsing import read_order

if TYPE_CHECKING:
    from collections.abc import Callable

# Personal numbers are those in python-stdnum's documentation, and some made by its rules.
PLANTED = {
    "e-mail": ("note", "ada@lovelace.se", "e-mail"),
    "e-mail in an address": ("note", "https://x.se/?who=ada%40lovelace.se", "e-mail"),
    "phone": ("note", "+46 70 123 45 67", "phone"),
    "Sweden": ("note", "880320-0016", "personal number"),
    "Sweden, long": ("note", "198803200016", "personal number"),
    "Norway": ("note", "15108695088", "personal number"),
    "Finland": ("note", "131052-308T", "personal number"),
    "Finland, temporary": ("note", "010190-900P", "personal number"),
    "Denmark": ("note", "211062-5629", "personal number"),
    "Denmark since 2007": ("note", "010180-1235", "personal number"),
    "Germany": ("note", "36574261809", "personal number"),
    "Netherlands": ("note", "1112.22.333", "personal number"),
    "Netherlands, named": ("note", "BSN: 111222333", "personal number"),
    "Netherlands, field": ("bsn", "111222333", "personal number"),
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
    "pair of credentials": ("note", 'requests.get(url, auth=("K1_a", "hunter2"))', "credentials"),
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


def archive(document: Any, path: Path) -> None:
    with om.Archive(path, personal=True) as opened:
        opened.add("1", read_order(json.dumps({"order_id": "1"} | document)), None)


def csv_rows(document: dict[str, str], delimiter: str = ";") -> str:
    return f"{delimiter.join(['x', *document])}\n{delimiter.join(['1', *document.values()])}\n"


def zipped(document: Any, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("nothing.txt", "")
        packed.writestr("ROWS.csv", csv_rows(document))


def tarred(document: Any, path: Path) -> None:
    content = csv_rows(document).encode()
    with tarfile.open(path, "w:gz") as packed:
        member = tarfile.TarInfo("rows.csv")
        member.size = len(content)
        packed.addfile(member, io.BytesIO(content))


def linked(document: dict[str, str]) -> str:
    data = base64.b64encode(csv_rows(document).encode()).decode()
    return f'<a download="x.csv" href="data:text/csv;charset=utf-8;base64,{data}">CSV</a>'


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
    "linked.html": text(linked),
    "report.html": text(html_table),
    "page.html": text(lambda document: f"<html><pre>{escape(json.dumps(document))}</pre></html>"),
    "archive.sqlite": archive,
    "tables.parquet": parquet,
    "tables.arrow": lambda document, path: pl.DataFrame({"x": 1} | document).write_ipc(path),
    "rows.csv": text(csv_rows),
    "ROWS.TSV": text(lambda document: csv_rows(document, "\t")),
    "excel.csv": text(lambda document: f"sep=;\r\n{csv_rows(document)}"),
    "rows.csv.gz": text(lambda document: gzip.compress(csv_rows(document).encode())),
    "rows.zip": zipped,
    "rows.tar.gz": tarred,
    "saved.ndjson": text(lambda document: json.dumps({"x": 1}) + "\n" + json.dumps({"moon": document}) + "\n"),
    "saved.ndjson.gz": text(lambda document: gzip.compress(json.dumps(document).encode())),
    "notes.txt": text(lambda document: "".join(f'see\n {name} = "{value}"\n' for name, value in document.items())),
    "utf16.txt": text(lambda document: json.dumps(document).encode("utf-16")),
}


@pytest.mark.parametrize("planted", PLANTED)
@pytest.mark.parametrize("file", FILES)
def test_each_kind_is_found_in_each_kind_of_file_and_not_quoted(file: str, planted: str, tmp_path: Path) -> None:
    name, value, kind = PLANTED[planted]
    FILES[file]({name: value}, tmp_path / file)
    found = om.privacy.scan(tmp_path / file)
    assert kind in found["kind"].to_list()
    assert set(found["file"]) == {str(tmp_path / file)}
    assert value not in str(found.rows())


PLACEHOLDERS = {
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
    "files": "icon@2x.png https://cdn.net/npm/vega-embed@6.min.js git@github.com:acme/x.git",
    "times": "202610311207 20261031-1207 Invoice 101025-1234",
    "references": "301026-1207 251031-0915 000145-1234 123456-7890",
    "nine digits": "111222333, BSN: 111222334, 1112.22.334",
    "lines": "+12345678",
    "code": "select(city='billing_address_city', password=password, cookie: str)",
}


@pytest.mark.parametrize("harmless", [PLACEHOLDERS, HARMLESS], ids=["placeholders", "others"])
@pytest.mark.parametrize("file", FILES)
def test_placeholders_and_similar_harmless_text_are_not_found(
    file: str, harmless: dict[str, str], tmp_path: Path
) -> None:
    FILES[file](harmless, tmp_path / file)
    assert om.privacy.scan(tmp_path / file).rows() == []


@pytest.mark.parametrize(
    "letter",
    [
        *("a", "1", "a.", "given_name", "A_"),
        *(pytest.param(letters, marks=pytest.mark.slow) for letters in ("a@", "+1", "<tr>", "cookie:", "data:a/a;")),
    ],
)
def test_a_line_of_a_megabyte_is_scanned_quickly(letter: str, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(letter * (10**6 // len(letter)))
    assert om.privacy.scan(tmp_path).is_empty()


def test_a_finding_says_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps({"captures": [{"billing_address": {"given_name": "Ada", "bo@home.se": {"phone": 5}}}]}))
    assert om.privacy.scan(file).drop("file").rows() == [
        ("captures[0].billing_address.given_name", "name", "… (3 characters)"),
        ("captures[0].billing_address.?", "e-mail", "b… (10 characters)"),
        ("captures[0].billing_address.?.phone", "phone", "… (1 characters)"),
    ]


def test_all_files_of_a_folder_are_scanned(tmp_path: Path) -> None:
    with om.sandbox(5) as shop:
        orders = shop.orders(shop.order_ids)
    orders.tables().write_parquet(tmp_path / "masked")
    orders.tables(personal=True).write_parquet(tmp_path / "open")
    assert om.privacy.scan(tmp_path / "masked").is_empty()
    found = om.privacy.scan(tmp_path)
    assert {Path(file).parent.name for file in found["file"]} == {"orders", "captures", "shipments"}
    assert set(found["kind"]) >= {"name", "address", "e-mail", "phone", "date of birth", "tracking"}


@pytest.mark.parametrize("name", ["Ada_Lovelace_Storgatan_1", "Ada Lovelace", "ada@lovelace.se"])
def test_the_place_of_a_finding_does_not_quote_personal_names(name: str, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(json.dumps({name: {"email": "bo@home.se"}}))
    (tmp_path / "table.html").write_text(html_table({f"{name}-email": "bo"}))
    pl.DataFrame({name: ["bo@home.se"]}).write_parquet(tmp_path / "x.parquet")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr(f"{name}.txt", "bo@home.se")
    found = om.privacy.scan(tmp_path)
    assert {Path(file).suffix for file in found["file"]} == {".json", ".html", ".parquet", ".zip"}
    assert name not in str(found["where"].to_list())


@pytest.mark.parametrize(
    "line",
    [
        "%env OM_PASSWORD=hunter",
        "export OM_PASSWORD=hunter",
        "OM_PSEUDONYM_KEY=0123456789abcdef",
        "Set-Cookie: session=abcdef; Path=/",
        "cookie: session=abcdef",
    ],
)
def test_credentials_need_no_quotes(line: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"\n{line}\n")
    assert om.privacy.scan(tmp_path).select("where", "kind").rows() == [("line 2", "credentials")]


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ("export OM_API_KEY=kco_live_0123456789abcdefghij", ["credentials"]),
        ("OM_PASSWORD: klarna_test_0123456789abcdefghij", ["credentials"]),
        ("Authorization: Basic kco_test_0123456789abcdefghij", ["credentials"]),
        ("curl -u shop:kco_test_0123456789abcdefghij https://api.example", ["credentials"]),
        ("curl -u a:hunter22 https://b:hunter33@api.example", ["credentials"] * 2),
        ("kco_live_0123456789abcdefghij kco_live_abcdefghij012345678", ["credentials"] * 2),
        ("ada@lovelace.se, grace@hopper.se", ["e-mail"] * 2),
        ("https://ada:hunter22@lovelace.se", ["e-mail", "credentials"]),
    ],
)
def test_what_two_patterns_find_is_one_finding_and_two_values_are_two(
    line: str, kinds: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "lines.txt"
    path.write_text(line)
    assert sorted(om.privacy.scan(path)["kind"]) == sorted(kinds)


def test_frames_printed_as_text_are_read_as_any_text(tmp_path: Path) -> None:
    printed = str(pl.DataFrame({"given_name": ["Ada"], "note": ["ada@lovelace.se"]}))
    (tmp_path / "x.ipynb").write_bytes(displayed("text/plain", printed))
    assert om.privacy.scan(tmp_path)["kind"].to_list() == ["e-mail"]


def test_the_tables_that_frames_display_in_notebooks_are_scanned(tmp_path: Path) -> None:
    document = {"x": [1, 2], "given_name": ["Ada", "given_name-1"]}
    (tmp_path / "pandas.ipynb").write_bytes(displayed("text/html", pd.DataFrame(document)._repr_html_()))
    (tmp_path / "polars.ipynb").write_bytes(displayed("text/html", pl.DataFrame(document)._repr_html_()))
    assert om.privacy.scan(tmp_path)["kind"].to_list() == ["name", "name"]


def test_text_after_the_word_base64_is_scanned(tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("The body is base64, please write to ada@lovelace.se")
    assert [Path(file).name for file in om.privacy.scan(tmp_path)["file"]] == ["note.md"]


def test_values_of_other_types_than_text_are_found(tmp_path: Path) -> None:
    columns = {
        "customer_date_of_birth": [date(1981, 9, 6), None],
        "phone": [46701234567.0, None],
        "customer_national_identification_number": [8803200016.0, float("nan")],
        "email": [b"ada@lovelace.se", None],
        "captures": [[{"city": "Lund"}], []],
    }
    pl.DataFrame(columns).write_parquet(tmp_path / "x.parquet")
    (tmp_path / "x.yaml").write_text("date_of_birth: 1981-09-06\n")
    assert om.privacy.scan(tmp_path).select("where", "kind", "shown").rows() == [
        ("[0].customer_date_of_birth", "date of birth", "1… (10 characters)"),
        ("[0].phone", "phone", "4… (11 characters)"),
        ("[0].customer_national_identification_number", "personal number", "8… (10 characters)"),
        ("[0].email", "e-mail", "a… (15 characters)"),
        ("[0].captures[0].city", "address", "L… (4 characters)"),
        ("date_of_birth", "date of birth", "1… (10 characters)"),
    ]


def test_equal_values_of_a_column_are_one_finding(tmp_path: Path) -> None:
    pl.DataFrame({"city": ["", "Lund", "Lund", "Malmö"]}).write_csv(tmp_path / "x.csv")
    assert om.privacy.scan(tmp_path)["where"].to_list() == ["[1].city", "[3].city"]


@pytest.mark.parametrize("personal", [False, True])
def test_an_archive_is_scanned_open_closed_and_packed(personal: bool, tmp_path: Path) -> None:  # noqa: FBT001
    with om.sandbox(3) as shop, om.Archive(tmp_path / "x.archive", personal=personal) as archive:
        for order in shop.orders(shop.order_ids):
            archive.add(order.order_id or "", order, None)
        open_ = om.privacy.scan(archive.path)
    closed = om.privacy.scan(archive.path)
    assert [file.name for file in tmp_path.iterdir()] == ["x.archive"]
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.write(archive.path)
    kinds = {"name", "address", "e-mail", "phone", "date of birth"} if personal else set()
    for found in (open_, closed, om.privacy.scan(tmp_path / "x.zip")):
        assert set(found["kind"]) >= kinds
        assert found.is_empty() is not personal


def test_a_database_that_is_not_an_archive_is_scanned(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "x.db")) as database:
        database.execute("CREATE TABLE archive (dictionary)")
        database.execute("CREATE TABLE people (body)")
        database.execute("INSERT INTO people VALUES ('ada@lovelace.se')")
        database.commit()
    assert om.privacy.scan(tmp_path)["where"].to_list() == ["people[0].body"]


UNREADABLE = {
    "cut.parquet": b"PAR1" + b"0" * 200,
    "cut.db": b"SQLite format 3\0" + b"0" * 200,
    "cut.gz": gzip.compress(b"ada@lovelace.se" * 9)[:-9],
    "cut.zip": b"PK\3\4" + b"0" * 200,
    "long cell.csv": f'a,b\n1,"{"x" * 200_000}"\n'.encode(),
    "x.7z": b"7z\xbc\xaf\x27\x1c",
}


def test_a_file_that_cannot_be_read_is_reported_and_the_others_are_scanned(tmp_path: Path) -> None:
    for name, content in UNREADABLE.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "z.txt").write_text("ada@lovelace.se")
    found = om.privacy.scan(tmp_path)
    kinds = {Path(file).name: kind for file, kind in found.select("file", "kind").iter_rows()}
    assert kinds == {**dict.fromkeys([*UNREADABLE, "dangling"], "not opened"), "z.txt": "e-mail"}
    assert set(found["where"]) == {"file", "line 1"}
    with pytest.raises(FileNotFoundError, match="no file"):
        om.privacy.scan(tmp_path / "none")


@pytest.mark.slow
def test_nothing_is_found_in_the_shipped_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["demo"]) == 0
    assert om.privacy.scan(CASSETTES, CASSETTES.parent / "notebooks", CASSETTES.parent / "README.md").rows() == []
    assert om.privacy.scan("report.html").rows() == []


def test_the_command_prints_findings_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "note.txt"
    file.write_text("ada@lovelace.se")
    assert cli.main(["privacy", str(file)]) == 1
    out, err = capsys.readouterr()
    assert out == f"{file}: line 1: e-mail, a… (15 characters)\n"
    assert err == (
        "om-toolkit: 1 finding; remove this data, and check files that were not opened, before you share them\n"
    )
    file.write_text("no person")
    assert cli.main(["privacy", str(file)]) == 0
    assert capsys.readouterr() == ("", "")
