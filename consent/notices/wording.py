import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import rfc8785


@dataclass(frozen=True)
class Item:
    """One thing that is shared; `fields` are its names in the insurers' API."""

    words: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class ClassNotice:
    """What one data class contains."""

    code: str
    name: str
    summary: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Notice:
    """Everything that a doctor reads about one insurer, in the order of the page."""

    version: str
    language: str
    insurer: str
    information_use: str
    purpose: str
    data_classes: tuple[ClassNotice, ...]
    never_shared: tuple[str, ...]
    withdrawal: tuple[str, ...]
    rights: tuple[str, ...]
    complaint: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Give the hash of the notice's canonical JSON (RFC 8785)."""
        pieces: dict[str, Any] = asdict(self)
        return hashlib.sha256(rfc8785.dumps(pieces)).hexdigest()

    def of(self, codes: Iterable[str]) -> tuple[ClassNotice, ...]:
        """Give the chosen data classes, in the order of the page."""
        chosen = set(codes)
        return tuple(piece for piece in self.data_classes if piece.code in chosen)

    def about(self, *, insurer: str, information_use: str) -> "Notice":
        """Give the wording with the insurer's name and statement in their places."""

        def told(words: str) -> str:
            return words.replace("{insurer}", insurer)

        return replace(
            self,
            insurer=insurer,
            information_use=information_use,
            purpose=told(self.purpose),
            data_classes=tuple(
                replace(
                    piece,
                    summary=told(piece.summary),
                    items=tuple(replace(item, words=told(item.words)) for item in piece.items),
                )
                for piece in self.data_classes
            ),
            withdrawal=tuple(map(told, self.withdrawal)),
            complaint=tuple(map(told, self.complaint)),
        )
