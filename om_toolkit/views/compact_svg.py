"""A picture of matplotlib in; the same picture as half as much SVG out, for pages that have several."""

import re
from typing import Final

_TAG: Final = re.compile(r"<[^>]*>")

_FONTS: Final = re.compile(r"font-family: [^;\"]*;? ?")

_NUMBERED_ID: Final = re.compile(r" id=\"[A-Za-z0-9]+_\d+\"")

_COORDINATE: Final = re.compile(r"(\d\d\.\d)\d+")

_LONG_NUMBER: Final = re.compile(r"(\d\.\d\d)\d+")

_BETWEEN_TAGS: Final = re.compile(r">\s+<")


def compact(svg: str) -> str:
    """Return a picture without the fonts, which are then those of the page, and with coordinates to 0.1 points.

    The ids that matplotlib gives its parts, such as `text_1`, are removed: nothing refers to them, and two pictures of
    a page have the same. Texts stay as they are.

    Example:
        >>> compact('<g id="text_1"> <text style="font-family: serif; fill: red" x="1.2345">1.2345</text> </g>')
        '<g><text style="fill: red" x="1.23">1.2345</text></g>'
    """
    return _BETWEEN_TAGS.sub("><", _TAG.sub(lambda tag: _compact_tag(tag[0]), svg))


def _compact_tag(tag: str) -> str:
    tag = _NUMBERED_ID.sub("", _FONTS.sub("", tag))
    tag = _LONG_NUMBER.sub(r"\1", _COORDINATE.sub(r"\1", tag))
    return tag.replace(" \n", " ").replace("\n", " ")
