import hashlib
import re
from datetime import UTC
from http import HTTPStatus
from typing import Any

from django.db.models import Q
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from consent.models import DataClass
from integrations import representations
from integrations.actions import answers
from integrations.actions.answers import Answer
from integrations.api import bookings, cursors, problems
from integrations.api.permissions import Needs, appointments_seen, doctor_seen
from integrations.api.problems import Problem
from integrations.api.serializers import (
    AppointmentIn,
    AppointmentQuery,
    CancelIn,
    Exact,
    query_of,
)
from integrations.api.shapes import AppointmentOut, AppointmentsOut
from integrations.api.views.base import InsurerView
from integrations.api.views.doctors import end_of, start_of
from integrations.models import Scope
from scheduling.models import Appointment

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
APPOINTMENT_ID = OpenApiParameter("appointment_id", {"type": "string", "format": "uuid"}, "path")
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255},
    "header",
    required=True,
    description="A new random value for each booking, the same for every try of it; bare or in "
    "quotes. The answer to the first try is kept for 72 hours.",
)
REPLAYED = OpenApiParameter(
    "Idempotency-Replayed",
    {"type": "string", "enum": ["true"]},
    "header",
    response=[201],
    description="Present when this is the answer that an earlier try was given.",
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
CANCELLING = OpenApiExample(
    "The patient asked", request_only=True, value={"reason": "patient_request"}
)


class Appointments(InsurerView):
    needs = {
        "GET": Needs(scope=Scope.APPOINTMENTS_READ, codes=("invalid_cursor",)),
        "POST": Needs(
            scope=Scope.APPOINTMENTS_WRITE,
            data_class=DataClass.APPOINTMENTS,
            codes=(
                "not_found",
                "idempotency_key_missing",
                "idempotency_key_reused",
                "request_in_flight",
                *bookings.CODES,
            ),
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
        "next free times.",
        parameters=[IDEMPOTENCY_KEY, LOCATION, REPLAYED],
        request=AppointmentIn,
        responses={201: AppointmentOut},
        examples=[BOOKING],
    )
    def post(self, request: Request) -> Response:
        query_of(Exact, request.query_params)
        key = _idempotency_key(request)
        fingerprint = _fingerprint(request)
        wanted = AppointmentIn.read(request.data)
        # Before a replay too: what may not be seen any more is not shown again.
        seen = doctor_seen(
            self.provider, wanted["doctor_id"], at=self.at, data_class=DataClass.APPOINTMENTS
        )
        answer = _answer_once(
            provider=self.provider,
            method="POST",
            route="/appointments",
            key=key,
            fingerprint=fingerprint,
            at=self.at,
            effect=lambda: bookings.book(self.provider, seen, wanted, at=self.at),
        )
        if answer.replayed:
            answer = bookings.as_shared_now(answer, seen)
        return _told(answer, instance=request.path)


class OneAppointment(InsurerView):
    needs = {"GET": Needs(scope=Scope.APPOINTMENTS_READ)}

    @extend_schema(
        operation_id="appointments_read",
        tags=["Appointments"],
        summary="One of your appointments",
        description="Readable until it ends, also after the doctor has opted out.",
        parameters=[APPOINTMENT_ID],
        responses=AppointmentOut,
    )
    def get(self, request: Request, appointment_id: str) -> Response:
        query_of(Exact, request.query_params)
        return Response(representations.appointment(self.appointment))


class CancelAppointment(InsurerView):
    needs = {"POST": Needs(scope=Scope.APPOINTMENTS_WRITE, codes=("not_cancellable",))}

    @extend_schema(
        operation_id="appointments_cancel",
        tags=["Appointments"],
        summary="Cancel one of your appointments",
        description="Safe to repeat: one that is cancelled already is answered as it stands. "
        "It stays possible until it begins, also after the doctor has opted out.",
        parameters=[APPOINTMENT_ID],
        request=CancelIn,
        responses=AppointmentOut,
        examples=[CANCELLING],
    )
    def post(self, request: Request, appointment_id: str) -> Response:
        query_of(Exact, request.query_params)
        wanted = CancelIn.read(request.data)
        cancelled = bookings.cancel(self.appointment, self.provider, wanted, at=self.at)
        return Response(representations.appointment(cancelled))


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


def _idempotency_key(request: Request) -> str:
    given = request.headers.get("Idempotency-Key", "")
    bare = given[1:-1] if len(given) > 1 and given[0] == given[-1] == '"' else given
    if not _KEY.fullmatch(bare):
        raise Problem("idempotency_key_missing")
    return bare


def _fingerprint(request: Request) -> str:
    place = f"{request.method} {request.get_full_path()}\n".encode()
    return hashlib.sha256(place + request.body).hexdigest()


def _answer_once(**given: Any) -> Answer:
    try:
        return answers.answer_once(**given)
    except answers.KeyReused as error:
        raise Problem("idempotency_key_reused") from error
    except answers.StillRunning as error:
        raise Problem("request_in_flight", headers={"Retry-After": "1"}) from error
    except answers.TooBusy as error:
        raise Problem("unavailable", headers={"Retry-After": "1"}) from error


def _told(answer: Answer, *, instance: str) -> Response:
    headers = {"Idempotency-Replayed": "true"} if answer.replayed else {}
    if answer.status >= HTTPStatus.BAD_REQUEST:
        return problems.respond(Problem(**answer.body, headers=headers), instance=instance)
    headers["Location"] = f"{representations.API_PATH}/appointments/{answer.body['id']}"
    return Response(answer.body, status=answer.status, headers=headers)
