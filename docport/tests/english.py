"""Which English words are left on a page that is to be Hindi."""

import re
from html.parser import HTMLParser

# Names of things that are called so in Hindi too.
CALLED_SO = {"DocPort", "HPR", "JSON", "CSV", "JWS", "SHA", "RFC", "JOSE", "PDF", "API", "OPD"}
CALLED_SO |= {"JPEG", "PNG", "MB", "MBBS", "MD", "Ed25519", "TS", "canonical", "hi", "IN", "Dr"}
CALLED_SO |= {"am", "pm", "Data", "Protection", "Board", "of", "India"}
# A degree, as it stands on the paper.
CALLED_SO |= {"General", "Medicine"}
# As they stand on the keys.
CALLED_SO |= {"Home", "End", "Enter"}
# The notice of 2026-11 calls these so, and what doctors agreed to is never edited.
CALLED_SO |= {"Insurers", "Withdraw"}
_READ_ALOUD = {"aria-label", "alt", "title", "placeholder", "content"}
_NOT_WORDS = re.compile(
    r"\b[a-z]+_[a-z_]+\b|\S+@\S+|https?://\S+|\b[A-Z]+-\d+\b|\b[0-9A-F]{8,}\b|\b[0-9a-f-]{32,}\b|ISO\S*|\S+/\S+"
)


class _Words(HTMLParser):
    """Collect what is read, seen or heard; what says that it is in English, or is code, is not."""

    _EMPTY = {"meta", "link", "img", "input", "br", "hr"}

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.skipped: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        skips = tag in {"script", "style", "code", "pre"} or given.get("lang") == "en"
        if tag not in self._EMPTY:
            self.skipped.append(skips)
        if any(self.skipped) or (tag == "meta" and given.get("name") != "description"):
            return
        self.words += [str(given[name]) for name in _READ_ALOUD & given.keys()]

    def handle_endtag(self, tag: str) -> None:
        if tag not in self._EMPTY:
            self.skipped.pop()

    def handle_data(self, data: str) -> None:
        if not any(self.skipped):
            self.words.append(data)


def english_on(html: str) -> set[str]:
    """Give the English words that are left on a page."""
    parser = _Words()
    parser.feed(html)
    text = _NOT_WORDS.sub(" ", " ".join(parser.words))
    return {word for word in re.findall(r"[A-Za-z][A-Za-z0-9]+", text) if word not in CALLED_SO}
