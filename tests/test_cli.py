"""The command line, as a user types it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

import om_toolkit as om
from om_toolkit import cli


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(arguments)
    return code, *capsys.readouterr()


def test_the_demo_prints_key_figures_writes_a_report_and_shows_the_next_steps(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, err = run(capsys, "demo")
    assert (code, err) == (0, "")
    assert out.isascii()
    assert [line for line in out.splitlines() if line.isupper()] == ["EUR", "JPY", "SEK", "USD"]
    assert "Written: report.html" in out
    assert len(out.partition("prefix the commands with python -m uv run):\n")[2].splitlines()) == 3
    assert Path("report.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_the_command_is_installed() -> None:
    command = shutil.which("om-toolkit", path=str(Path(sys.executable).parent))
    assert command
    printed = subprocess.run([command, "--help"], capture_output=True, text=True, check=True).stdout
    assert "demo" in printed


def test_a_report_of_saved_responses(capsys: pytest.CaptureFixture[str], payloads: Path) -> None:
    files = sorted(str(file) for file in (payloads / "orders").glob("*.json"))
    code, out, err = run(capsys, "report", "--answers", *files, "--title", "Real", "--output", "real.html")
    assert code == 0
    assert out.startswith("Orders(3 orders")
    assert err.startswith("om-toolkit: 1 order had more than one document")  # in two of the files
    assert "<title>Real</title>" in Path("real.html").read_text("utf-8")


def test_a_report_of_order_ids_in_a_file(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with om.sandbox(30) as shop:
        monkeypatch.setenv("OM_BASE_URL", shop.base_url)
        monkeypatch.setenv("OM_API_KEY", "kco_test_sandbox")
        rows = [f"{number};{order_id}" for number, order_id in enumerate([*shop.order_ids, "not-1"])]
        Path("ids.csv").write_text("\n".join(["number;Order ID", *rows]), "utf-8")
        code, out, err = run(capsys, "report", "--orders", "ids.csv")
    assert code == 0
    assert out.startswith("Orders(30 orders, 1 failed")
    assert err.startswith("not-1: not_found (404 NO_SUCH_ORDER")
    assert "1 order could not be fetched or read and is not included" in Path("report.html").read_text("utf-8")


def test_orders_are_fetched_into_an_archive_once_and_reported_from_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with om.sandbox(30) as shop:
        monkeypatch.setenv("OM_BASE_URL", shop.base_url)
        monkeypatch.setenv("OM_API_KEY", "kco_test_sandbox")
        Path("ids.csv").write_text("\n".join([*shop.order_ids, "not-1"]), "utf-8")
        for _ in range(2):
            code, out, err = run(capsys, "fetch", "ids.csv", "--archive", "shop.archive")
            assert (code, out.splitlines()[1][:40]) == (0, "Archive('shop.archive', 30 orders, 30 sn")
            assert err.startswith("not-1: not_found")
        assert shop.server.served == 32
    code, out, err = run(capsys, "report", "--archive", "shop.archive")
    assert (code, err) == (0, "")
    assert out.startswith("Orders(30 orders, as of 2026-10-31 12:00 UTC)")
    code, out, _ = run(capsys, "audit", "--archive", "shop.archive")
    written = Path("findings.csv").read_text("utf-8").splitlines()
    assert (code, written[0].split(",")[:2]) == (0, ["rule", "severity"])
    assert out.endswith(f"{len(written) - 1:,} findings\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "--archive", "nowhere.archive"], "the archive nowhere.archive does not exist"),
        (["report", "--orders", "nowhere.csv"], "nowhere.csv"),
        (["report", "--answers", "nowhere.json"], "nowhere.json"),
        (["report", "--orders", "ids.csv"], "no credentials"),
        (["report", "--answers", "empty.json"], "found no orders"),
        (["report", "--answers", "empty.json", "--output", "nowhere/report.html"], "the folder nowhere does not exist"),
        (["sandbox", "--port", "99999"], "port"),
        (["sandbox", "--port", "0", "--faults", "nonsense=1"], "use some of invalid_id, unauthorized"),
        (["sandbox", "--port", "0", "--faults", "hang=nan"], "shares of faults"),
    ],
)
def test_an_error_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    Path("ids.csv").write_text("a-1\n", "utf-8")
    Path("empty.json").write_text("[]", "utf-8")
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (1, "")
    assert err.startswith("om-toolkit: ")
    assert message in err
    assert len(err.splitlines()) == 1


def test_a_fault_without_a_share_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["sandbox", "--faults", "hang"])
    assert capsys.readouterr().err.endswith("--faults: invalid fault 'hang'; use KIND=SHARE, such as unavailable=0.1\n")


def test_a_sandbox_without_orders_serves_as_well(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.time, "sleep", interrupted)
    code, out, _ = run(capsys, "sandbox", "--port", "0", "--orders", "0")
    assert (code, out.splitlines()[-1]) == (130, "  an order id: none")


@pytest.mark.parametrize(
    "content",
    [
        "a-1\nb-2\n",
        "order_id\na-1\nb-2",
        "id\n a-1 \n\nb-2\n",
        "\ufefforder_id\r\na-1\r\nb-2\r\n",
        "name,Order ID\nx,a-1\ny,\nz,b-2\n",
        "name;order_id;total\nx;a-1;1,5\nz;b-2;2\n",
        "name\torder_id\nx\ta-1\nz\tb-2\n",
        'order_id,note\na-1,"one, two"\nb-2,"three\nfour"\n',
        "\n\nnumber;order_id\n1;a-1\n2;b-2\n",
        "sep=;\r\nnumber;order_id\r\n1;a-1\r\n2;b-2\r\n",
        "note,order_id\na\u2028b,a-1\nc\x85d,b-2\n",
    ],
)
def test_order_ids_are_read_with_any_delimiter(content: str) -> None:
    Path("ids.csv").write_text(content, "utf-8", newline="")
    assert cli.read_order_ids(Path("ids.csv")) == ["a-1", "b-2"]


def test_the_column_can_be_named() -> None:
    Path("ids.csv").write_text("order_id,transaction_id\n1,a-1\n2,b-2\n", "utf-8")
    assert cli.read_order_ids(Path("ids.csv"), "Transaction ID") == ["a-1", "b-2"]
    with pytest.raises(
        ValueError,
        match="no column 'klarna', only order_id, transaction_id; name the column of order ids with --column",
    ):
        cli.read_order_ids(Path("ids.csv"), "klarna")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n", "--column"),
        (b"", "is empty; write"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b'order_id,note\na-1,"x\nb-2,y\n', "not a valid CSV file"),
    ],
)
def test_a_file_without_clear_ids_is_refused(content: bytes, message: str) -> None:
    Path("ids.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        cli.read_order_ids(Path("ids.csv"))


def test_the_newest_response_of_an_order_is_in_the_last_file(capsys: pytest.CaptureFixture[str]) -> None:
    order = {"order_id": "x-1", "status": "AUTHORIZED", "purchase_currency": "SEK", "order_amount": 5}
    other = {"order_id": "y-2", "created_at": "2026-10-09T00:00:00Z", "purchase_currency": "SEK"}
    Path("a.json").write_text(json.dumps([order, other]), "utf-8")
    Path("b.json").write_text(json.dumps(order | {"status": "EXPIRED"}), "utf-8")
    code, out, err = run(capsys, "report", "--answers", "a.json", "b.json")
    assert (code, "1 expired, 0 cancelled" in out) == (0, True)
    assert "x-1" in err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
def test_the_sandbox_serves_until_interrupted() -> None:
    arguments = [sys.executable, "-m", "om_toolkit.cli", "sandbox", "--port", "0", "--orders", "3"]
    arguments += ["--faults", "unavailable=1"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        assert process.stdout
        assert process.stderr
        url = process.stdout.readline().split()[0]
        process.stdout.readline()
        order_id = process.stdout.readline().split()[-1]
        headers = {"Authorization": "Basic kco_test_sandbox"}
        response = requests.get(f"{url}/ordermanagement/v1/orders/{order_id}", headers=headers, timeout=10)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        watchdog.cancel()
        assert process.stderr.read() == "om-toolkit: interrupted\n"
    assert json.loads(response.text)["error_code"] == "TEMPORARILY_UNAVAILABLE"
