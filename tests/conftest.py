"""Fixtures of all tests: the made-up responses, and no credentials from the environment."""

from __future__ import annotations

import os
import signal
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # the worker processes share the cores; polars reads this when it is imported
    os.environ.setdefault("POLARS_MAX_THREADS", "1")

import pytest
from hypothesis import settings
from secret_watch import _everything_is_logged, pytest_runtest_makereport  # noqa: F401 - pytest finds them here

# A shell starts what runs in its background with Ctrl-C ignored, and tests that press it would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Two of five examples of every property; `--hypothesis-profile=default`, as in .ci/run, draws them all.
settings.register_profile("quick", max_examples=40)
settings.load_profile("quick")

PAYLOADS = Path(__file__).parent / "support" / "payloads"


@pytest.fixture
def payloads() -> Path:
    """Return the folder of made-up responses: `orders`, `captures` and `errors`."""
    return PAYLOADS


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the settings of the environment."""
    for name in ("OM_API_KEY", "OM_USERNAME", "OM_PASSWORD", "OM_BASE_URL", "OM_PSEUDONYM_KEY"):
        monkeypatch.delenv(name, raising=False)
