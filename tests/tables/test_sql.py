"""A query reads the five tables and nothing else."""

from pathlib import Path

import polars as pl
import pytest
from two_orders import BOTH

import om_toolkit as om


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM FILE",
        "select * from READ_CSV /* why */ ('PATH')",
        "select * from \"read_csv\"('PATH')",
        "WITH x AS (SELECT * FROM FILE) SELECT * FROM x",
        "SELECT (SELECT a FROM FILE) AS a FROM orders",
        "FROM orders, FILE",
        "SELECT * FROM orders NATURAL JOIN FILE",
        "SELECT 'it''s' AS text, * FROM FILE -- '",
        "SELECT $$'$$ AS text, * FROM FILE -- '",
        "SELECT E'\\'' AS text, * FROM FILE -- '",
        "SELECT * FROM orders /*! , FILE */",
        "EXPLAIN SELECT * FROM FILE",
        "SELECT * FROM scan_parquet('PATH')",
        "SELECT * INTO copies FROM orders",
        "DROP TABLE orders",
        "TRUNCATE TABLE orders",
        "CREATE TABLE copies AS SELECT * FROM orders",
        "COPY orders TO 'PATH'",
        "DELETE FROM orders",
    ],
)
def test_anything_but_a_query_over_the_tables_is_refused(query: str, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a\n1\n", "utf-8")
    tables = om.Orders.from_json(BOTH).tables()
    with pytest.raises(ValueError, match=r"read|query|INTO"):
        tables.sql(query.replace("FILE", "read_csv('PATH')").replace("PATH", str(file)))
    assert tables.orders.height == 2
    assert file.read_text("utf-8") == "a\n1\n"


@pytest.mark.parametrize(
    "query", ["SELECT * FROM 'PATH'", 'SELECT * FROM "PATH"', "SELECT * FROM secret", "SELECT * FROM public.orders"]
)
def test_no_other_relation_is_found(query: str, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a\n1\n", "utf-8")
    secret = pl.DataFrame({"a": [1]})
    with pytest.raises(pl.exceptions.SQLInterfaceError, match="not found"):
        om.Orders.from_json(BOTH).tables().sql(query.replace("PATH", str(file)))
    assert secret.height == 1


@pytest.mark.parametrize(
    "query",
    [
        "SELECT order_id FROM orders WHERE order_id <> 'read_csv(''x'')' -- read_csv('x') /*",
        "/* a /* nested */ DROP read_csv('x') */ SELECT order_id FROM orders",
        "(SELECT order_id FROM orders)",
        "SELECT order_id AS \"into\", 'INTO' AS read_csv FROM orders WHERE 'copy' <> $$drop$$",
        "WITH read_only AS (SELECT order_id FROM orders) SELECT * FROM read_only",
    ],
)
def test_texts_comments_and_names_can_contain_any_word(query: str) -> None:
    assert om.Orders.from_json(BOTH).tables().sql(query).height == 2
