"""The dated versions of the API, and how an answer tells that something will go.

A version changes only when a client could break: a key is pinned to the newest one of the day it
was made, and a call may ask for another one with `DocPort-Version`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.http import http_date

from integrations.api.problems import Problem
from integrations.models import NEWEST_VERSION

HEADER = "DocPort-Version"
NEWEST = NEWEST_VERSION


@dataclass(frozen=True)
class Version:
    """A dated version, and what a client of the one before must change."""

    name: str
    changes: tuple[str, ...]


# The oldest first; docs/api-changelog.md tells the same at length.
VERSIONS = (Version("2026-11-01", ("The first version.",)),)
KNOWN = tuple(version.name for version in VERSIONS)


def asked_for(header: str | None, *, pinned: str) -> str:
    """Give the version that a call is answered by: the one it asks for, or else its key's.

    Raises:
        Problem: it asks for one that there is not.
    """
    if header is None:
        return pinned
    if header.strip() not in KNOWN:
        raise Problem("unknown_version", detail=f"Known are {', '.join(KNOWN)}.")
    return header.strip()


@dataclass(frozen=True, kw_only=True)
class Deprecation:
    """An endpoint, a parameter or a field that is on its way out.

    `since` and `gone_at` are aware; `told_at` is the path of the page that says what to use
    instead.
    """

    since: datetime
    gone_at: datetime
    told_at: str

    def __post_init__(self) -> None:
        assert self.since < self.gone_at, "Nothing goes before it was said that it will."


def used(given: Iterable[str], deprecated: Mapping[str, Deprecation]) -> list[Deprecation]:
    """Give what of the parameters or fields that a call gave is on its way out."""
    return [deprecated[name] for name in given if name in deprecated]


def announced(deprecations: Iterable[Deprecation]) -> dict[str, str]:
    """Give the headers that announce them all: `Deprecation` (RFC 9745) and `Sunset` (RFC 8594).

    Of several, the first dates count, and each has its link.
    """
    told = list(deprecations)
    if not told:
        return {}
    return {
        "Deprecation": f"@{int(min(one.since for one in told).timestamp())}",
        "Sunset": http_date(min(one.gone_at for one in told).timestamp()),
        "Link": ", ".join(
            f'<{settings.BASE_URL}{path}>; rel="deprecation"; type="text/html"'
            for path in dict.fromkeys(one.told_at for one in told)
        ),
    }
