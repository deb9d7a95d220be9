"""Every edition of the notice, oldest first: the last one is what doctors read now.

Words are never edited in place: a change is a new edition beside the old ones, and another language
one more wording of an edition. So every old receipt's hash can be made again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from consent.notices.english import ENGLISH
from consent.notices.hindi import HINDI
from consent.notices.wording import Notice


@dataclass(frozen=True)
class Edition:
    """One version of the notice, in its languages, English among them.

    Where the law of the change needs it, it `asks_again`: who consented under an earlier edition
    is asked to confirm within the `grace`, or the consent ends.
    """

    wordings: tuple[Notice, ...]
    asks_again: bool = False
    grace: timedelta = timedelta(days=30)

    @property
    def version(self) -> str:
        """Give the version that consents and receipts name."""
        return self.wordings[0].version


@dataclass(frozen=True)
class Outdated:
    """The versions under which a consent no longer does, and how long doctors have to confirm."""

    versions: tuple[str, ...]
    grace: timedelta


EDITIONS = (Edition((ENGLISH, HINDI)),)


def outdated(editions: Sequence[Edition]) -> Outdated:
    """Give what the newest edition that asks again has outdated; no version where none asks."""
    versions = [edition.version for edition in editions]
    asking = [place for place, edition in enumerate(editions) if edition.asks_again]
    newest = asking[-1] if asking else 0
    return Outdated(tuple(versions[:newest]), editions[newest].grace)
