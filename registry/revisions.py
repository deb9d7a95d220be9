"""Who changed what of a doctor's record: the differences between the revisions that are kept."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from registry.models import Doctor, DoctorCredential, DoctorRevision
from registry.reference import Council, Language, Specialization, State

_OF_PROFILE = {
    "full_name": "Name",
    "email": "Email",
    "phone": "Phone",
    "registration_council": "Registered with",
    "registration_number": "Registration number",
    "hpr_id": "HPR ID",
    "specialization": "Specialization",
    "languages": "Languages",
    "years_of_experience": "Years of experience",
    "fee": "Fee",
    "timezone": "Time zone",
    "status": "Status",
}
_OF_PLACE = {
    "name": "name",
    "address": "address",
    "city": "city",
    "state": "state",
    "pin": "PIN",
    "latitude": "latitude",
    "longitude": "longitude",
    "timezone": "time zone",
    "phone": "phone",
    "is_active": "in use",
}
_OF_CREDENTIAL = {
    "degree": "degree or title",
    "institution": "institution",
    "year": "year",
    "status": "status",
    "reason": "reason",
    "valid_until": "valid until",
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
    labels: dict[str, str],
    title: str,
    statuses: Any,
) -> Iterator[Change]:
    old = {row["id"]: row for row in before}
    for row in after:
        own = {name: f"{row[title]}: {label}" for name, label in labels.items()}
        yield from _fields(old.get(row["id"], {}), row, own, statuses)


def _fields(
    before: dict[str, Any], after: dict[str, Any], labels: dict[str, str], statuses: Any
) -> Iterator[Change]:
    for name, label in labels.items():
        was, now = (_written(name, row.get(name), statuses) for row in (before, after))
        if was != now:
            yield Change(label, was, now)


def _written(name: str, value: Any, statuses: Any) -> str:
    if value in (None, "", []):
        return ""
    if name == "status":
        return str(statuses(value).label)
    if name == "languages":
        return ", ".join(str(Language(code).label) for code in value)
    if name == "valid_until":
        day = date.fromisoformat(value)
        return f"{day.day} {day:%B %Y}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(_WORDS[name](value).label) if name in _WORDS else str(value)
