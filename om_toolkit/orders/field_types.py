"""JSON values in; validated text, whole numbers, times and tuples, as fields of the models, out."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias, TypeVar

from pydantic import Field, GetPydanticSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from om_toolkit.orders.cards import Parts
from om_toolkit.support.instants import in_utc
from om_toolkit.support.json_text import Digits

ItemT = TypeVar("ItemT")


def _number_as_text(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Digits):
        return value.text
    raise ValueError


def _time(value: object) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        return in_utc(value if isinstance(value, datetime) else datetime.fromisoformat(value))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise PydanticCustomError("time", "a time in ISO 8601") from None


def _null_is_empty(source: Any, handler: Callable[[Any], CoreSchema]) -> CoreSchema:  # noqa: ANN401 - pydantic's
    array = core_schema.nullable_schema(handler(source))
    return core_schema.no_info_after_validator_function(lambda items: Parts(items) if items else (), array)


_TEXT_SCHEMA: Final = core_schema.union_schema(
    [core_schema.str_schema(strict=True), core_schema.no_info_plain_validator_function(_number_as_text)],
    mode="left_to_right",
    custom_error_type="text",
    custom_error_message="text",
)
_TIME_SCHEMA: Final = core_schema.no_info_plain_validator_function(_time)

Text: TypeAlias = Annotated[str, GetPydanticSchema(lambda _source, _handler: _TEXT_SCHEMA)]
"""Text; a number becomes text with all its digits."""

Whole: TypeAlias = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]
"""A whole number of 64 bits, such as an amount in minor units; text, fractions and booleans are refused."""

Time: TypeAlias = Annotated[datetime | None, GetPydanticSchema(lambda _source, _handler: _TIME_SCHEMA)]
"""A time in UTC, to the microsecond; without an offset it is UTC, and `""` is a missing time."""

Many: TypeAlias = Annotated[tuple[ItemT, ...], GetPydanticSchema(_null_is_empty)]
"""An array, as a tuple; `null` is empty. A notebook shows a table."""
