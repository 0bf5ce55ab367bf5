"""An archive and orders for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import om_toolkit as om
from om_toolkit.synthetic.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.archive"


@pytest.fixture
def archive(path: Path) -> Iterator[om.Archive]:
    with om.Archive(path) as opened:
        yield opened


@pytest.fixture(scope="session")
def shop_orders() -> om.Orders:
    shop = Shop(300)
    return om.Orders.from_json(b"\n".join(map(shop.body, shop.order_ids)), as_of=shop.as_of)
