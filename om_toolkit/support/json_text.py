"""TODO."""

from __future__ import annotations

import json
from typing import Self, TypeAlias, TypeVar

Scalar: TypeAlias = str | int | float | bool | None


Json: TypeAlias = "dict[str, Json] | list[Json] | Scalar"


JsonT = TypeVar("JsonT", bound=Json)


class Digits(float):
    """A JSON number with a fraction or an exponent that remembers how it was written."""

    text: str

    def __new__(cls, text: str) -> Self:
        """Read a number."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def dump_json(value: Json) -> str:
    """Write JSON without blanks, every number that stayed as it was written."""
    if isinstance(value, dict):
        return f"{{{','.join(f'{dump_json(key)}:{dump_json(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(dump_json, value))}]"
    if isinstance(value, Digits):
        return value.text
    # Half an emoji, which JSON can hold, is no text in UTF-8.
    return json.dumps(value, ensure_ascii=isinstance(value, str) and not value.isprintable())
