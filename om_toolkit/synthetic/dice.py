"""A seed in; random draws out, the same on every platform, and the JSON that is made of them."""

import json
import random
import uuid
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias, TypeVar

from om_toolkit.synthetic.catalogue import QUANTILES

Document: TypeAlias = dict[str, Any]
_Option = TypeVar("_Option")


class Dice(random.Random):
    """A random generator with the draws that a shop needs."""

    def chance(self, share: float) -> bool:
        """Return True with this probability."""
        return self.random() < share

    def pick(self, weights: Mapping[_Option, int]) -> _Option:
        """Return one of the keys; the values are their weights."""
        return self.choices(tuple(weights), tuple(weights.values()))[0]

    def duration(self, hours: Sequence[float]) -> timedelta:
        """Return a duration in whole milliseconds; `hours` are its values at `QUANTILES`."""
        share = self.random()
        left = bisect_right(QUANTILES, share) - 1
        weight = (share - QUANTILES[left]) / (QUANTILES[left + 1] - QUANTILES[left])
        return timedelta(milliseconds=int(3_600_000 * (hours[left] + weight * (hours[left + 1] - hours[left]))))

    def identifier(self) -> str:
        """Return a UUID."""
        return str(uuid.UUID(int=self.getrandbits(128)))

    def without_some(self, document: Document, *optional: str) -> Document:
        """Return a document without missing values, and now and then without the optional keys, as the API sends it."""
        omitted = {key for key in optional if self.chance(0.08)}
        return {key: value for key, value in document.items() if key not in omitted and value is not None}


def timestamp(at: datetime) -> str:
    """Return an instant as the API writes it: in UTC, with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_json(document: object) -> bytes:
    """Return a document as the API sends it."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
