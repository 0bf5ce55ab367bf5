"""Record the shipped cassettes from the sandbox; run this script to update them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import om_toolkit as om

CASSETTES = Path(__file__).parents[2] / "cassettes"


class Recording(NamedTuple):
    """How a cassette is recorded.

    Attributes:
        orders: Number of orders in the shop.
        faults: Shares of faults, as in `om.sandbox`.
        unknown: An additional id that the shop does not have.
        api_key: The key of the client.
    """

    orders: int
    faults: dict[str, float] = {}  # noqa: RUF012 - never changed
    unknown: str = ""
    api_key: str = "kco_test_sandbox"


RECORDINGS: Final = {
    "quickstart.json": Recording(300),
    "not_found.yaml": Recording(3, unknown="0f5a3c1e-9d27-4b60-8a11-000000000404"),
    "rate_limited.yaml": Recording(3, {"rate_limited": 0.5}),
    "wrong_credentials.yaml": Recording(1, api_key="kco_live_sandbox"),
}


def record_shipped(name: str, path: Path) -> None:
    """Record a cassette to a path."""
    recording = RECORDINGS[name]
    options: dict[str, Any] = {"requests_per_second": None, "max_retries": 0}
    path.unlink(missing_ok=True)  # failures would not replace recorded orders
    with (
        om.sandbox(recording.orders, faults=recording.faults) as shop,
        om.record(path, recording.api_key, base_url=shop.base_url, **options) as client,
    ):
        client.orders([*shop.order_ids, *filter(None, [recording.unknown])])


if __name__ == "__main__":
    for recording_name in RECORDINGS:
        record_shipped(recording_name, CASSETTES / recording_name)
