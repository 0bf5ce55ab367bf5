"""The command as a process, run by a shell: pipes, standard input, Ctrl-C, and what goes to which stream."""

from __future__ import annotations

import shlex
import shutil
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

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no bash, and no SIGINT to send")

BASH = shutil.which("bash") or "/bin/bash"
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
    done = subprocess.run([BASH, "-c", script], capture_output=True, text=True, timeout=60, check=False)
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


def interrupt(line: str, shop: SandboxClient) -> tuple[int, str, str]:
    """Run a command and press Ctrl-C once a few orders were served."""
    arguments = [*shlex.split(COMMAND), *line.split()]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        while shop.server.served < 3 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        watchdog.cancel()
    return process.returncode, out, err


def test_ctrl_c_keeps_what_was_fetched_and_says_how_to_go_on(
    shop: SandboxClient, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = interrupt("report --orders ids.csv", shop)
    with om.Archive("interrupted.archive") as archive:
        kept = len(archive)
    assert 0 < kept < 16
    assert (code, out) == (130, "")
    assert err == (
        f"om-toolkit: interrupted; {kept} of 16 orders are in interrupted.archive; "
        "run the same command again with --archive interrupted.archive to continue\n"
    )
    assert not Path("report.html").exists()
    before = shop.server.served
    assert cli.main(["report", "--orders", "ids.csv", "--archive", "interrupted.archive"]) == 0
    assert capsys.readouterr().out.startswith("Orders(16 orders, ")
    assert shop.server.served == before + 16 - kept


@pytest.mark.slow
def test_ctrl_c_during_a_fetch_names_the_archive(shop: SandboxClient) -> None:
    code, out, err = interrupt("fetch ids.csv --archive shop.archive", shop)
    with om.Archive("shop.archive") as archive:
        kept = len(archive)
    assert 0 < kept < 16
    assert (code, out) == (130, "")
    place = Path("shop.archive").absolute()
    text = f"interrupted; {kept} of 16 orders are in {place}; run the same command again to continue"
    assert err == f"om-toolkit: {text}\n"
    code, out, err = shell("om-toolkit fetch ids.csv --archive shop.archive")
    assert (code, out.splitlines()[0][:17], err) == (0, "Orders(16 orders,", "")


def test_a_reader_that_goes_away_early_causes_no_traceback() -> None:
    Path("orders.json").write_text('{"order_id": "a-1"}', "utf-8")
    code, out, err = shell("(om-toolkit audit --answers orders.json; echo code $? >&2) | true")
    assert (code, out, err) == (0, "", "code 1\n")


def write_inputs(shop: SandboxClient) -> None:
    """Write the same three ids as files of many kinds."""
    ids = shop.order_ids[:3]
    rows = [f"Käufer {number};{one}" for number, one in enumerate(ids)]
    Path("bom.csv").write_text("\r\n".join(["Kunde;Order ID", *rows]), "utf-8-sig", newline="")
    Path("latin1.csv").write_text("\n".join(["Kunde;Order ID", *rows]), "latin-1")
    summary = "currency;total_sale_amount;total_fee_amount\nEUR;100.00;2.50\n\ntype;order_id;capture_id;amount\n"
    Path("settlement.csv").write_text(summary + "".join(f"SALE;{one};c-1;10.00\n" for one in ids), "utf-8")
    Path("hooks.ndjson").write_text(
        "".join(f'{{"id": "x", "data": {{"order_id": "{one}"}}}}\n' for one in ids), "utf-8"
    )
    Path("unknown.txt").write_text("".join(f"not-{number}\n" for number in range(20)), "utf-8")
    Path("folder").mkdir()


KEPT = "Orders(3 orders"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "code", "printed", "message"),
    [
        ("audit --orders bom.csv", 0, KEPT, ""),
        ("audit --orders - < bom.csv", 0, KEPT, ""),
        ("audit --orders latin1.csv", 0, KEPT, "latin1.csv is not UTF-8 and was read as Latin-1"),
        ("audit --orders settlement.csv", 0, KEPT, "settlement.csv is a settlement file"),
        ("audit --orders hooks.ndjson", 0, KEPT, ""),
        ("audit --orders <(head -3 ids.csv)", 0, KEPT, ""),
        ("audit --orders bom.csv --column 'Order-ID'", 0, KEPT, ""),
        ("audit --orders bom.csv --column ordre_id", 2, "", "did you mean 'Order ID'? Name the column"),
        ("audit --orders bom.csv --column total", 2, "", "no column 'total', only Kunde, Order ID; name the column"),
        (
            "audit --orders unknown.txt",
            1,
            "",
            "20 ids: not found (404). Wrong host, environment or merchant? First: not-0",
        ),
        ("report --orders bom.csv --output folder", 2, "", "cannot write folder: it is a folder"),
        ("report --orders bom.csv --output nowhere/x.html", 2, "", "the folder nowhere does not exist"),
        ("fetch nowhere.csv --archive x", 2, "", "nowhere.csv does not exist"),
    ],
)
def test_a_line_of_the_shell(shop: SandboxClient, line: str, code: int, printed: str, message: str) -> None:
    write_inputs(shop)
    done = shell(f"om-toolkit {line}")
    assert (done[0], done[1][: len(printed)]) == (code, printed)
    assert (message in done[2]) if message else done[2] == ""
    assert "Traceback" not in done[2]
    assert "kco_test" not in done[1] + done[2]
    if code == 2:
        assert (done[1], len(done[2].splitlines()), shop.server.served) == ("", 1, 0)


@pytest.mark.slow
def test_missing_or_wrong_credentials_are_noticed_before_the_first_request(shop: SandboxClient) -> None:
    code, out, err = shell("unset OM_API_KEY; om-toolkit report --orders ids.csv")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "set OM_API_KEY" in err
    code, out, err = shell("unset OM_BASE_URL; OM_API_KEY=abc123 om-toolkit report --orders ids.csv")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "abc123" not in err
    assert shop.server.served == 0
