"""Messages of others, as they may be shown: bounded, printable, without persons."""

from __future__ import annotations

import pytest

from om_toolkit.privacy.messages import shown_identifier, shown_message, shown_messages


@pytest.mark.parametrize(
    "text", ["a\0b\x1b[31mred\r\nX: y\x7f\x9bz\u2028", "a\ud800b", "\u202egnp.exe\u200b\ufeff", "x " * 500_000]
)
def test_a_message_is_one_short_printable_line(text: str) -> None:
    shown = shown_message(text)
    assert shown.isprintable()
    assert len(shown) <= 300
    shown.encode()


@pytest.mark.parametrize(
    "text", ["by ada@lovelace.se", "by ada\u200b@lovelace.se", f"{'x ' * 145}ada@lovelace.se", "+46 70 123 45 67\0"]
)
def test_a_message_that_names_a_person_is_withheld(text: str) -> None:
    assert shown_message(text) == "(a message that names a person is not shown)"


def test_messages_are_few() -> None:
    assert shown_messages(["a"] * 10) == ("a",) * 10
    assert shown_messages(["a"] * 1_010) == (*["a"] * 10, "and 1,000 more")


@pytest.mark.parametrize("text", [None, "", "a b", "a\n", "x" * 101, "\N{SNOWMAN}", "811218-9876"])
def test_what_cannot_be_an_identifier_is_none(text: str | None) -> None:
    assert shown_identifier(text) is None


@pytest.mark.parametrize("text", ["NO_SUCH_ORDER", "6a9e3c1f-0d2b-4f7e-8a55-1f0e2d3c4b5a"])
def test_an_identifier_is_kept(text: str) -> None:
    assert shown_identifier(text) == text
