"""What all tests share: where the real answers lie, and no clock, zone or credentials of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from secret_watch import _everything_is_logged, pytest_runtest_makereport  # noqa: F401 - pytest finds them here

PAYLOADS = Path(__file__).parents[2] / "shared" / "payloads"


@pytest.fixture
def payloads() -> Path:
    if not PAYLOADS.is_dir():
        pytest.skip("the real API's answers are not at hand")
    return PAYLOADS


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OM_API_KEY", "OM_USERNAME", "OM_PASSWORD", "OM_BASE_URL", "OM_PSEUDONYM_KEY"):
        monkeypatch.delenv(name, raising=False)
