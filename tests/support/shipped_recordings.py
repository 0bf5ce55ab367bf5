"""Records the cassettes that are shipped, from the sandbox through the real recording: run it to make them anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import om_toolkit as om

CASSETTES = Path(__file__).parents[2] / "cassettes"


class Recording(NamedTuple):
    """What one of them holds.

    Attributes:
        orders: How many the shop has.
        faults: What the shop answers instead, as for `om.sandbox`.
        unknown: An id that is asked for as well, and which the shop does not have.
        api_key: The key that is used.
    """

    orders: int
    faults: dict[str, float] = {}  # noqa: RUF012 - nobody changes it
    unknown: str = ""
    api_key: str = "kco_test_sandbox"


RECORDINGS: Final = {
    "quickstart.json": Recording(300),
    "not_found.yaml": Recording(3, unknown="0f5a3c1e-9d27-4b60-8a11-000000000404"),
    "rate_limited.yaml": Recording(3, {"rate_limited": 0.5}),
    "wrong_credentials.yaml": Recording(1, api_key="kco_live_sandbox"),
}


def record_shipped(name: str, path: Path) -> None:
    """Record one of them to a path."""
    recording = RECORDINGS[name]
    options: dict[str, Any] = {"requests_per_second": None, "max_retries": 0}
    path.unlink(missing_ok=True)  # what was refused does not replace what was answered
    with (
        om.sandbox(recording.orders, faults=recording.faults) as shop,
        om.record(path, recording.api_key, base_url=shop.base_url, **options) as client,
    ):
        client.orders([*shop.order_ids, *filter(None, [recording.unknown])])


if __name__ == "__main__":
    for recording_name in RECORDINGS:
        record_shipped(recording_name, CASSETTES / recording_name)
