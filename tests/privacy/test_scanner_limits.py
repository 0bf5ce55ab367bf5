"""What `privacy.scan` cannot read is `not opened`; what is packed, encoded or huge is read in bounded memory."""

import base64
import bz2
import codecs
import gzip
import io
import json
import lzma
import sqlite3
import tarfile
import tracemalloc
import zipfile
import zlib
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path
from struct import pack

import polars as pl
import pytest
import yaml

import om_toolkit as om
from om_toolkit import cli
from om_toolkit.privacy import scan_source, scan_tables, scan_texts, scanner, text_windows

PERSON = "grace@hopper.se"


def kinds(path: Path) -> list[str]:
    found = om.privacy.scan(path)
    assert PERSON not in str(found.rows())
    return sorted(set(found["kind"]))


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    packed = [
        pack(">I", len(content)) + kind + content + pack(">I", zlib.crc32(kind + content)) for kind, content in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def jpeg(comment: bytes) -> bytes:
    return b"\xff\xd8\xff\xfe" + pack(">H", len(comment) + 2) + comment + b"\xff\xda\x00\x02 \xff\xd9"


HEADER, END = (b"IHDR", b"\0" * 13), (b"IEND", b"")
PICTURE = png(HEADER, (b"IDAT", b"\0\1\2"), END)

UNREADABLE = {
    "write-ahead log": b"\x37\x7f\x06\x82" + bytes(28) + PERSON.encode(),
    "rollback journal": b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + PERSON.encode(),
    "journal with an empty header": bytes(28) + PERSON.encode(),
    "pickle": b"\x80\x04\x95\x13\0\0\0\0\0\0\0\x8c\x0f" + PERSON.encode() + b"\x94.",
    "MessagePack": b"\x81\xa5email\xaf" + PERSON.encode() + b"\xc3\x00",
    "text with a zero byte": f"{PERSON}\0\n".encode(),
    "rar": b"Rar!\x1a\x07\x01\0" + PERSON.encode(),
    "7z": b"7z\xbc\xaf\x27\x1c",
    "zstd": b"\x28\xb5\x2f\xfd\x20\x0f",
    "LZ4": b"\x04\x22\x4d\x18\x60\x40",
    "xz": lzma.compress(PERSON.encode()),
    "lzma": lzma.compress(PERSON.encode(), lzma.FORMAT_ALONE),
    "bzip2": bz2.compress(PERSON.encode()),
    "zlib": zlib.compress(PERSON.encode() * 20),
    "brotli.br": b"!8\0\4" + PERSON.encode() + b"\3",
    "Avro": b"Obj\x01\x04\x16avro.schema",
    "ORC": b"ORC\x11\x00\x00",
    "PDF": b"%PDF-1.7\n%abc\n",
    "GIF": b"GIF89a\x01\x00",
    "old workbook": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0",
    "PGP": b"-----BEGIN PGP MESSAGE-----\n\nhQEMA\n",
    "half a pair in UTF-16": codecs.BOM_UTF16_LE + b"a\0\0\xd8b\0",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_not_opened_and_fails(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(UNREADABLE[name])
    assert kinds(tmp_path) == ["not opened"]
    assert cli.main(["privacy", str(tmp_path)]) == 1
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.write(tmp_path / name, name)
    assert om.privacy.scan(tmp_path / "x.zip").select("where", "kind").rows() == [("[0]", "not opened")]


def test_a_database_that_was_left_open_is_not_opened_next_to_its_log(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "x.db")) as database:
        database.execute("PRAGMA journal_mode = wal")
        database.execute("CREATE TABLE people (name)")
        database.execute("INSERT INTO people VALUES (?)", [PERSON])
        database.commit()
        logs = {"alone-wal": (tmp_path / "x.db-wal").read_bytes(), "alone-shm": (tmp_path / "x.db-shm").read_bytes()}
        found = om.privacy.scan(tmp_path)
        rows = {Path(file).name: kind for file, kind in found.select("file", "kind").rows()}
        assert rows == {"x.db": "e-mail", "x.db-wal": "not opened", "x.db-shm": "not opened"}
    for name, content in logs.items():
        (tmp_path / name).write_bytes(content)
        assert kinds(tmp_path / name) == ["not opened"]


def test_deleted_rows_and_definitions_of_a_database_are_mentioned(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "x.db")) as database:
        database.execute("PRAGMA secure_delete = off")
        database.execute(f'CREATE TABLE "a ""b" (note DEFAULT \'{PERSON}\', size BLOB)')
        database.executemany('INSERT INTO "a ""b" VALUES (?, ?)', [("x" * 2000, b"\0\1")] * 50)
        database.execute("""INSERT INTO "a ""b" VALUES (CAST(x'e461' AS TEXT), x'')""")
        database.execute("CREATE TABLE gone (name)")
        database.executemany("INSERT INTO gone VALUES (?)", [("y" * 2000,)] * 50)
        database.execute("DROP TABLE gone")
        database.commit()
    found = om.privacy.scan(tmp_path)
    assert found.select("where", "kind").rows() == [
        ("file", "not opened"),
        ("? definition line 2", "e-mail"),
        ("?[0].size", "not opened"),
    ]
    assert "VACUUM" in found["shown"][0]


ENCODED = {
    "utf-16": PERSON.encode("utf-16"),
    "utf-16-le without mark": f"Till {PERSON}\n".encode("utf-16-le"),
    "utf-16-be without mark": f"Till {PERSON}\n".encode("utf-16-be"),
    "utf-32": PERSON.encode("utf-32"),
    "utf-32-be without mark": PERSON.encode("utf-32-be"),
    "latin-1": f"Åsa är på {PERSON}".encode("latin-1"),
    "cp1252": f"“Åsa” {PERSON}".encode("cp1252"),
    "lines in several encodings": "Åsa\n".encode("latin-1") + f"Åsa {PERSON}".encode(),
    "UTF-8 with mark": codecs.BOM_UTF8 + json.dumps([PERSON]).encode(),
    "colours": f"\x1b[31m{PERSON}\x1b[0m".encode(),
    "wide.csv": f'a;b\n"ä";{PERSON}\n'.encode("utf-16"),
    "wide.yaml": f"a: {PERSON}\n".encode("utf-16"),
    "latin.csv": f"ä;b\n1;{PERSON}\n".encode("latin-1"),
    "tags.yaml": f"!!python/tuple [!own {{a: {PERSON}}}]\n".encode(),
    "binary.yaml": yaml.dump({"a": gzip.compress(PERSON.encode())}).encode(),
    "two.yaml": f"a: 1\n---\n- [b, {{? [c] : {PERSON}}}]\n".encode(),
    "wrong.yaml": f"a: [{PERSON}\n".encode(),
    "keys.json": b'{"email": "Grace", "email": ""}',
    "har.json": b'{"headers": [{"name": "Set-Cookie", "value": "session=77"}]}',
    "pairs.json": b'[["Cookie", "session=77"], ["Authorization", "Bearer letters"]]',
    "numbers.txt": b'see {"phone": 46701234567, x}',
    "fields.xml": b"<order><d:given_name lang='sv'>Grace</d:given_name></order>",
    "output.ipynb": json.dumps({"data": {"image/png": base64.b64encode(png((b"tEXt", PERSON.encode()), END)).decode()}})
    .encode(),
    "page.html": f'<img src="data:image/png;base64,{base64.b64encode(PERSON.encode()).decode()}">'.encode(),
    "text.png": png(HEADER, (b"tEXt", f"Author\0{PERSON}".encode()), END),
    "text.jpg": jpeg(PERSON.encode()),
    "name.gz": b"\x1f\x8b\x08\x08\0\0\0\0\0\3" + PERSON.encode() + b"\0" + gzip.compress(b"")[10:],
}  # fmt: skip


@pytest.mark.parametrize("name", ENCODED)
def test_text_is_found_however_it_is_encoded(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(ENCODED[name])
    found = kinds(tmp_path)
    assert len(found) == 1
    assert found[0] in ("e-mail", "credentials", "name", "phone")


def mail(encoding: str, *, attached: bytes = b"") -> bytes:
    message = EmailMessage()
    message.set_content(f"Hej, {PERSON} åker hem.\n-- \nMoa", cte=encoding)
    if attached:
        message.add_attachment(attached, "application", "octet-stream", filename="rows.csv")
    return message.as_bytes()


MAILS = {
    "base64": mail("base64"),
    "quoted-printable": mail("quoted-printable").replace(b"@", b"=40"),
    "Windows lines": mail("base64").replace(b"\n", b"\r\n"),
    "subject": b"Subject: =?utf-8?b?" + base64.b64encode("å grace@hopper.se".encode()) + b"?=\n\nx",
    "mailbox": b"From x@example.com\n" + mail("8bit").replace(PERSON.encode(), b"") + b"\nFrom y\n" + mail("base64"),
    "quoted in a note": b"He wrote:\n\n" + mail("base64"),
}


@pytest.mark.parametrize("name", MAILS)
def test_the_encoded_parts_of_mail_are_found(name: str, tmp_path: Path) -> None:
    assert PERSON.encode() not in MAILS[name]
    (tmp_path / "mail.eml").write_bytes(MAILS[name])
    assert kinds(tmp_path) == ["e-mail"]


def test_attachments_of_mail_are_read_by_their_format(tmp_path: Path) -> None:
    (tmp_path / "csv.eml").write_bytes(mail("8bit", attached=b"city\nLund\n").replace(PERSON.encode(), b""))
    (tmp_path / "zip.eml").write_bytes(mail("8bit", attached=b"Rar!\x1a\x07\0").replace(PERSON.encode(), b""))
    found = om.privacy.scan(tmp_path).select("where", "kind").rows()
    assert found == [("part[0].city", "address"), ("part", "not opened")]


SECRETS = [
    "curl -u K1_x:hunter22 https://api",
    "curl -su 'K1_x:hunter22' https://api",
    'curl --user="K1_x:hunter22" https://api',
    "  -u K1_x:hunter22 \\",
    "http -a K1_x:hunter22 https://api",
    "wget --user=K1_x --password=hunter22 https://api",
    "postgres://shop:hunter22@db.internal/shop",
    "redis://:hunter22@cache",
    "https://ghp16C7e42F292c6912E7@github.com/x",
    "klarna_live_api_c29tZXRoaW5nIGxvbmc",
    "key: klarna_test_api_c29tZXRoaW5nIGxvbmc,",
    "machine api.klarna.com login K1_x password hunter22",
    "AUTHORIZATION: BASIC SzE6aHVudGVyMjI=",
    "authorization : bearer hunter22",
    '{"Authorization": "Bearer hunter22"',
    "('authorization', 'Basic hunter22')",
    "{b'Authorization': b'Basic hunter22'}",
    r"\"Authorization\": \"Bearer hunter22\"",
    "Authorization: Token 77hunter22",
    "x-api-key: hunter22hunter22",
    "basic SzE6aHVudGVyMjI=",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTYifQ.abc",
    "-----BEGIN RSA PRIVATE KEY-----",
    "export KLARNA_API_PASSWORD='hunter22'",
    "SHOP_SECRET=hunters",
    "      - DB_PASSWORD=hunters",
    "db.password = hunter22",
    "client_secret: 'hunters'",
    'HTTPBasicAuth("K1_x", "hunter22")',
]


@pytest.mark.parametrize("secret", SECRETS)
def test_credentials_are_found_in_any_form(secret: str, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text(f"first\n{secret}\n")
    found = om.privacy.scan(tmp_path)
    assert "credentials" in set(found["kind"])  # some look like an e-mail address as well
    assert set(found["where"]) == {"line 2"}
    assert "hunter" not in str(found.drop("file").rows())


@pytest.mark.parametrize(
    "line",
    [
        "docker run -u 1000:1000 curlimages/curl", "curl -u user:password https://api", "curl -u $USER:$PASSWORD https",
        "curl -u <user>:<password> https://api", "https://user:password@host", "https://{user}:{password}@host",
        "OM_API_KEY=kco_test_sandbox", "OM_API_KEY=your-key-here", "OM_PASSWORD=...", "password = getpass()",
        "TOKEN = read(path)", "token: str = ''", "login with your password", "--password PASSWORD", "Bearer tokens",
        "machine learning, default login page and password", "https://cdn.net/npm/vega@5.2/x.js", "secret: no",
    ],
)  # fmt: skip
def test_examples_and_code_are_not_taken_for_credentials(line: str, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text(f"{line}\n")
    assert om.privacy.scan(tmp_path).rows() == []


@pytest.mark.parametrize(
    "text", ["machine api\n  login K1_x\n  password hunter22", 'auth=(\n  "K1_x",\n  "hunter22",\n)']
)
def test_credentials_over_several_lines_are_found(text: str, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text(text)
    assert om.privacy.scan(tmp_path).select("where", "kind").rows() == [("file", "credentials")]


@pytest.mark.parametrize(
    "name",
    [
        "grace@hopper.se.csv",
        "grace@hopper.se.json",
        "grace@hopper.se",
        "order_880320-0016_x.txt",
        "to grace@hopper.se/x",
    ],
)
def test_the_name_of_a_file_is_searched_and_masked(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("x")
    found = om.privacy.scan(tmp_path)
    assert set(found["where"]) == {"name"}
    assert set(found["kind"]) <= {"e-mail", "personal number"}
    assert "hopper" not in str(found.rows())
    assert "880320" not in str(found.rows())


def test_names_that_are_no_text_are_shown_without_their_characters(tmp_path: Path) -> None:
    for name in (b"\xff\xfe.txt", b"a\x1b[2J.txt"):
        Path(tmp_path, name.decode("utf-8", "surrogateescape")).write_text(PERSON)
    assert om.privacy.scan(tmp_path)["file"].to_list() == [
        str(tmp_path / "a… (9 characters)"),
        str(tmp_path / "… (6 characters)"),
    ]


def test_links_to_folders_and_pipes_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "link").symlink_to(tmp_path)
    assert kinds(tmp_path / "a") == ["not opened"]
    assert kinds(Path("/dev/null")) == ["not opened"]


def test_a_folder_that_cannot_be_listed_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()

    def walk(_path: Path, onerror: object) -> list[tuple[str, list[str], list[str]]]:
        assert callable(onerror)
        onerror(PermissionError(13, "denied", str(tmp_path / "a")))
        return [(str(tmp_path), ["a"], [])]

    monkeypatch.setattr(scanner.os, "walk", walk)
    assert om.privacy.scan(tmp_path).select("file", "kind").rows() == [(str(tmp_path / "a"), "not opened")]


def test_pictures_are_searched_for_text_and_for_what_follows_them(tmp_path: Path) -> None:
    for name, content in {
        "plain.png": PICTURE,
        "more.png": PICTURE + b"PK",
        "cut.png": PICTURE[:-8],
        "packed.png": png(HEADER, (b"zTXt", b"x\0\0"), END),
        "plain.jpg": jpeg(b"none"),
        "more.jpg": jpeg(b"none") + b"PK",
        "cut.jpg": jpeg(b"none")[:5],
    }.items():
        (tmp_path / name).write_bytes(content)
    found = om.privacy.scan(tmp_path)
    assert set(found["kind"]) == {"not opened"}
    assert [Path(file).name for file in found["file"]] == ["cut.jpg", "cut.png", "more.jpg", "more.png", "packed.png"]


def test_packed_files_are_searched_with_their_names(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "names.zip", "w") as packed:
        packed.comment = PERSON.encode()
        packed.writestr(f"{PERSON}/", "")
    with tarfile.open(tmp_path / "names.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo(f"{PERSON}.txt"))
    assert om.privacy.scan(tmp_path)["where"].to_list() == ["[0] name", "comment", "[0] name"]


def test_the_members_after_an_unreadable_one_are_searched(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("a.txt", "x")
        packed.writestr("b.txt", PERSON)
    encrypted = bytearray(buffer.getvalue())
    encrypted[6] |= 1
    encrypted[encrypted.index(b"PK\1\2") + 8] |= 1  # the flag that says that a member is encrypted
    (tmp_path / "x.zip").write_bytes(encrypted)
    assert om.privacy.scan(tmp_path).select("where", "kind").rows() == [
        ("[0]", "not opened"),
        ("[1]", "e-mail"),
    ]


def test_a_workbook_is_searched_as_text_and_not_opened(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.xlsx", "w") as packed:
        packed.writestr("[Content_Types].xml", "<x/>")
        packed.writestr("xl/sharedStrings.xml", f"<t>{PERSON}</t>")
    assert kinds(tmp_path) == ["e-mail", "not opened"]


def test_a_damaged_tar_file_is_not_opened(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as packed:
        for name in "abc":
            member = tarfile.TarInfo(name)
            member.size = 700
            packed.addfile(member, io.BytesIO(PERSON.encode() + b" " * (700 - len(PERSON))))
    content = bytearray(buffer.getvalue())
    content[1536 + 100 : 1536 + 120] = b"9" * 20
    (tmp_path / "x.tar").write_bytes(content)
    assert kinds(tmp_path) == ["e-mail", "not opened"]


def test_bombs_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_source, "MOST_UNPACKED", 10**6)
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"a\n" * 10**6))
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for number in range(3):
            packed.writestr(f"{number}.txt", "b " * 200_000)
    layers = b"text"
    for _ in range(20):
        layers = gzip.compress(layers)
    (tmp_path / "y.gz").write_bytes(layers)
    aliases = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))
    (tmp_path / "harmless.yaml").write_text(f"a0: &a0 x\n{aliases}\n")
    (tmp_path / "z.yaml").write_text("[" * 5000)
    reasons = dict(om.privacy.scan(tmp_path).select("file", "shown").rows())
    assert {Path(file).name for file in reasons} == {"x.gz", "x.zip", "y.gz", "z.yaml"}
    assert "1,000,000 bytes" in reasons[str(tmp_path / "x.gz")]
    assert "more than 8 times" in reasons[str(tmp_path / "y.gz")]


def test_the_number_of_findings_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner, "MOST_FINDINGS", 3)
    (tmp_path / "x.txt").write_text(f"{PERSON}\n" * 3)
    assert kinds(tmp_path) == ["e-mail"]
    (tmp_path / "x.txt").write_text(f"{PERSON}\n" * 4)
    found = om.privacy.scan(tmp_path)
    assert found["kind"].to_list() == ["e-mail"] * 3 + ["not opened"]
    assert "more than 3 findings" in found["shown"][3]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("between", [" ", "\n", "é ", ","])
def test_text_in_windows_is_searched_to_its_end(
    between: str, encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, size in {"FIRST_WINDOW": 3000, "WINDOW": 2000, "OVERLAP": 200}.items():
        monkeypatch.setattr(text_windows, name, size)
    numbers = range(300)
    text = between.join(f"user{number}@hopper.se and some more words to read" for number in numbers)
    (tmp_path / "x.txt").write_text(text, encoding)
    found = om.privacy.scan(tmp_path)
    if between == "\n":
        assert found["where"].to_list() == [f"line {number}" for number in range(1, 301)]
    else:
        lengths = {f"u… ({len(f'user{number}@hopper.se')} characters)" for number in numbers}
        assert set(found["shown"]) >= lengths


def test_tables_are_read_in_pieces(tmp_path: Path) -> None:
    frame = pl.DataFrame({"^x$": range(20_000)}).with_columns(note=pl.lit("x"))
    frame[17_000, "note"] = PERSON
    frame.write_parquet(tmp_path / "a[1].parquet", row_group_size=5000)
    frame.write_ipc(tmp_path / "b[1]*.arrow")
    frame.write_csv(tmp_path / "c.csv")
    assert om.privacy.scan(tmp_path)["where"].to_list() == ["[17000].note"] * 3


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in {"FIRST_WINDOW": 20_000, "WINDOW": 20_000, "OVERLAP": 200}.items():
        monkeypatch.setattr(text_windows, name, size)
    for module in (scan_source, scan_tables, scan_texts):
        monkeypatch.setattr(module, "MOST_IN_MEMORY", 20_000)
    monkeypatch.setattr(scan_tables, "_ROWS", 200)


def peak_of_scanning(path: Path) -> int:
    tracemalloc.start()
    try:
        om.privacy.scan(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("line.txt", b"no person "),
        ("line.json", b"[no person, "),
        ("value.yaml", b"no person "),
        pytest.param("rows.csv", b"no,person,,,,,,\n", marks=pytest.mark.slow),
        pytest.param("rows.ndjson", b'{"order_id": "no person", "street": "none at all"}\n', marks=pytest.mark.slow),
        pytest.param("x.gz", b"no person\n", marks=pytest.mark.slow),
        ("zeros.gz", b"\0" * 100),
    ],
)
def test_the_memory_that_a_scan_needs_is_bounded(name: str, part: bytes, tmp_path: Path) -> None:
    content = part * (900_000 // len(part))
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert peak_of_scanning(tmp_path / name) < 800_000


@pytest.mark.slow
def test_a_text_of_150_megabytes_needs_less_than_100(tmp_path: Path) -> None:
    with (tmp_path / "x.txt").open("wb") as file:
        for _ in range(150):
            file.write(b"x" * 10**6)
    assert peak_of_scanning(tmp_path) < 100e6
