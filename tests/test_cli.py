"""The command line, as a user types it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from importlib.metadata import version
from pathlib import Path

import pytest
import requests

import om_toolkit as om
from om_toolkit import cli
from om_toolkit.cli import checks, commands
from om_toolkit.orders.id_files import read_order_ids
from om_toolkit.synthetic.sandbox import SandboxClient


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(arguments)
    return code, *capsys.readouterr()


def use(shop: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment of a command that fetches from a sandbox."""
    monkeypatch.setenv("OM_BASE_URL", shop.base_url)
    monkeypatch.setenv("OM_API_KEY", "kco_test_sandbox")


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
    as_module = [sys.executable, "-m", "om_toolkit", "--help"]
    assert subprocess.run(as_module, capture_output=True, text=True, check=True).stdout == printed
    assert printed.startswith("usage: om-toolkit ")


def test_a_report_of_saved_responses(capsys: pytest.CaptureFixture[str], payloads: Path) -> None:
    files = sorted(str(file) for file in (payloads / "orders").glob("*.json"))
    code, out, err = run(capsys, "report", "--answers", *files, "--title", "Real", "--output", "real.html")
    assert code == 0
    assert out.startswith("Orders(3 orders")
    assert err.startswith("om-toolkit: 1 order had more than one document")  # in two of the files
    assert "<title>Real</title>" in Path("real.html").read_text("utf-8")


def test_a_report_of_order_ids_in_a_file(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with om.sandbox(30) as shop:
        use(shop, monkeypatch)
        rows = [f"{number};{order_id}" for number, order_id in enumerate([*shop.order_ids, "not-1"])]
        Path("ids.csv").write_text("\n".join(["number;Order ID", *rows]), "utf-8")
        code, out, err = run(capsys, "report", "--orders", "ids.csv")
    assert code == 3
    assert out.startswith("Orders(30 orders, 1 failed")
    assert err.startswith("1 id: not found (404). Wrong host, environment or merchant? First: not-1, correlation id ")
    assert "1 order could not be fetched or read and is not included" in Path("report.html").read_text("utf-8")


def test_orders_are_fetched_into_an_archive_once_and_reported_from_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with om.sandbox(30) as shop:
        use(shop, monkeypatch)
        Path("ids.csv").write_text("\n".join([*shop.order_ids, "not-1"]), "utf-8")
        for _ in range(2):
            code, out, err = run(capsys, "fetch", "ids.csv", "--archive", "shop.archive")
            assert (code, out.splitlines()[1][:40]) == (3, "Archive('shop.archive', 30 orders, 30 sn")
            assert err.startswith("1 id: not found (404). ")
        assert shop.server.served == 32
    code, out, err = run(capsys, "report", "--archive", "shop.archive")
    assert (code, err) == (0, "")
    assert out.startswith("Orders(30 orders, as of 2026-10-31 12:00 UTC)")
    code, out, _ = run(capsys, "audit", "--archive", "shop.archive")
    written = Path("findings.csv").read_text("utf-8").splitlines()
    assert (code, written[0].split(",")[:2]) == (0, ["rule", "severity"])
    assert out.endswith(f"{len(written) - 1:,} findings\n")


REPORT = ["report", "--answers", "orders.json", "--output"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "--archive", "nowhere.archive"], "nowhere.archive does not exist; create it with om-toolkit fetch"),
        (["report", "--orders", "nowhere.csv"], "nowhere.csv does not exist; check the path"),
        (["report", "--answers", "nowhere.json"], "nowhere.json does not exist; check the path"),
        (["report", "--answers", "orders.json", "nowhere.json"], "nowhere.json does not exist"),
        (["report", "--answers", "."], ". is a folder; pass a file"),
        (["report", "--tables", "nowhere"], "nowhere is not a folder; pass one written by om-toolkit tables"),
        (
            ["report", "--orders", "ids.csv"],
            "no credentials; pass api_key, or username and password, or set OM_API_KEY",
        ),
        (["fetch", "ids.csv", "--archive", "x.archive"], "no credentials"),
        (
            ["fetch", "ids.csv", "--archive", "x.archive", "--column", "name"],
            "no column 'name', and no row of headings",
        ),
        (["fetch", "head.csv", "--archive", "x.archive"], "head.csv has no order ids; write one"),
        ([*REPORT, "nowhere/report.html"], "cannot write nowhere/report.html: the folder nowhere does not exist"),
        ([*REPORT, "folder"], "cannot write folder: it is a folder; add the name of a file"),
        ([*REPORT, "folder/"], "cannot write folder/: it is a folder"),
        ([*REPORT, "s3://bucket/report.html"], "'s3://bucket/report.html' is a URI"),
        ([*REPORT, "/dev/null"], "cannot write /dev/null: it is a device"),
        ([*REPORT, "x" * 240], "choose another folder or name"),
        ([*REPORT, "./orders.json"], "./orders.json is an input of this command; choose another file to write"),
        (["audit", "--orders", "ids.csv", "--failures", "ids.csv"], "ids.csv is an input of this command"),
        (["demo", "--output", "folder"], "cannot write folder: it is a folder"),
        (["audit", "--answers", "orders.json", "--output", "folder"], "cannot write folder: it is a folder"),
        (["sandbox", "--port", "99999"], "port"),
        (["sandbox", "--port", "0", "--faults", "nonsense=1"], "use some of invalid_id, unauthorized"),
        (["sandbox", "--port", "0", "--faults", "hang=nan"], "shares of faults"),
    ],
)
def test_what_cannot_work_is_one_line_and_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    Path("ids.csv").write_text("a-1\n", "utf-8")
    Path("head.csv").write_text("order_id\n", "utf-8")
    Path("orders.json").write_text('{"order_id": "a-1"}', "utf-8")
    Path("folder").mkdir()
    before = sorted(Path().rglob("*"))
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("om-toolkit: ")
    assert message in err
    assert len(err.splitlines()) == 1
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report"], "one of --archive, --answers, --tables or --orders is required"),
        (["report", "--answers", "a.json", "--archive", "b"], "--answers cannot be combined with --archive"),
        (["audit", "--tables", "a", "--orders", "b.csv"], "--tables cannot be combined with --orders"),
        (["report", "--answers", "a.json", "--column", "id"], "--column is for order ids; add --orders FILE"),
        (["report", "--answers", "a.json", "--title", " "], "argument --title: the title is blank"),
        (["report", "--answers", "a.json", "--title", "a\x1bb"], "argument --title: the title is blank or has a"),
        (["report", "--answers", "a.json", "--min-cell", "0"], "argument --min-cell: invalid number of orders '0'"),
        (["report", "--answers", "a.json", "--min-cell", "x"], "argument --min-cell: invalid number of orders 'x'"),
        (["fetch", "ids.csv"], "--archive"),
        (["fetch", "ids.csv", "--archive", "a", "--refresh", "some"], "invalid choice: 'some'"),
        (["sandbox", "--faults", "hang"], "--faults: invalid fault 'hang'; use KIND=SHARE, such as unavailable=0.1"),
    ],
)
def test_invalid_arguments_are_code_2(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_a_folder_that_cannot_be_written_is_noticed_before_the_first_request(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(checks, "NamedTemporaryFile", refused)  # root may write anywhere
    with om.sandbox(3) as shop:
        use(shop, monkeypatch)
        Path("ids.csv").write_text("\n".join(shop.order_ids), "utf-8")
        code, _, err = run(capsys, "report", "--orders", "ids.csv")
        assert shop.server.served == 0
    assert (code, err) == (
        2,
        "om-toolkit: cannot write report.html: Permission denied; choose another folder or name\n",
    )


def test_nothing_found_is_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty.json").write_text("[]", "utf-8")
    code, out, err = run(capsys, "report", "--answers", "empty.json")
    assert (code, out) == (1, "")
    assert err == "om-toolkit: found no orders; check the input and the failures listed above, if any\n"


def test_an_error_after_the_checks_is_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.archive").write_bytes(b"SQLite format 3\0 and nothing else")
    Path("tables", "orders").mkdir(parents=True)
    assert run(capsys, "report", "--archive", "broken.archive")[0] == 1
    code, _, err = run(capsys, "report", "--tables", "tables")
    assert (code, err[:12]) == (1, "om-toolkit: ")


def test_a_report_of_a_parquet_folder(capsys: pytest.CaptureFixture[str]) -> None:
    with om.replay("quickstart") as client:
        client.orders(client.recorded_order_ids).tables().write_parquet("shop")
    code, out, err = run(capsys, "report", "--tables", "shop", "--min-cell", "1", "--title", "Parquet")
    assert (code, err) == (0, "")
    assert out.startswith("Tables(orders=300 rows")
    assert "<title>Parquet</title>" in Path("report.html").read_text("utf-8")
    Path("shop", "orders", "part-0.parquet").write_bytes(b"PAR1 and nothing else PAR1")
    code, _, err = run(capsys, "report", "--tables", "shop")
    assert (code, "shop" in err) == (1, True)


def test_the_help_of_every_command_lists_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], *([name] for name in commands.COMMANDS)):
        with pytest.raises(SystemExit) as ended:
            cli.main([*arguments, "--help"])
        assert ended.value.code == 0
        shown = capsys.readouterr().out
        codes = shown.partition("exit codes:\n")[2].splitlines()[:5]
        assert [line.split()[0] for line in codes] == ["0", "1", "2", "3", "130"]


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"om-toolkit {version('om-toolkit')}\n")


def test_a_sandbox_without_orders_serves_as_well(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands.time, "sleep", interrupted)
    code, out, _ = run(capsys, "sandbox", "--port", "0", "--orders", "0")
    assert (code, out.splitlines()[-1]) == (130, "  an order id: none")


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
    arguments = [sys.executable, "-m", "om_toolkit", "sandbox", "--port", "0", "--orders", "3"]
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


def test_failures_are_one_line_for_each_kind(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with om.sandbox(3) as shop:
        use(shop, monkeypatch)
        ids = [*shop.order_ids, "811218-9876", *(f"not-{number}" for number in range(6))]
        Path("ids.txt").write_text("\n".join(ids), "utf-8")
        code, out, err = run(capsys, "audit", "--orders", "ids.txt", "--failures", "failed.csv")
    assert (code, out.startswith("Orders(3 orders, 7 failed")) == (3, True)
    assert err.startswith(
        "7 ids: not found (404). Wrong host, environment or merchant? First: (an id that names a person)"
    )
    assert len(err.splitlines()) == 1
    assert "811218" not in out + err
    assert read_order_ids(Path("failed.csv")) == ids[3:]


def test_if_every_id_is_unknown_nothing_was_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with om.sandbox(1) as shop:
        use(shop, monkeypatch)
        Path("ids.txt").write_text("not-1\nnot-2\n", "utf-8")
        code, out, err = run(capsys, "report", "--orders", "ids.txt")
    assert (code, out, Path("report.html").exists()) == (1, "", False)
    warned, failed, ended = err.splitlines()
    assert warned.startswith(f"om-toolkit: {shop.base_url} knows none of these orders; check host, environment")
    assert failed.startswith("2 ids: not found (404). Wrong host, environment or merchant? First: not-1, correlation")
    assert ended == "om-toolkit: found no orders; check the input and the failures listed above, if any"


def test_refused_credentials_are_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with om.sandbox(20, faults={"unauthorized": 1}) as shop:
        use(shop, monkeypatch)
        Path("ids.txt").write_text("\n".join(shop.order_ids), "utf-8")
        code, _, err = run(capsys, "report", "--orders", "ids.txt")
    assert code == 1
    assert err.startswith("20 ids: unauthorized (401). Check the credentials, and that they belong to this host")
    assert len(err.splitlines()) == 2
    assert "kco_test_sandbox" not in err


def test_documents_that_are_no_orders_are_counted_by_their_kind(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.ndjson").write_text('{"order_id": "a-1"}\n{"x": 1}\n{"order_amount": 5}\n{"order_id": "b-2"', "utf-8")
    code, out, err = run(capsys, "audit", "--answers", "a.ndjson")
    assert (code, out.startswith("Orders(1 order, 3 failed")) == (3, True)
    kinds = [line.partition(".")[0] for line in err.splitlines()]
    assert kinds == ["2 documents: invalid order", "1 document: invalid body"]
    assert "First: a.ndjson #2, " in err


def test_an_archive_goes_with_order_ids(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with om.sandbox(5) as shop:
        use(shop, monkeypatch)
        for number in (3, 5):
            Path("ids.txt").write_text("\n".join(shop.order_ids[:number]), "utf-8")
            code, out, _ = run(capsys, "audit", "--orders", "ids.txt", "--archive", "shop.archive")
            assert (code, out.startswith(f"Orders({number} orders")) == (0, True)
        assert shop.server.served == 5
    code, out, err = run(capsys, "audit", "--orders", "ids.txt", "--archive", "nowhere/shop.archive")
    assert (code, out, err[:33]) == (2, "", "om-toolkit: cannot write nowhere/")
