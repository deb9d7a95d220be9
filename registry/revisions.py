"""Who changed what of a doctor's record: the differences between the revisions that are kept."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from django.utils.dateformat import format as formatted
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from registry.models import Doctor, DoctorCredential, DoctorRevision
from registry.reference import Council, Language, Specialization, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django_stubs_ext import StrOrPromise

    Labels = Mapping[str, StrOrPromise]

_OF_PROFILE = {
    "full_name": _("Name"),
    "email": _("Email"),
    "phone": _("Phone"),
    "registration_council": _("Registered with"),
    "registration_number": _("Registration number"),
    "hpr_id": _("HPR ID"),
    "specialization": _("Specialization"),
    "languages": _("Languages"),
    "years_of_experience": _("Years of experience"),
    "fee": _("Fee"),
    "timezone": _("Time zone"),
    "status": _("Status"),
}
_OF_PLACE = {
    "name": _("name"),
    "address": _("address"),
    "city": _("city"),
    "state": _("state"),
    "pin": _("PIN"),
    "latitude": _("latitude"),
    "longitude": _("longitude"),
    "timezone": _("time zone"),
    "phone": _("phone"),
    "is_active": _("in use"),
}
_OF_CREDENTIAL = {
    "degree": _("degree or title"),
    "institution": _("institution"),
    "year": _("year"),
    "status": _("status"),
    "reason": _("reason"),
    "valid_until": _("valid until"),
}
_WORDS: dict[str, Any] = {
    "registration_council": Council,
    "specialization": Specialization,
    "state": State,
}


@dataclass(frozen=True)
class Change:
    """One thing that differs from the version before; what is empty was, or is, not filled in."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Step:
    """One version of a record, and how it differs from the one before it."""

    revision: DoctorRevision
    changes: tuple[Change, ...]


def steps_of(revisions: Sequence[DoctorRevision]) -> list[Step]:
    """Give what each revision changed; of the oldest one, all that it holds.

    Args:
        revisions: of one doctor, newest first.
    """
    empty: dict[str, Any] = {"profile": {}, "places": [], "credentials": []}
    older = [*(revision.snapshot for revision in revisions[1:]), empty]
    return [
        Step(revision, tuple(changes(before, revision.snapshot)))
        # Of no revisions there are no steps.
        for revision, before in zip(revisions, older, strict=False)
    ]


def changes(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    """Give what differs between two snapshots of one doctor's record."""
    yield from _fields(before["profile"], after["profile"], _OF_PROFILE, Doctor.Status)
    yield from _rows(before["places"], after["places"], _OF_PLACE, "name", None)
    yield from _rows(
        before["credentials"], after["credentials"], _OF_CREDENTIAL, "degree",
        DoctorCredential.Status,
    )  # fmt: skip


def _rows(
    before: Iterable[dict[str, Any]],
    after: Iterable[dict[str, Any]],
    labels: "Labels",
    title: str,
    statuses: Any,
) -> Iterator[Change]:
    old = {row["id"]: row for row in before}
    for row in after:
        own: Labels = {name: f"{row[title]}: {label}" for name, label in labels.items()}
        yield from _fields(old.get(row["id"], {}), row, own, statuses)


def _fields(
    before: dict[str, Any], after: dict[str, Any], labels: "Labels", statuses: Any
) -> Iterator[Change]:
    for name, label in labels.items():
        was, now = (_written(name, row.get(name), statuses) for row in (before, after))
        if was != now:
            yield Change(str(label), was, now)


def _written(name: str, value: Any, statuses: Any) -> str:
    if value in (None, "", []):
        return ""
    if name == "status":
        return str(statuses(value).label)
    if name == "languages":
        return ", ".join(str(Language(code).label) for code in value)
    if name == "valid_until":
        day = date.fromisoformat(value)
        return formatted(day, "j F Y")
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    return str(_WORDS[name](value).label) if name in _WORDS else str(value)
