import re

import pytest

from docport.tests.catalogue import Entry, compiled, entries, marked, templates

_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")
_TAG = re.compile(r"<[^>]*>")
# What stands in the place of something empty; the marked way is `|default:_("None")`.
_DEFAULT = re.compile(r"\|default(?:_if_none)?:\"([^\"]+)\"")


def untranslated() -> list[str]:
    known = {entry.key for entry in entries()}
    return [f"{where}: {message!r}" for where, message in marked() if message not in known]


def test_whatever_is_marked_stands_in_the_catalogue() -> None:
    assert untranslated() == []


def test_what_stands_for_something_empty_is_marked() -> None:
    bare = {word for path in templates() for word in _DEFAULT.findall(path.read_text("utf-8"))}

    # A language and the name of no page.
    assert bare <= {"en", "nowhere"}


def test_nothing_is_left_open_or_only_guessed() -> None:
    assert [entry.key for entry in entries() if not all(entry.translations)] == []
    assert [entry.key for entry in entries() if "fuzzy" in entry.flags] == []


@pytest.mark.parametrize("pattern", [_PLACEHOLDER, _TAG], ids=["placeholders", "tags"])
def test_a_translation_keeps_what_is_filled_in_and_marked_up(pattern: re.Pattern[str]) -> None:
    def kept(entry: Entry) -> bool:
        given = set(pattern.findall(entry.parts["msgid"]))
        return all(set(pattern.findall(text)) == given for text in entry.translations)

    assert [entry.key for entry in entries() if not kept(entry)] == []


def test_the_compiled_catalogue_is_that_of_the_words() -> None:
    """`make messages` compiles it; a machine that only runs DocPort needs no gettext."""
    for entry in entries():
        plural = entry.parts.get("msgid_plural")
        found = [
            compiled().gettext(entry.key)
            if plural is None
            else compiled().ngettext(entry.key, plural, number)
            for number in range(1, len(entry.translations) + 1)
        ]
        assert found == entry.translations
