"""A synthetic shop."""

from __future__ import annotations

import pytest

from om_toolkit.synthetic.shop import Shop


@pytest.fixture(scope="session")
def shop() -> Shop:
    return Shop()
