from datetime import UTC
from http import HTTPStatus
from typing import Any

from django.db.models import Q
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from consent.models import DataClass
from integrations import representations
from integrations.actions.answers import Answer
from integrations.api import bookings, cursors, once
from integrations.api.periods import end_of, start_of
from integrations.api.permissions import Needs, appointments_seen
from integrations.api.preconditions import if_match, version_to_match
from integrations.api.serializers import (
    AppointmentIn,
    AppointmentQuery,
    CancelIn,
    Exact,
    MoveIn,
    query_of,
)
from integrations.api.shapes import AppointmentOut, AppointmentsOut
from integrations.api.views.base import InsurerView, etag_of
from integrations.api.views.doctors import IF_NONE_MATCH
from integrations.models import Access, Scope
from scheduling.models import Appointment

APPOINTMENT_ID = OpenApiParameter("appointment_id", {"type": "string", "format": "uuid"}, "path")
IDEMPOTENCY_KEY = once.key_parameter(
    required=True,
    description="A new random value for each booking, the same for every try of it; bare or in "
    "quotes. The answer to the first try is kept for 72 hours.",
)
ETAG = OpenApiParameter(
    "ETag",
    str,
    "header",
    response=[200, 201, 304],
    description="The appointment's `version` in quotes: `If-Match` of a move.",
)
LOCATION = OpenApiParameter(
    "Location", str, "header", response=[201], description="Path of the appointment."
)
BOOKING = OpenApiExample(
    "A booking",
    request_only=True,
    value={
        "doctor_id": "0b0f4e5c-7f0e-4a35-9a54-3c1d5e6f7a8b",
        "start": "2026-11-24T09:00:00+05:30",
        "external_appointment_id": "V-10023",
        "patient_reference": "m-7f3a91",
    },
)
MOVING = OpenApiExample(
    "An hour later", request_only=True, value={"start": "2026-11-24T10:00:00+05:30"}
)
CANCELLING = OpenApiExample(
    "The patient asked", request_only=True, value={"reason": "patient_request"}
)


class Appointments(InsurerView):
    needs = {
        "GET": Needs(scope=Scope.APPOINTMENTS_READ, codes=("invalid_cursor",)),
        "POST": Needs(
            scope=Scope.APPOINTMENTS_WRITE,
            data_class=DataClass.APPOINTMENTS,
            codes=("not_found", *once.CODES, *bookings.BOOK_CODES),
        ),
    }

    @extend_schema(
        operation_id="appointments_list",
        tags=["Appointments"],
        summary="Your appointments",
        description="In the order of their start. Those of a doctor who has opted out stay "
        "readable until they end.",
        parameters=[AppointmentQuery],
        responses=AppointmentsOut,
    )
    def get(self, request: Request) -> Response:
        query = query_of(AppointmentQuery, request.query_params)
        name = cursors.list_name(self.provider, "appointments", query)
        rows = appointments_seen(self.provider, at=self.at).filter(_matching(query))
        if "cursor" in query:
            start, last = cursors.read(query["cursor"], of=name)
            rows = rows.filter(
                Q(appointment_time__gt=start) | Q(appointment_time=start, pk__gt=last)
            )
        limit = query["limit"]
        page = list(rows.order_by("appointment_time", "pk")[: limit + 1])
        doctors = {row.doctor_id for row in page[:limit]}
        self.note(Access.Call.APPOINTMENTS, [(one, DataClass.values) for one in doctors])
        return Response(
            {
                "items": [representations.appointment(row) for row in page[:limit]],
                "next": _next(page[limit - 1], name) if len(page) > limit else None,
            }
        )

    @extend_schema(
        operation_id="appointments_book",
        tags=["Appointments"],
        summary="Book a free time",
        description="Of two that ask for the same place, one gets 201 and the other 409 with the "
        "next free times. With `hold_id`, the place that you hold is booked.",
        parameters=[IDEMPOTENCY_KEY, LOCATION, ETAG, once.REPLAYED],
        request=AppointmentIn,
        responses={201: AppointmentOut},
        examples=[BOOKING],
    )
    def post(self, request: Request) -> Response:
        query_of(Exact, request.query_params)
        attempt = once.attempt_of(request)
        wanted = AppointmentIn.read(request.data)
        answer = once.answer(
            attempt,
            provider=self.provider,
            route="/appointments",
            at=self.at,
            effect=lambda: bookings.book(self.provider, wanted, at=self.at),
        )
        shown = bookings.as_shared_now(answer, self.provider, at=self.at)
        return _told(shown, instance=request.path)


class OneAppointment(InsurerView):
    needs = {
        "GET": Needs(scope=Scope.APPOINTMENTS_READ),
        "PATCH": Needs(
            scope=Scope.APPOINTMENTS_WRITE,
            data_class=DataClass.APPOINTMENTS,
            codes=("precondition_required", *bookings.MOVE_CODES),
        ),
    }

    @extend_schema(
        operation_id="appointments_read",
        tags=["Appointments"],
        summary="One of your appointments",
        description="Readable until it ends, also after the doctor has opted out.",
        parameters=[APPOINTMENT_ID, IF_NONE_MATCH, ETAG],
        responses={200: AppointmentOut, 304: None},
    )
    def get(self, request: Request, appointment_id: str) -> Response:
        query_of(Exact, request.query_params)
        response = self.answer(
            lambda: representations.appointment(self.appointment),
            version=str(self.appointment.version),
        )
        is_unchanged = response.status_code == HTTPStatus.NOT_MODIFIED
        doctor = (self.appointment.doctor_id, DataClass.values)
        self.note(Access.Call.APPOINTMENTS, [doctor], is_unchanged=is_unchanged)
        return response

    @extend_schema(
        operation_id="appointments_move",
        tags=["Appointments"],
        summary="Move one of your appointments",
        description="To another time of the same doctor. The old place is given up only if the "
        "new one is yours: when the move is refused, the appointment stands as it was. It keeps "
        "its id and gets a new token number.",
        parameters=[APPOINTMENT_ID, if_match("appointment"), ETAG],
        request=MoveIn,
        responses=AppointmentOut,
        examples=[MOVING],
    )
    def patch(self, request: Request, appointment_id: str) -> Response:
        query_of(Exact, request.query_params)
        version = version_to_match(request, self.appointment.version)
        wanted = MoveIn.read(request.data)
        answer = once.answer_now(
            lambda: bookings.move(
                self.appointment, self.provider, wanted, version=version, at=self.at
            )
        )
        return _told(answer, instance=request.path)


class CancelAppointment(InsurerView):
    needs = {"POST": Needs(scope=Scope.APPOINTMENTS_WRITE, codes=("not_cancellable",))}

    @extend_schema(
        operation_id="appointments_cancel",
        tags=["Appointments"],
        summary="Cancel one of your appointments",
        description="Safe to repeat: one that is cancelled already is answered as it stands. "
        "It stays possible until it begins, also after the doctor has opted out.",
        parameters=[APPOINTMENT_ID, ETAG],
        request=CancelIn,
        responses=AppointmentOut,
        examples=[CANCELLING],
    )
    def post(self, request: Request, appointment_id: str) -> Response:
        query_of(Exact, request.query_params)
        wanted = CancelIn.read(request.data)
        cancelled = bookings.cancel(self.appointment, self.provider, wanted, at=self.at)
        shown = representations.appointment(cancelled)
        return Response(shown, headers={"ETag": etag_of(shown["version"])})


def _matching(query: dict[str, Any]) -> Q:
    wanted = Q()
    for name in ("doctor_id", "status", "external_appointment_id"):
        if name in query:
            wanted &= Q(**{name: query[name]})
    if "from" in query:
        wanted &= Q(appointment_time__gte=start_of(query["from"], UTC))
    if "to" in query:
        wanted &= Q(appointment_time__lt=end_of(query["to"], UTC))
    return wanted


def _next(last: Appointment, name: str) -> str:
    return cursors.write([last.appointment_time.isoformat(), str(last.pk)], of=name)


def _told(answer: Answer, *, instance: str) -> Response:
    headers = {}
    if answer.status < HTTPStatus.BAD_REQUEST:
        headers["ETag"] = etag_of(answer.body["version"])
    if answer.status == HTTPStatus.CREATED:
        headers["Location"] = f"{representations.API_PATH}/appointments/{answer.body['id']}"
    return once.told(answer, instance=instance, headers=headers)
