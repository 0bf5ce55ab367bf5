"""How many examples a property test draws."""

from hypothesis import settings


def examples(number: int) -> int:
    """Return this number in the profile `default` of Hypothesis, and a part of it in the profile `quick`."""
    return max(1, number * settings.default.max_examples // 100)
