"""Records the cassettes that are shipped, from the sandbox through the real recording: run it to make them anew."""

from __future__ import annotations

from pathlib import Path

import om_toolkit as om

CASSETTES = Path(__file__).parents[1] / "cassettes"
RECORDINGS = {"quickstart.json": 300}  # and how many orders the shop has


def record_shipped(name: str, path: Path) -> None:
    """Record one of them to a path."""
    with (
        om.sandbox(RECORDINGS[name]) as shop,
        om.record(path, "kco_test_sandbox", base_url=shop.base_url, requests_per_second=None) as client,
    ):
        client.orders(shop.order_ids).raise_for_failures()


if __name__ == "__main__":
    for recording in RECORDINGS:
        record_shipped(recording, CASSETTES / recording)
