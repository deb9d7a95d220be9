from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from consent.models import Consent, DataClass
from integrations import representations
from integrations.api import cursors, directory
from integrations.api.periods import period_of, start_of
from integrations.api.permissions import Needs, Seen
from integrations.api.problems import wrong_parameter
from integrations.api.serializers import AsOfQuery, DoctorQuery, Exact, SlotQuery, query_of
from integrations.api.shapes import (
    AvailabilityOut,
    CredentialsOut,
    DoctorOut,
    DoctorsOut,
    SlotsOut,
)
from integrations.api.views.base import InsurerView
from integrations.models import Access, Scope
from registry.models import Doctor, DoctorLocation
from scheduling import diary
from scheduling.slots import TooManySlots

DOCTOR_ID = OpenApiParameter("doctor_id", {"type": "string", "format": "uuid"}, "path")
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, "header", description="The ETag that you have; 304 when it stands."
)
ETAG = OpenApiParameter(
    "ETag",
    str,
    "header",
    response=[200, 304],
    description="Changes whenever the answer does: with the doctor's data, with what is shared, "
    "and at the turn of the day (UTC), when past dates and credentials that have run out drop out.",
)
VERSIONED = [DOCTOR_ID, IF_NONE_MATCH, ETAG]


class Doctors(InsurerView):
    needs = {"GET": Needs(scope=Scope.DOCTORS_READ, codes=("invalid_cursor",))}

    @extend_schema(
        operation_id="doctors_list",
        tags=["Doctors"],
        summary="Doctors who have opted in to you",
        description="All of them, a page at a time, in a stable order. A doctor who does not share "
        "`profile` is found by no filter on it.",
        parameters=[DoctorQuery],
        responses=DoctorsOut,
    )
    def get(self, request: Request) -> Response:
        query = query_of(DoctorQuery, request.query_params)
        name = cursors.list_name(self.provider, "doctors", query)
        after = UUID(cursors.read(query["cursor"], of=name)[0]) if "cursor" in query else None
        limit = query["limit"]
        page = directory.page(self.provider, query, after=after, size=limit + 1, at=self.at)
        more = cursors.write([str(page[limit - 1])], of=name) if len(page) > limit else None
        items = representations.doctors_as_seen(page[:limit], provider=self.provider, at=self.at)
        self.note(Access.Call.DOCTORS, [(item["id"], item["data_classes"]) for item in items])
        return Response({"items": items, "next": more})


class OneDoctor(InsurerView):
    needs = {"GET": Needs(scope=Scope.DOCTORS_READ)}

    @extend_schema(
        operation_id="doctors_read",
        tags=["Doctors"],
        summary="One doctor",
        description="What this doctor shares with you: a data class that is not shared has no key. "
        "With `as_of`, what it was at that time, of the data classes that were shared then and are "
        "shared still; `version` and `updated_at` are those of that time.",
        parameters=[*VERSIONED, AsOfQuery],
        responses={200: DoctorOut, 304: None},
    )
    def get(self, request: Request, doctor_id: str) -> Response:
        query = query_of(AsOfQuery, request.query_params)
        if "as_of" in query:
            return self._as_of(start_of(query["as_of"], UTC))
        response = self.answer(self._shown, version=_version(self.seen, self.at))
        return self.note_seen(Access.Call.DOCTOR, response)

    def _as_of(self, as_of: datetime) -> Response:
        consent = Consent.objects.get(doctor=self.doctor, insurance_provider=self.provider)
        if not consent.granted_at <= as_of <= self.at:
            since = representations.instant(consent.granted_at)
            detail = f"The consent holds since {since}; from then until now can be asked."
            raise wrong_parameter("as_of", "outside_consent", detail)
        shown = representations.doctor_as_of(consent, as_of)
        if shown is None:
            raise NotFound
        version = f"{shown['version']}.{consent.version}.{as_of.timestamp():.6f}"
        response = self.answer(lambda: shown, version=version)
        is_unchanged = response.status_code == HTTPStatus.NOT_MODIFIED
        doctor = (self.doctor.pk, shown["data_classes"])
        self.note(Access.Call.AS_OF, [doctor], is_unchanged=is_unchanged)
        return response

    def _shown(self) -> representations.Json:
        ids = [self.doctor.pk]
        shown = representations.doctors_as_seen(ids, provider=self.provider, at=self.at)
        if not shown:
            raise NotFound
        return shown[0]


class Credentials(InsurerView):
    needs = {"GET": Needs(scope=Scope.DOCTORS_READ, data_class=DataClass.CREDENTIALS)}

    @extend_schema(
        operation_id="doctors_credentials",
        tags=["Doctors"],
        summary="A doctor's credentials",
        description="Degrees and registrations that an admin has verified.",
        parameters=VERSIONED,
        responses={200: CredentialsOut, 304: None},
    )
    def get(self, request: Request, doctor_id: str) -> Response:
        query_of(Exact, request.query_params)
        response = self.answer(self._shown, version=_version(self.seen, self.at))
        return self.note_seen(Access.Call.CREDENTIALS, response)

    def _shown(self) -> representations.Json:
        shown = representations.credentials_as_seen(self.doctor, provider=self.provider, at=self.at)
        if "items" not in shown:
            raise NotFound
        return shown


class DoctorAvailability(InsurerView):
    needs = {"GET": Needs(scope=Scope.DOCTORS_READ, data_class=DataClass.AVAILABILITY)}

    @extend_schema(
        operation_id="doctors_availability",
        tags=["Doctors"],
        summary="A doctor's hours",
        description="Weekly hours, leave and extra hours from today (UTC) on, for mirrors. To "
        "book, read slots: they know what is taken.",
        parameters=VERSIONED,
        responses={200: AvailabilityOut, 304: None},
    )
    def get(self, request: Request, doctor_id: str) -> Response:
        query_of(Exact, request.query_params)
        response = self.answer(self._shown, version=_version(self.seen, self.at))
        return self.note_seen(Access.Call.AVAILABILITY, response)

    def _shown(self) -> representations.Json:
        shown = representations.availability_as_seen(
            self.doctor, provider=self.provider, at=self.at
        )
        if "windows" not in shown:
            raise NotFound
        return shown


class Slots(InsurerView):
    needs = {"GET": Needs(scope=Scope.SLOTS_READ, data_class=DataClass.AVAILABILITY)}

    @extend_schema(
        operation_id="doctors_slots",
        tags=["Slots"],
        summary="A doctor's free times",
        description="Computed at the moment you ask. `why_empty` says what stands against all of "
        "them when none is free.",
        parameters=[DOCTOR_ID, SlotQuery],
        responses=SlotsOut,
    )
    def get(self, request: Request, doctor_id: str) -> Response:
        query = query_of(SlotQuery, request.query_params)
        starts_at, ends_at = period_of(query, ZoneInfo(self.doctor.timezone), self.at)
        try:
            free, against = diary.free_slots_or_reasons(
                doctor=self.doctor,
                starts_at=starts_at,
                ends_at=ends_at,
                at=self.at,
                location=_place(self.doctor, query),
            )
        except TooManySlots as error:
            raise wrong_parameter("to", "too_many_slots", str(error)) from error
        items = [representations.slot(slot) for slot in free]
        return self.note_seen(Access.Call.SLOTS, Response({"items": items, "why_empty": against}))


def _version(seen: Seen, at: datetime) -> str:
    """Name a representation: it depends on the doctor, on what the consent shares, and on the day.

    Past dates drop out at the turn of the day (UTC), and so do credentials that have run out.
    Doctor and consent were read before the data, so that a change in between makes the next
    answer new, not stale.
    """
    return f"{seen.doctor.version}.{seen.consent_version}.{at.astimezone(UTC):%Y%m%d}"


def _place(doctor: Doctor, query: dict[str, Any]) -> DoctorLocation | None:
    if "location_id" not in query:
        return None
    place = DoctorLocation.objects.filter(doctor=doctor, pk=query["location_id"]).first()
    if place is None:
        raise wrong_parameter("location_id", "unknown", "The doctor has no such place.")
    return place
