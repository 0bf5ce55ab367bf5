"""A template's name and its values in; HTML out."""

from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from om_toolkit.support.text import count_of
from om_toolkit.views.compact_svg import compact

_TEMPLATES: Final = Environment(
    loader=PackageLoader("om_toolkit.views"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["count_of"] = count_of
_TEMPLATES.filters["compact"] = compact


def render(template: str, **values: object) -> str:
    """Return a template of the folder `templates` with its values filled in; text in them is escaped."""
    return _TEMPLATES.get_template(template).render(values)
