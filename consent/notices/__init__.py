"""The notice that a doctor reads before giving consent: versioned, itemised, kept by its hash.

The page shows a `Notice` piece by piece and the receipt holds the SHA-256 of the same pieces, so
that what was read can be proved.

Source: DPDP Rules 2025, rule 3 (a notice stands alone, itemises the data, names the purpose, and
says how to withdraw, use one's rights and complain).
"""

from consent.notices.editions import EDITIONS, Edition, Outdated, outdated
from consent.notices.wording import ClassNotice, Item, Notice

__all__ = [
    "EDITIONS",
    "PURPOSE",
    "ClassNotice",
    "Edition",
    "Item",
    "Notice",
    "Outdated",
    "notice_for",
    "outdated",
]

PURPOSE = "opd_network"


def notice_for(
    *, insurer: str, information_use: str, language: str, version: str | None = None
) -> Notice:
    """Give the notice about one insurer.

    Args:
        insurer: its name as doctors read it.
        information_use: what it says it uses the data for.
        language: wanted; where there is no wording in it yet, the notice is English and says so.
        version: an old one makes an old receipt's hash again; `None` takes the newest.
    """
    editions = {edition.version: edition for edition in EDITIONS}
    edition = editions[version] if version else EDITIONS[-1]
    wordings = {wording.language: wording for wording in edition.wordings}
    wording = wordings.get(language, wordings["en"])
    return wording.about(insurer=insurer, information_use=information_use)
