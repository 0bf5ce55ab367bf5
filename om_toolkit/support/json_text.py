"""JSON values in, text with every number as it was written out; the names of JSON's types."""

from json import JSONEncoder
from typing import Final, Self, TypeAlias, TypeVar

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
    """Write JSON without blanks; a number that was not changed is written as it came."""
    if isinstance(value, dict):
        return f"{{{','.join(f'{dump_json(key)}:{dump_json(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(dump_json, value))}]"
    if isinstance(value, Digits):
        return value.text
    # JSON can contain half of a surrogate pair, which UTF-8 cannot.
    return _escaped(value) if isinstance(value, str) and not value.isprintable() else _unescaped(value)


_escaped = JSONEncoder().encode
_unescaped = JSONEncoder(ensure_ascii=False).encode  # json.dumps would make an encoder for each value


def json_type(value: object) -> str:
    """Name the JSON type of a value, with its article."""
    return _JSON_TYPES.get(type(value), "something else")


_JSON_TYPES: Final = {
    dict: "an object",
    list: "an array",
    tuple: "an array",
    str: "some text",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    Digits: "a number",
    type(None): "null",
}
