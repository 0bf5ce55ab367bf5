"""The command as a process, run by a shell: pipes, standard input, Ctrl-C, and what goes to which stream."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import om_toolkit as om
from om_toolkit import cli
from om_toolkit.synthetic.sandbox import SandboxClient

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has another shell, and no SIGINT to send")

COMMAND = f"{shlex.quote(sys.executable)} -W error -m om_toolkit"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxClient]:
    """Return a shop of 16 orders that the command reaches, and whose ids are in `ids.csv`."""
    with om.sandbox(16, latency=0.02) as client:
        monkeypatch.setenv("OM_BASE_URL", client.base_url)
        monkeypatch.setenv("OM_API_KEY", "kco_test_sandbox")
        Path("ids.csv").write_text("\n".join([*client.order_ids, ""]), "utf-8")
        yield client


def shell(line: str) -> tuple[int, str, str]:
    """Run a line of a shell in which `om-toolkit` is the command."""
    script = f'om_toolkit() {{ {COMMAND} "$@"; }}\n{line.replace("om-toolkit", "om_toolkit")}'
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def test_ids_from_a_pipe_are_fetched_and_only_results_are_on_stdout(shop: SandboxClient) -> None:
    code, out, err = shell("(cat ids.csv; echo not-1) | om-toolkit fetch - --archive shop.archive --verbose 2>errors")
    assert (code, err) == (3, "")
    assert [line.partition("(")[0] for line in out.splitlines()] == ["Orders", "Archive"]
    errors = Path("errors").read_text("utf-8").splitlines()
    assert errors[0] == "om-toolkit: order not-1 failed: not_found, HTTP status 404, 1 request"
    assert errors[1].startswith("1 id: not found (404). Wrong host, environment or merchant? First: not-1, ")
    assert len(errors) == 2
    assert shop.server.served == 17


def test_ctrl_c_keeps_what_was_fetched_and_says_how_to_go_on(
    shop: SandboxClient, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*shlex.split(COMMAND), "report", "--orders", "ids.csv"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        while shop.server.served < 3 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        watchdog.cancel()
    with om.Archive("interrupted.archive") as archive:
        kept = len(archive)
    assert 0 < kept < 16
    assert (process.returncode, out) == (130, "")
    assert err == (
        f"om-toolkit: interrupted; {kept} of 16 orders are in interrupted.archive; "
        "run the same command again with --archive interrupted.archive to continue\n"
    )
    assert not Path("report.html").exists()
    before = shop.server.served
    assert cli.main(["report", "--orders", "ids.csv", "--archive", "interrupted.archive"]) == 0
    assert capsys.readouterr().out.startswith("Orders(16 orders, ")
    assert shop.server.served == before + 16 - kept


def test_a_reader_that_goes_away_early_causes_no_traceback() -> None:
    Path("orders.json").write_text('{"order_id": "a-1"}', "utf-8")
    code, out, err = shell("(om-toolkit audit --answers orders.json; echo code $? >&2) | true")
    assert (code, out, err) == (0, "", "code 1\n")
