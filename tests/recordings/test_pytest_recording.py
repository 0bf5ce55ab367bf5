"""The recipe for pytest-recording records without personal data, and replays without a network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import om_toolkit as om

RECIPES = Path(__file__).parents[2] / "docs" / "recipes.md"


def run(folder: Path, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_the_recipe_records_once_and_replays_offline(tmp_path: Path) -> None:
    conftest, test = re.findall(r"own -->\n```python\n(.*?)```", RECIPES.read_text("utf-8"), re.DOTALL)
    (tmp_path / "conftest.py").write_text(conftest, "utf-8")
    (tmp_path / "test_order.py").write_text(test, "utf-8")
    with om.sandbox(20) as shop:
        orders = shop.orders(shop.order_ids)
        order = next(order for order in orders if order.captured_amount and order.billing_address)
        settings = {"OM_BASE_URL": shop.base_url, "ORDER_ID": order.order_id or ""}
        recorded = run(tmp_path, "--record-mode=once", OM_API_KEY="kco_test_sandbox", **settings)
        assert recorded.returncode == 0, recorded.stdout
    (cassette,) = tmp_path.rglob("*.yaml")
    text = cassette.read_text("utf-8")
    assert order.order_id in text
    assert order.billing_address.email not in text
    assert om.privacy.scan(cassette).is_empty()
    replayed = run(tmp_path, "--block-network", OM_API_KEY="kco_test_none", **settings)
    assert replayed.returncode == 0, replayed.stdout
    cassette.unlink()
    refused = run(tmp_path, "--block-network", OM_API_KEY="kco_test_none", **settings)
    assert refused.returncode == 1, "it must have used the cassette"
