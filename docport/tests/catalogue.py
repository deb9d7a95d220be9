"""What is to be translated, and what has been: read without GNU gettext."""

import ast
import gettext
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from django.utils.translation.template import templatize

from docport.settings import BASE_DIR

HINDI = BASE_DIR / "locale" / "hi" / "LC_MESSAGES"
APPS = ["consent", "docport", "integrations", "registry", "scheduling"]
# What insurers and admins read is in English.
_ENGLISH = {"admin", "integrations"}
_LINE = re.compile(r'(msgctxt|msgid_plural|msgid|msgstr|msgstr\[\d\])? ?(".*")')
_CALLS = {
    "_": 0,
    "gettext": 0,
    "gettext_lazy": 0,
    "gettext_noop": 0,
    "ngettext": 0,
    "ngettext_lazy": 0,
}
_CALLS |= {"pgettext": 1, "pgettext_lazy": 1}


@dataclass
class Entry:
    """One message of a .po file; the parts by their keywords."""

    flags: str = ""
    parts: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Give the message as compiled catalogues have it."""
        context = self.parts.get("msgctxt")
        message = self.parts["msgid"]
        return message if context is None else f"{context}\x04{message}"

    @property
    def translations(self) -> list[str]:
        """Give the translation, or one for each number."""
        return [text for name, text in self.parts.items() if name.startswith("msgstr")]


def entries() -> list[Entry]:
    """Read the Hindi catalogue, without its head."""
    text = (HINDI / "django.po").read_text(encoding="utf-8")
    found = [_entry(block) for block in text.split("\n\n")]
    return [entry for entry in found if entry.parts.get("msgid")]


def _entry(block: str) -> Entry:
    entry, current = Entry(), ""
    for line in block.splitlines():
        if line.startswith("#,"):
            entry.flags += line
        elif match := _LINE.fullmatch(line):
            current = match[1] or current
            entry.parts[current] = entry.parts.get(current, "") + str(ast.literal_eval(match[2]))
    return entry


@cache
def compiled() -> gettext.GNUTranslations:
    """Read the compiled Hindi catalogue."""
    with (HINDI / "django.mo").open("rb") as file:
        return gettext.GNUTranslations(file)


def marked() -> Iterator[tuple[str, str]]:
    """Give each message that code or a doctor's template marks, after where it stands."""
    for app in APPS:
        for path in sorted((BASE_DIR / app).rglob("*.py")):
            if "tests" not in path.parts:
                yield from _of_code(path)
    for path in templates():
        yield from _of_template(path)


def templates() -> list[Path]:
    """List the templates of pages and mails that doctors read."""
    every = sorted((BASE_DIR / "templates").rglob("*.*"))
    return [
        path for path in every if path.relative_to(BASE_DIR / "templates").parts[0] not in _ENGLISH
    ]


def _of_code(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        last = _CALLS.get(node.func.id)
        words = [] if last is None else node.args[: last + 1]
        # What is looked up by a variable was marked where it got its value.
        if words and all(isinstance(word, ast.Constant) for word in words):
            yield str(path), "\x04".join(ast.literal_eval(word) for word in words)


def _of_template(path: Path) -> Iterator[tuple[str, str]]:
    source = templatize(path.read_text(encoding="utf-8"))
    for text in re.findall(r"""\b(?:gettext|ngettext|_)\(u?('(?:[^'\\]|\\.)*'|"[^"]*")""", source):
        yield str(path), str(ast.literal_eval(text))
