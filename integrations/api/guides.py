"""The guides that insurers' engineers read: Markdown in `docs/`, shown as pages."""

import re
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

# In the order in which one reads them.
_FILES = {
    "first-booking": "guides/first-booking.md",
    "webhooks": "guides/webhooks.md",
    "catching-up": "guides/catching-up.md",
    "going-live": "guides/going-live.md",
    "clients": "clients.md",
    "api-changelog": "api-changelog.md",
}
# What the files say where each DocPort has an address of its own.
_ADDRESS = "https://docport.example"


@dataclass(frozen=True)
class Guide:
    """One guide; `lead` says in a sentence what it is for."""

    slug: str
    title: str
    lead: str
    html: SafeString


def source_of(slug: str) -> str:
    """Give the Markdown of a guide, with the address of this DocPort."""
    file: Path = settings.BASE_DIR / "docs" / _FILES[slug]
    return file.read_text(encoding="utf-8").replace(_ADDRESS, settings.BASE_URL)


@cache
def guides() -> dict[str, Guide]:
    """Give all guides, in order."""
    return {slug: _guide(slug) for slug in _FILES}


def _guide(slug: str) -> Guide:
    title, lead, rest = source_of(slug).split("\n\n", 2)
    html = _markdown().render(rest)
    # Our own files, rendered without raw HTML.
    return Guide(slug, title.removeprefix("# "), lead.replace("\n", " "), mark_safe(html))  # noqa: S308  Our own.


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.core.ruler.push("docport", _adapt)
    markdown.add_render_rule("fence", _fence)
    markdown.add_render_rule("table_open", _table_open)
    markdown.add_render_rule("table_close", _table_close)
    return markdown


def _adapt(state: Any) -> None:
    """Name each heading, and let links from guide to guide lead to their pages."""
    heading = ""
    for opening, inline in zip(state.tokens, state.tokens[1:], strict=False):
        if opening.type == "heading_open":
            heading = inline.content
            opening.attrSet("id", slugify(heading))
        if opening.type == "table_open":
            opening.meta["after"] = heading
        for one in inline.children or []:
            if one.type == "link_open":
                one.attrSet("href", _link(str(one.attrGet("href"))))


def _link(href: str) -> str:
    if (found := re.fullmatch(r"(?:\.\./|guides/)?([\w-]+)\.md(#.*)?", href)) is None:
        return href
    return reverse("integrations:guide", args=[found[1]]) + (found[2] or "")


def _fence(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: Any,
    env: MutableMapping[str, Any],
) -> str:
    return f'<pre class="code" tabindex="0"><code>{escape(tokens[index].content)}</code></pre>\n'


def _table_open(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: Any,
    env: MutableMapping[str, Any],
) -> str:
    label = escape(tokens[index].meta["after"])
    region = f'<div class="table-scroll" role="region" aria-label="{label}" tabindex="0">'
    return f"{region}<table>\n"


def _table_close(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: Any,
    env: MutableMapping[str, Any],
) -> str:
    return "</table></div>\n"
