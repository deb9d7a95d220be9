"""Exactly what an insurer sees: the interface's own JSON, now and after a change."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from consent.models import Consent, insurers_for
from consent.standings import standings_of
from integrations import representations
from integrations.representations import Json
from registry import actions
from registry.models import Doctor, DoctorRevision, InsuranceProvider, User
from registry.revisions import Change, steps_of


@dataclass(frozen=True)
class Line:
    """A line of JSON; `mark` is + for what comes, - for what goes, empty for what stays."""

    mark: str
    text: str


@dataclass(frozen=True)
class Answer:
    """What one call of the insurer would be answered, against what it is answered now."""

    call: str
    lines: tuple[Line, ...]


def preview(
    doctor: Doctor,
    provider: InsuranceProvider,
    consent: Consent | None,
    data_classes: Sequence[str],
    *,
    at: datetime,
) -> list[Answer]:
    """Give the insurer's calls with the lines that sharing these data classes would change.

    Args:
        consent: what is shared now, if it is in force.
        data_classes: what would be shared; the profile is always among it.
    """
    now = representations.doctors_as_seen([doctor.pk], provider=provider, at=at)
    then = representations.doctor_if_shared(
        doctor,
        provider=provider,
        consent_id=consent.pk if consent else uuid4(),
        data_classes=data_classes,
        at=at,
    )
    hours_now = representations.availability_as_seen(doctor, provider=provider, at=at)
    hours = representations.hours_shown(doctor, data_classes, at=at) if then else {}
    path = f"GET /api/v1/doctors/{doctor.pk}"
    return [
        Answer(path, _difference(now[0] if now else {}, then)),
        Answer(f"{path}/availability", _difference(_whole(hours_now), _whole(hours))),
    ]


@dataclass(frozen=True)
class Seen:
    """What changes for an insurer that sees the doctor now: only the lines that differ."""

    provider: InsuranceProvider
    lines: tuple[Line, ...]
    is_seeing: bool


@dataclass(frozen=True)
class ProfilePreview:
    """What saving a part of the profile would change: in words, and for each insurer."""

    changes: tuple[Change, ...]
    seen: tuple[Seen, ...]


def preview_profile(
    doctor: Doctor, values: Mapping[str, Any], *, by: User, at: datetime
) -> ProfilePreview:
    """Give what `update_profile` with these values would change; nothing is saved.

    Raises:
        AlreadyTaken, Incomplete: as `update_profile` would.
    """
    standings = standings_of(doctor, insurers_for(doctor).order_by("name"), at=at)
    insurers = [standing.provider for standing in standings if standing.is_seeing]
    before = [_as_seen(doctor, insurer, at) for insurer in insurers]
    with actions.as_if_updated(doctor=doctor, changes=values, by=by, at=at) as standing:
        if standing.version == doctor.version:
            return ProfilePreview((), ())
        revisions = DoctorRevision.objects.filter(doctor=doctor).order_by("-version")[:2]
        changes = steps_of(list(revisions))[0].changes
        after = [_as_seen(doctor, insurer, at) for insurer in insurers]
    seen = (
        Seen(insurer, tuple(line for line in _difference(was, now) if line.mark), bool(now))
        for insurer, was, now in zip(insurers, before, after, strict=True)
    )
    return ProfilePreview(changes, tuple(seen))


def _as_seen(doctor: Doctor, insurer: InsuranceProvider, at: datetime) -> Json:
    shown = representations.doctors_as_seen([doctor.pk], provider=insurer, at=at)
    return shown[0] if shown else {}


def _whole(hours: Json) -> Json:
    # Without hours the call is answered 404.
    return hours if "windows" in hours else {}


def _difference(before: Json, after: Json) -> tuple[Line, ...]:
    return tuple(_lines(_written(before), _written(after)))


def _lines(before: list[str], after: list[str]) -> Iterator[Line]:
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for kind, begin, end, other_begin, other_end in matcher.get_opcodes():
        if kind == "equal":
            yield from (Line("", text) for text in before[begin:end])
        else:
            yield from (Line("-", text) for text in before[begin:end])
            yield from (Line("+", text) for text in after[other_begin:other_end])


def _written(shown: Json) -> list[str]:
    return json.dumps(shown, indent=2, ensure_ascii=False).splitlines() if shown else []
