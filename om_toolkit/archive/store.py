"""TODO."""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from om_toolkit.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_BUSY_SECONDS: Final = 60.0  # how long to wait for another process that writes


APPLICATION_ID: Final = 0x6F6D746B  # "omtk": tells an archive from any other SQLite file


MIGRATIONS: Final[tuple[str, ...]] = (
    "CREATE TABLE archive (personal INTEGER NOT NULL, dictionary BLOB NOT NULL)",
    """
    CREATE TABLE snapshots (
        order_key TEXT NOT NULL,      -- the id that was asked for, without regard to case
        number INTEGER NOT NULL,      -- of this order's snapshots, from 0
        first_seen INTEGER NOT NULL,  -- microseconds since 1970, UTC; 0 is an unknown time
        last_seen INTEGER NOT NULL,
        is_open INTEGER NOT NULL,     -- whether it can still change
        digest BLOB NOT NULL,         -- of the document before it was packed
        body BLOB NOT NULL,           -- the document in JSON, packed by zlib with the archive's dictionary
        PRIMARY KEY (order_key, number)
    )
    """,
)
"""What makes a file of this version, one statement after the other; `user_version` counts those that a file has had."""


# One statement is one transaction, and one turn of the interpreter's lock: whoever writes at the same time, the number
# is the newest snapshot's if that has the same content, and then only its `last_seen` moves; else the next one.
ADD_SNAPSHOT: Final = """
    INSERT INTO snapshots (order_key, number, first_seen, last_seen, is_open, digest, body)
    SELECT :key, ifnull(newest.number + (newest.digest <> :digest), 0), :at, :at, :is_open, :digest, :body
    FROM (SELECT 1) LEFT JOIN (
        SELECT number, digest, last_seen FROM snapshots WHERE order_key = :key ORDER BY number DESC LIMIT 1
    ) AS newest
    WHERE newest.last_seen IS NULL OR newest.last_seen <= :at
    ON CONFLICT (order_key, number) DO UPDATE SET last_seen = excluded.last_seen
"""


SELECT_NEWEST: Final = """
    SELECT order_key, last_seen, is_open, body FROM snapshots AS one
    WHERE number = (SELECT max(number) FROM snapshots WHERE order_key = one.order_key AND first_seen <= :until)
"""


AMONG_KEYS: Final = " AND order_key IN (SELECT value FROM json_each(:keys))"


SELECT_STATES: Final = """
    SELECT order_key, is_open FROM snapshots AS one
    WHERE number = (SELECT max(number) FROM snapshots WHERE order_key = one.order_key)
"""


SELECT_CHANGED: Final = """
    SELECT before.last_seen, after.first_seen, before.body, after.body
    FROM snapshots AS after JOIN snapshots AS before
    ON before.order_key = after.order_key AND before.number = after.number - 1
    WHERE after.first_seen > :since ORDER BY after.first_seen, after.order_key
"""


SELECT_COUNTS: Final = "SELECT count(*), sum(number = 0), min(nullif(first_seen, 0)), max(last_seen) FROM snapshots"


class Snapshot(NamedTuple):
    """What is known of an order at an instant."""

    order_key: str
    last_seen: int
    is_open: int
    body: bytes


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open a file; each statement is a transaction of its own unless one is begun."""
    uri = f"{path.as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def refuse_single_byte(path: Path) -> None:
    """Refuse the one size that SQLite takes for an empty file and writes over.

    The file is not opened for that: on POSIX, closing it would end all locks that this process holds on it, those of
    another `Archive` too, and with them the promise that nothing is lost.
    """
    if path.exists() and path.stat().st_size == 1:
        raise ArchiveError(f"{path}: {_PROBLEMS[sqlite3.SQLITE_NOTADB]}")


@contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Say what SQLite or zlib complain of in words that tell what to do."""
    try:
        yield
    except zlib.error:
        problem = _PROBLEMS[sqlite3.SQLITE_CORRUPT]
    except sqlite3.Error as error:
        problem = _PROBLEMS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF) or f"SQLite says: {error}"
    else:
        return
    raise ArchiveError(f"{path}: {problem}") from None


_PROBLEMS: Final = {
    sqlite3.SQLITE_FULL: "the disk is full. What was stored is kept: make room and go on",
    sqlite3.SQLITE_IOERR: "the system refused to read or write. What was stored is kept: is the disk or a quota full?",
    sqlite3.SQLITE_READONLY: "the file or its folder cannot be written: allow it, or copy the archive elsewhere",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened: is its folder there, and may you write in it?",
    sqlite3.SQLITE_PERM: "the file cannot be opened: may you write it?",
    sqlite3.SQLITE_NOTADB: "this is no archive, and is left as it is: give another path",
    sqlite3.SQLITE_CORRUPT: "the archive is damaged, such as cut short, and is left as it is: take a copy of before",
    sqlite3.SQLITE_BUSY: f"another process has kept the archive locked for {_BUSY_SECONDS:.0f} s: end it and go on",
}


_TYPICAL: Final = """
{"order_id":"-","status":"CAPTURED","fraud_status":"ACCEPTED","order_amount":0,"original_order_amount":0,
"captured_amount":0,"refunded_amount":0,"remaining_authorized_amount":0,"purchase_currency":"EUR",
"purchase_country":"SE","locale":"sv-SE","created_at":"2026-01-01T00:00:00Z","expires_at":"2026-01-01T00:00:00Z",
"klarna_reference":"","merchant_reference1":"","merchant_reference2":"","merchant_data":"",
"initial_payment_method":{"type":"INVOICE","description":"description-1","number_of_installments":3},
"customer":{"type":"person","date_of_birth":"1800-01-02",
"national_identification_number":"national_identification_number-1","vat_id":"vat_id-1",
"organization_entity_type":"LIMITED_COMPANY","organization_registration_id":"organization_registration_id-01"},
"billing_address":{"attention":"attention-1","city":"city-1","country":"SE","email":"person-01@example.com",
"family_name":"family_name-1","given_name":"given_name-1","organization_name":"organization_name-1",
"phone":"phone-1","postal_code":"postal_code-1","region":"","street_address":"street_address-1",
"street_address2":"","title":""},"shipping_address":{},"selected_shipping_option":{"id":"x","class":"standard",
"type":"x","method":"PickUpPoint","name":"","carrier":"","carrier_product":{"identifier":"","name":""},"price":0,
"tax_amount":0,"tax_rate":2500,"location":{"id":"id-1","name":"name-1","price":0,"address":{}},"timeslot":{"id":"x",
"start":"2026","end":"","cutoff":"","price":0},"selected_addons":[{"type":"sms","price":0,"external_id":"",
"user_input":"user_input-1"}],"tms_reference":"tms_reference-1"},"order_lines":[{"reference":"",
"type":"shipping_fee","name":"","quantity":1,"quantity_unit":"pcs","unit_price":0,"tax_rate":2500,"total_amount":0,
"total_discount_amount":0,"total_tax_amount":0,"image_url":"https://example.com/1",
"product_url":"https://example.com/1","merchant_data":"","product_identifiers":{"brand":"","category_path":"",
"color":"","global_trade_item_number":"","manufacturer_part_number":"","size":""}}],"shipping_info":[],
"captures":[{"capture_id":"","klarna_reference":"","captured_amount":0,"captured_at":"2026-01-01T00:00:00Z",
"refunded_amount":0,"reference":"","description":"","order_lines":[],"shipping_info":[{"shipping_company":"",
"shipping_method":"Home","tracking_number":"tracking_number-1","tracking_uri":"https://example.com/1",
"return_shipping_company":"","return_tracking_number":"","return_tracking_uri":""}]}],"refunds":[{"refund_id":"",
"refunded_amount":0,"refunded_at":"2026-01-01T00:00:00Z","reference":"","description":"","order_lines":[]}]}
"""


DICTIONARY: Final = "".join(_TYPICAL.split()).encode()
"""What masked answers have in common, so that it need not stand in each; a file keeps the one that it was made with."""
