"""A watch for credentials in all tests: fail every test that prints, logs, writes or raises one.

conftest.py loads it.
"""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

import pytest

import om_toolkit as om

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

KEY = "kco_live_notarealkey0123456789"
USERNAME, PASSWORD = "K1_abc", "not-a-real-password"
SECRETS = (KEY, PASSWORD, b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode())

_PACKAGE = str(Path(om.__file__).parent)
_outputs: list[str] = []  # of the running test


def texts_of(error: BaseException | None) -> Iterator[str]:
    """Yield what a debugger or a notebook shows of an error, its causes, and the variables of the package's frames."""
    while error is not None:
        yield f"{error!r} {error}"
        for frame, _ in walk_tb(error.__traceback__):
            if frame.f_code.co_filename.startswith(_PACKAGE):
                yield from (f"{name} = {_shown(value)}" for name, value in frame.f_locals.items())
        yield from texts_of(error.__cause__)
        error = error.__context__


def _shown(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - the object is incomplete: the error interrupted its construction
        return object.__repr__(value)


def _keep_what_tests_catch() -> None:
    fill, read = pytest.ExceptionInfo.fill_unfilled, pytest.CaptureFixture.readouterr

    def filled(self: Any, info: Any) -> None:
        fill(self, info)
        _outputs.extend(texts_of(info[1]))

    def read_out(self: Any) -> Any:
        captured = read(self)
        _outputs.extend(map(str, captured))
        return captured

    pytest.ExceptionInfo.fill_unfilled = filled  # type: ignore[method-assign]
    pytest.CaptureFixture.readouterr = read_out  # type: ignore[method-assign]


_keep_what_tests_catch()


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    for library in ("urllib3", "requests", "om_toolkit"):
        caplog.set_level("DEBUG", logger=library)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    texts = [*_outputs, *(text for _, text in report.sections)]
    if call.when == "call" and "tmp_path" in getattr(item, "funcargs", {}):
        files = [file for file in item.funcargs["tmp_path"].rglob("*") if file.is_file()]  # type: ignore[attr-defined]
        texts += [file.read_bytes().decode("latin-1") for file in files]
    if report.outcome == "passed" and any(secret in text for secret in SECRETS for text in texts):
        report.outcome = "failed"
        report.longrepr = "this test printed, logged, wrote or raised a credential"
    _outputs.clear()
    return report
