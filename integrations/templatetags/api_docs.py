import re

from django import template
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.filter
def coded(text: str) -> SafeString:
    """Show what stands between backticks as code."""
    escaped = conditional_escape(text)
    return mark_safe(re.sub(r"`([^`]*)`", r"<code>\1</code>", escaped))  # noqa: S308  Escaped above.


@register.filter
def paragraphs(text: str) -> list[str]:
    """Split where a line is empty."""
    return [part for part in text.split("\n\n") if part]
