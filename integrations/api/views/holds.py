from http import HTTPStatus

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from consent.models import DataClass
from integrations.actions.answers import Answer
from integrations.api import bookings, once
from integrations.api.permissions import Needs
from integrations.api.serializers import Exact, HoldIn, query_of
from integrations.api.shapes import HoldOut
from integrations.api.views.base import InsurerView
from integrations.models import Scope

HOLD_ID = OpenApiParameter("hold_id", {"type": "string", "format": "uuid"}, "path")
IDEMPOTENCY_KEY = once.key_parameter(
    required=False,
    description="If you send one, every try with it gets the answer of the first, for 72 hours. "
    "Without one a second try holds a second place, which runs out by itself.",
)
HOLDING = OpenApiExample(
    "A hold",
    request_only=True,
    value={
        "doctor_id": "0b0f4e5c-7f0e-4a35-9a54-3c1d5e6f7a8b",
        "start": "2026-11-24T09:00:00+05:30",
    },
)


class Holds(InsurerView):
    needs = {
        "POST": Needs(
            scope=Scope.APPOINTMENTS_WRITE,
            data_class=DataClass.APPOINTMENTS,
            codes=("not_found", *once.CODES, *bookings.HOLD_CODES),
        )
    }

    @extend_schema(
        operation_id="holds_make",
        tags=["Holds"],
        summary="Hold a free time",
        description="Keeps the place while you ask the patient: for 5 minutes, or as agreed with "
        "you. Nobody else can book it until `expires_at`; then it is free again by itself. It "
        "counts as one of your open bookings.",
        parameters=[IDEMPOTENCY_KEY, once.REPLAYED],
        request=HoldIn,
        responses={201: HoldOut},
        examples=[HOLDING],
    )
    def post(self, request: Request) -> Response:
        query_of(Exact, request.query_params)
        attempt = once.attempt_of(request) if "Idempotency-Key" in request.headers else None
        wanted = HoldIn.read(request.data)

        def hold() -> Answer:
            return bookings.hold(self.provider, wanted, at=self.at)

        if attempt is None:
            return once.told(once.answer_now(hold), instance=request.path)
        answer = once.answer(
            attempt, provider=self.provider, route="/holds", at=self.at, effect=hold
        )
        shown = bookings.as_shared_now(answer, self.provider, at=self.at)
        return once.told(shown, instance=request.path)


class RenewHold(InsurerView):
    needs = {
        "POST": Needs(
            scope=Scope.APPOINTMENTS_WRITE,
            data_class=DataClass.APPOINTMENTS,
            codes=("hold_ended", "hold_already_renewed"),
        )
    }

    @extend_schema(
        operation_id="holds_renew",
        tags=["Holds"],
        summary="Renew one of your holds",
        description="Once, and to 10 minutes after the place was first held at most.",
        parameters=[HOLD_ID],
        request=None,
        responses=HoldOut,
    )
    def post(self, request: Request, hold_id: str) -> Response:
        query_of(Exact, request.query_params)
        return Response(bookings.renew(self.hold, at=self.at))


class OneHold(InsurerView):
    needs = {"DELETE": Needs(scope=Scope.APPOINTMENTS_WRITE, codes=("hold_ended",))}

    @extend_schema(
        operation_id="holds_release",
        tags=["Holds"],
        summary="Give a hold back",
        description="The place is free at once. It stays possible after the doctor has opted out.",
        parameters=[HOLD_ID],
        responses={204: None},
    )
    def delete(self, request: Request, hold_id: str) -> Response:
        query_of(Exact, request.query_params)
        bookings.release(self.hold, self.provider, at=self.at)
        return Response(status=HTTPStatus.NO_CONTENT)
