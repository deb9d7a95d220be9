"""The notice that a doctor reads before giving consent: versioned, itemised, kept by its hash.

The page shows a `Notice` piece by piece and the receipt holds the SHA-256 of the same pieces, so
that what was read can be proved. Words are never edited in place: a change is a new version beside
the old one, and another language one more wording of a version. So every old receipt's hash can
be made again.

Source: DPDP Rules 2025, rule 3 (a notice stands alone, itemises the data, names the purpose, and
says how to withdraw, use one's rights and complain).
"""

from consent.notices.english import ENGLISH
from consent.notices.hindi import HINDI
from consent.notices.wording import ClassNotice, Item, Notice

__all__ = ["CURRENT_VERSION", "PURPOSE", "ClassNotice", "Item", "Notice", "notice_for"]

CURRENT_VERSION = "2026-11"
PURPOSE = "opd_network"
_WORDINGS = {(wording.version, wording.language): wording for wording in (ENGLISH, HINDI)}


def notice_for(
    *, insurer: str, information_use: str, language: str, version: str = CURRENT_VERSION
) -> Notice:
    """Give the notice about one insurer.

    Args:
        insurer: its name as doctors read it.
        information_use: what it says it uses the data for.
        language: wanted; where there is no wording in it yet, the notice is English and says so.
        version: which wording; an old one makes an old receipt's hash again.
    """
    wording = _WORDINGS.get((version, language)) or _WORDINGS[version, "en"]
    return wording.about(insurer=insurer, information_use=information_use)
