"""CSV files that the package writes are safe to open in a spreadsheet."""

import csv
import json
from pathlib import Path

import polars as pl
import pytest

from om_toolkit import cli
from om_toolkit.support.csv_files import write_csv


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff20"])
@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, pl.Enum])
def test_a_text_is_never_a_formula(start: str, dtype: type[pl.DataType], tmp_path: Path) -> None:
    text = f'{start}HYPERLINK("https://evil";"x")'
    column = pl.Series(text, [text, f"a{text}", None, ""]).cast(
        pl.Enum([text, f"a{text}", ""]) if dtype is pl.Enum else dtype
    )
    write_csv(pl.DataFrame([column]), tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as file:
        assert [row[0] if row else "" for row in csv.reader(file)] == [f"'{text}", f"'{text}", f"a{text}", "", ""]


def test_negative_numbers_stay_numbers(tmp_path: Path) -> None:
    frame = pl.DataFrame({"amount": [-5, 5], "share": [-0.5, None], "id": ["-5", "5"]})
    write_csv(frame, tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text("utf-8") == "amount,share,id\n-5,-0.5,'-5\n5,,5\n"
    assert [file.name for file in tmp_path.iterdir()] == ["x.csv"]


def test_the_findings_of_the_audit_are_written_without_formulas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("one.json").write_text(json.dumps({"order_id": "=1+1", "status": "CAPTURED", "order_amount": 5}), "utf-8")
    assert cli.main(["audit", "--answers", "one.json"]) == 0
    written = Path("findings.csv").read_text("utf-8")
    assert ",'=1+1," in written
    assert ",=1+1," not in written
