"""The watch for credentials: it sees what is printed, captured, logged, written, raised, or in a variable."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import secret_watch

LEAKS = """
import logging, pytest
from secret_watch import KEY, PASSWORD
from om_toolkit import money

def test_printed(): print(KEY)
def test_captured(capsys):
    print(PASSWORD)
    capsys.readouterr()
def test_logged(): logging.getLogger("urllib3").debug("x %s", KEY)
def test_written(tmp_path): (tmp_path / "x").write_bytes(b"\\xff" + KEY.encode())
def test_raised():
    with pytest.raises(ValueError): raise ValueError(PASSWORD)
def test_in_a_cause():
    with pytest.raises(ValueError):
        try: raise KeyError(PASSWORD)
        except KeyError: raise ValueError
def test_in_a_variable():
    with pytest.raises(TypeError): money.format(KEY, "SEK")
def test_harmless(tmp_path, capsys):
    (tmp_path / "x").write_text("x")
    print("x")
    with pytest.raises(ValueError): raise ValueError("x")
"""


def test_every_output_is_watched(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "from secret_watch import *\nfrom secret_watch import _everything_is_logged\n"
    )
    (tmp_path / "test_leaks.py").write_text(LEAKS)
    path = str(Path(secret_watch.__file__).parent)
    output = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=line", tmp_path],
        env={**os.environ, "PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    failed = {line.split("::")[1].split(" ")[0] for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))}
    leaks = {line.split("(")[0].removeprefix("def ") for line in LEAKS.splitlines() if line.startswith("def ")}
    assert failed == leaks - {"test_harmless"}, output
