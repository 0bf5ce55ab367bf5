"""What a reader can calculate from a report: its numbers as linear equations, and the bounds of a count they allow.

The unknowns are the counts of the finest cells: orders by currency, country and state, captured orders by currency,
country and refund, captures by currency, country, method and tracking. Everything is read from the page itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

FEW = "(few)"
STATES = ("captured", "waiting", "expired", "cancelled", "other", "excluded")
REFUNDS = ("none", "partial", "full")
MOST = 10_000  # orders of a cell; the upper bound of an unknown that no equation limits

_COUNTED_IN_TABLES = {
    "orders": {},
    **{state: {"state": {state}} for state in STATES},
    "captured orders": {"state": {"captured"}},
    "refunded orders": {"refund": {"partial", "full"}},
    "refunded in full": {"refund": {"full"}},
    "captures": {"tracked": {False, True}},
    "with tracking": {"tracked": {True}},
}
_NO_COUNTS = {  # ratios of counts in the same row, amounts and times
    "half captured within", "90 % within", "within 24 h", "within 72 h", "refunded", "share of amount",
    "share of orders", "share", "tracking share",
}  # fmt: skip
_KEY_COUNTS = {
    "orders": (r"(\d+)\|median .*", [{}]),
    "still open": (r".*\|(\d+) orders?", [{"state": {"waiting"}}]),
    "expired or cancelled": (r".*\|(\d+) expired, (\d+) cancelled", [{"state": {"expired"}}, {"state": {"cancelled"}}]),
    "shipped with tracking": (r".*\|(\d+) of (\d+) captures?", [{"tracked": {True}}, {"tracked": {False, True}}]),
}
_BALANCE = {  # every order of the drawn shops is of 1.00, so that these amounts are counts
    "ordered": {},
    "captured": {"state": {"captured"}},
    "still open": {"state": {"waiting"}},
    "expired": {"state": {"expired"}},
    "cancelled": {"state": {"cancelled"}},
}
_BALANCE_NO_COUNTS = {"of which refunded", "released", "unexplained"}
_KEY_NO_COUNTS = {"ordered", "captured (share of ordered)", "refunded (share of captured)", "half captured within"}
_SENTENCES = (
    (r"(\d+) orders?, as of .*", [{}]),
    (
        (
            r"(\d+) orders?: (\d+) captured, (\d+) waiting, (\d+) expired, (\d+) cancelled, (\d+) with another ending, "
            r"(\d+) excluded \(.*"
        ),
        [{}, *({"state": {state}} for state in STATES)],
    ),
    (r"Of .* captured, .* was refunded: .*", []),
    (r"Of .* ordered, .* was captured, .* is still open and .* expired, was cancelled or released\.", []),
    (r"Of .* that can still be captured, .* within 7 days(?:; .* is overdue)?\.", []),
    (r".* [A-Z]{3} expires? within \d+ (?:hours|days) unless captured\.", []),
    (r"The largest contradiction by amount is [\d.,]+ [A-Z]{3}: [a-z ]+\.", []),
    (r"The most common shipping method is .*", []),
    (r"The numbers describe the orders as of [-\d :]+ UTC, .*", []),
)
_CONSTANTS = {"24", "72", "90", "95", "1"}
_AXES = {
    "share of the ordered amount", "captured", "open", "expired", "cancelled", "released or unknown", "refunded",
    "days since the order was placed", "hours since the order was placed", "share of orders captured",
    "refunded share of the captured amount, 95 % interval", "share, 95 % interval",
}  # fmt: skip
_REFUNDS, _SHIPPING = "How much is refunded?", "How are orders shipped?"
_MIXED = ["How do customers pay?", "Who are the customers?"]
_TITLES = dict.fromkeys(
    [
        "Key figures",
        "Where did the money go?",
        "How much money is at risk?",
        "How soon are orders captured?",
        _REFUNDS,
        _SHIPPING,
        "How did the weeks go?",
        "What contradicts itself?",
        *_MIXED,
    ]
)
"""The tables of a page, each with its heading."""

_TICK = re.compile(r"[\d.,]+ ?%?")


class Page(HTMLParser):
    """Collects the texts of a page: tables and pictures by heading, paragraphs and items, descriptions of pictures."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.paragraphs: list[str] = []
        self.descriptions: list[str] = []
        self.pictures: dict[str, list[str]] = {}
        self._title = ""
        self._texts: list[str] | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        match tag:
            case "table":
                assert self._title not in self.tables
                self.tables[self._title] = []
            case "tr":
                self.tables[self._title].append([])
            case "figure":
                self.descriptions.append(dict(attrs)["aria-label"])
            case "svg":
                self.pictures[self._title] = []
            case "th" | "td" | "p" | "li" | "text" | "h2":
                self._texts = []

    def handle_data(self, data: str) -> None:
        if self._texts is not None:
            self._texts.append(data.replace(",", "") if re.fullmatch(r"[\d,]+", data) else data)

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"th", "td", "p", "li", "text", "h2"} or self._texts is None:
            return
        text = "|".join(self._texts).replace("| ", " ").strip()  # a number and its unit are one text
        self._texts = None
        match tag:
            case "h2":
                self._title = text
            case "text":
                self.pictures[self._title].append(text)
            case "p" | "li":
                self.paragraphs.append(text)
            case _:
                self.tables[self._title][-1].append(text)


class Unknown(NamedTuple):
    """The number of orders or captures of one cell."""

    currency: str
    country: str
    state: str | None = None
    refund: str | None = None
    method: str | None = None
    tracked: bool | None = None

    def is_in(self, chosen: dict[str, Any]) -> bool:
        return all(getattr(self, name) in values for name, values in chosen.items())


@dataclass
class Reader:
    """A reader who knows which currencies, countries and methods there are, and how the page is made."""

    currencies: list[str]
    countries: list[str]
    methods: list[str]
    min_cell: int
    unknowns: list[Unknown] = field(init=False)
    equations: list[tuple[np.ndarray[Any, Any], int]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        cells = list(product(self.currencies, self.countries))
        self.unknowns = [Unknown(*cell, state=state) for cell in cells for state in STATES]
        self.unknowns += [Unknown(*cell, refund=refund) for cell in cells for refund in REFUNDS]
        self.unknowns += [
            Unknown(*cell, method=method, tracked=tracked)
            for cell in cells
            for method, tracked in product(self.methods, (False, True))
        ]

    def sum_of(self, chosen: dict[str, Any]) -> np.ndarray[Any, Any]:
        """Return the coefficients of a sum: of orders, unless refunds, methods or tracking are chosen."""
        kind = {"refund": "refund", "method": "tracked", "tracked": "tracked"}
        counted = next((kind[name] for name in chosen if name in kind), "state")
        return np.array([getattr(one, counted) is not None and one.is_in(chosen) for one in self.unknowns], float)

    def learn(self, number: int, **chosen: Any) -> None:
        """Learn the value of a sum."""
        self.equations.append((self.sum_of(chosen), number))

    def range_of(self, **chosen: Any) -> tuple[int, int]:
        """Return the lowest and the highest value of a sum that whole numbers can have."""
        goal, constraint, bounds = self.sum_of(chosen), self._constraint(), []
        for sign in (1, -1):
            found = milp(sign * goal, constraints=constraint, integrality=1, bounds=Bounds(0, MOST))
            assert found.success, found.message
            bounds.append(round(sign * found.fun))
        return bounds[0], bounds[1]

    def _constraint(self) -> LinearConstraint:
        """What the page says, and what is true of every page: a captured order has captures, and is refunded or not."""
        rows = [(coefficients, number, number) for coefficients, number in self.equations]
        for currency, country in product(self.currencies, self.countries):
            cell = {"currency": {currency}, "country": {country}}
            captured = self.sum_of({**cell, "state": {"captured"}})
            rows.append((self.sum_of({**cell, "refund": set(REFUNDS)}) - captured, 0, 0))
            rows.append((self.sum_of({**cell, "tracked": {False, True}}) - captured, 0, MOST))
        coefficients, low, high = zip(*rows, strict=True)
        return LinearConstraint(csr_array(np.array(coefficients)), low, high)

    def read(self, html: str) -> None:
        """Learn everything that a page says, and fail if it says something that is not understood."""
        page = Page(html)
        if not page.tables:
            assert "There are no orders." in page.paragraphs
            return
        assert set(page.tables) <= set(_TITLES), set(page.tables) - set(_TITLES)
        key, money, risk, capture, refunds, shipping, weeks, audit, *mixed = (
            page.tables.get(title, []) for title in _TITLES
        )
        shown = [name for name in key[0] if name]
        groups = self._pooled(shown, refunds)
        self._read_key_figures(key, groups)
        self._read_balance(money, groups)
        for currency, *_, uncaptured in risk[1:]:  # of 1.00 each, too
            of_currency = {key: countries for key, countries in groups.items() if key[0] == currency}
            self._learn_of(of_currency, _units(uncaptured), state={"waiting"})
        for table in (capture, refunds):
            self._read_countries(table, groups)
        self._read_methods(shipping, groups)
        self._read_weeks(weeks, money)
        assert all(re.search(r"[a-z]\|[A-Z]{3}\|.* [A-Z]{3}$", "|".join(row)) for row in audit[1:])  # amounts only
        for table in mixed:  # all orders by another column: none of its groups is small
            sizes = [int(row[1].replace(",", "")) for row in table[1:]]
            assert min(sizes, default=self.min_cell) >= self.min_cell
            self._learn_of(groups, sum(sizes))
        self._read_paragraphs(page, groups)
        countries, methods = (
            {label for row in refunds[1:] for label in (row[0], f"{row[0]}, {_currency_of(row)}")},
            {row[0] for row in shipping[1:]},
        )
        currencies = {
            text for code, ordered in zip(money[0][1:], money[1][1:], strict=True) for text in (code, ordered)
        }
        for title, texts in page.pictures.items():
            currencies |= {row[0] for row in weeks[1:]}
            known = {**dict.fromkeys(_TITLES, currencies), _REFUNDS: countries, _SHIPPING: methods}[title]
            unknown = {text for text in texts if not _TICK.fullmatch(text)} - _AXES - known
            assert not unknown, f"only the picture shows {unknown}"

    def _pooled(self, currencies: list[str], refunds: list[list[str]]) -> dict[tuple[str, str], set[str]]:
        """Return the countries behind each currency and name of a country on the page."""
        named = {(_currency_of(row), row[0]) for row in refunds[1:]}
        groups: dict[tuple[str, str], set[str]] = {}
        for currency, country in product(currencies, self.countries):
            name = country if (currency, country) in named else FEW
            groups.setdefault((currency, name), set()).add(country)
        return groups

    def _learn_of(self, groups: dict[tuple[str, str], set[str]], number: int, **chosen: Any) -> None:
        """Learn a sum over groups of currency and country."""
        cells = [{"currency": {currency}, "country": countries} for (currency, _), countries in groups.items()]
        sums = [self.sum_of({**cell, **chosen}) for cell in cells]
        self.equations.append((np.sum([np.zeros(len(self.unknowns)), *sums], axis=0), number))

    def _read_key_figures(self, rows: list[list[str]], groups: dict[tuple[str, str], set[str]]) -> None:
        for name, *cells in rows[1:]:
            if name in _KEY_NO_COUNTS:
                continue
            pattern, counted = _KEY_COUNTS[name]
            for currency, cell in zip(rows[0][1:], cells, strict=True):
                of_currency = {key: countries for key, countries in groups.items() if key[0] == currency}
                found = re.fullmatch(pattern, cell)
                assert found, cell
                for number, chosen in zip(found.groups(), counted, strict=True):
                    self._learn_of(of_currency, int(number), **chosen)

    def _read_balance(self, rows: list[list[str]], groups: dict[tuple[str, str], set[str]]) -> None:
        for name, *cells in rows[1:]:
            if name in _BALANCE_NO_COUNTS or name.startswith("total"):
                continue
            for currency, cell in zip(rows[0][1:], cells, strict=True):
                of_currency = {key: countries for key, countries in groups.items() if key[0] == currency}
                self._learn_of(of_currency, _units(cell), **_BALANCE[name])

    def _read_weeks(self, rows: list[list[str]], money: list[list[str]]) -> None:
        """Check that no week has few captured orders, and neither have those that are left out; each is of 1.00."""
        captured = dict(zip(money[0][1:], map(_units, money[2][1:]), strict=True)) if money else {}
        for _, currency, _, amount in rows[1:]:
            assert _units(amount) >= self.min_cell
            captured[currency] -= _units(amount)
        assert all(not left or left >= self.min_cell for left in captured.values())

    def _read_countries(self, rows: list[list[str]], groups: dict[tuple[str, str], set[str]]) -> None:
        for row in rows[1:]:
            currency = _currency_of(row)
            in_row = {
                key: countries for key, countries in groups.items() if key[1] == row[0] and currency in {key[0], None}
            }
            for heading, cell in zip(rows[0][1:], row[1:], strict=True):
                if heading not in _NO_COUNTS and not (heading == "captured" and currency):
                    self._learn_of(in_row, int(cell), **_COUNTED_IN_TABLES[heading])

    def _read_methods(self, rows: list[list[str]], groups: dict[tuple[str, str], set[str]]) -> None:
        named = {row[0] for row in rows[1:]}
        for row in rows[1:]:
            methods = {row[0]} if row[0] != FEW else set(self.methods) - named
            for heading, cell in zip(rows[0][1:], row[1:], strict=True):
                if heading not in _NO_COUNTS:
                    self._learn_of(groups, int(cell), method=methods, **_COUNTED_IN_TABLES[heading])
        for method in set(self.methods) - named if FEW not in named else ():
            self._learn_of(groups, 0, method={method})

    def _read_paragraphs(self, page: Page, groups: dict[tuple[str, str], set[str]]) -> None:
        for paragraph in page.paragraphs:
            for pattern, counted in _SENTENCES:
                if found := re.fullmatch(pattern, paragraph):
                    for number, chosen in zip(found.groups(), counted, strict=True):
                        self._learn_of(groups, int(number.replace(",", "")), **chosen)
                    break
            else:
                unknown = set(re.findall(r"\d+", paragraph)) - _CONSTANTS - {str(self.min_cell)}
                assert not unknown, f"{unknown} in {paragraph!r}"
        for description in page.descriptions:
            assert any(description.endswith(sentence) for sentence in page.paragraphs), description


def _units(amount: str) -> int:
    """Return the major units of an amount."""
    return int(amount.partition(".")[0].replace(",", ""))


def _currency_of(row: list[str]) -> str | None:
    """Return the currency of a row, of which there is one if it has amounts."""
    return next((found[1] for cell in row[1:] if (found := re.search(r"[\d.] ([A-Z]{3})$", cell))), None)
