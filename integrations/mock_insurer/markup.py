"""HTML that nobody can forget to escape: text is escaped unless it is markup already."""

from collections.abc import Sequence
from html import escape

# Elements that hold nothing and have no end tag.
_VOID = {"input", "link", "meta"}


class Markup(str):
    """A piece of finished HTML."""

    __slots__ = ()


Content = Markup | str | int | Sequence["Content"] | None


def text(content: Content) -> Markup:
    """Give `content` as HTML; nothing at all is empty."""
    if isinstance(content, Markup):
        return content
    if content is None or isinstance(content, str | int):
        return Markup("" if content is None else escape(str(content)))
    return Markup("".join(map(text, content)))


def tag(tag_name: str, *contents: Content, **attributes: str | int | bool | None) -> Markup:
    """Give one element.

    Attributes that are words of Python take an underscore at the end (`class_`), others one for
    each hyphen (`aria_label`); one that is `None` or false is left out.
    """
    opening = tag_name + "".join(_attribute(*pair) for pair in attributes.items())
    if tag_name in _VOID:
        return Markup(f"<{opening}>")
    return Markup(f"<{opening}>{text(contents)}</{tag_name}>")


def _attribute(name: str, value: str | int | bool | None) -> str:  # noqa: FBT001  Any value.
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
