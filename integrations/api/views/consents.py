import hashlib
from datetime import UTC
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from consent.models import Consent
from integrations import representations
from integrations.actions.answers import Answer
from integrations.api import consents, cursors, once
from integrations.api.consents import AskIn, ConsentQuery, ErasureIn
from integrations.api.periods import start_of
from integrations.api.permissions import Needs, consents_seen
from integrations.api.renderers import write
from integrations.api.serializers import Exact, query_of
from integrations.api.shapes import ConsentOut, ConsentRequestOut, ConsentsOut
from integrations.api.views.base import InsurerView, etag_of
from integrations.api.views.doctors import IF_NONE_MATCH
from integrations.models import Access, Scope

CONSENT_ID = OpenApiParameter("consent_id", {"type": "string", "format": "uuid"}, "path")
ETAG = OpenApiParameter(
    "ETag",
    str,
    "header",
    response=[200, 304],
    description="Changes whenever the answer does, also when the period of the consent is over.",
)
IDEMPOTENCY_KEY = once.key_parameter(
    required=False,
    description="If you send one, every try with it gets the answer of the first, for 72 hours. "
    "Without one a second try gives what the first asked, too.",
)
ASKING = OpenApiExample(
    "Ask for profile and free times",
    request_only=True,
    value={
        "registration_number": "KMC-048213",
        "data_classes": ["profile", "availability"],
        "message": "We would like to show you to our members in Bengaluru.",
    },
)
ERASED = OpenApiExample(
    "Erased", request_only=True, value={"erased_at": "2026-11-24T17:10:00+05:30"}
)


class Consents(InsurerView):
    needs = {
        "GET": Needs(scope=Scope.CONSENTS_READ, codes=("invalid_cursor",)),
        "POST": Needs(scope=Scope.CONSENTS_WRITE, codes=(*once.CODES, *consents.ASK_CODES)),
    }

    @extend_schema(
        operation_id="consents_list",
        tags=["Consents"],
        summary="Consents that doctors gave you",
        description="Those in force and those that have ended. What you asked is not here before "
        "a doctor has said yes.",
        parameters=[ConsentQuery],
        responses=ConsentsOut,
    )
    def get(self, request: Request) -> Response:
        query = query_of(ConsentQuery, request.query_params)
        name = cursors.list_name(self.provider, "consents", query)
        rows = self._matching(query)
        if "cursor" in query:
            rows = rows.filter(pk__gt=UUID(cursors.read(query["cursor"], of=name)[0]))
        limit = query["limit"]
        page = list(rows.order_by("pk")[: limit + 1])
        more = cursors.write([str(page[limit - 1].pk)], of=name) if len(page) > limit else None
        items = [representations.consent(row, at=self.at) for row in page[:limit]]
        self.note(Access.Call.CONSENTS, [(row.doctor_id, ()) for row in page[:limit]])
        return Response({"items": items, "next": more})

    @extend_schema(
        operation_id="consents_ask",
        tags=["Consents"],
        summary="Ask a doctor for consent",
        description="The answer is the same whether or not anybody here has the number, and you "
        "are not told of a no. If the doctor says yes, you hear `consent.granted`. A number can "
        "be asked once in 120 days; asking again meanwhile gives the first request again. "
        "You may ask 100 numbers in 24 hours and 1000 in 30 days.",
        parameters=[IDEMPOTENCY_KEY, once.REPLAYED],
        request=AskIn,
        responses={202: ConsentRequestOut},
        examples=[ASKING],
    )
    def post(self, request: Request) -> Response:
        query_of(Exact, request.query_params)
        attempt = once.attempt_of(request) if "Idempotency-Key" in request.headers else None
        wanted = AskIn.read(request.data)
        # Before a replay too, and never kept: it stops being so when the doctor withdraws.
        consents.refuse_consented(self.provider, wanted, at=self.at)

        def ask() -> Answer:
            return consents.ask(self.provider, wanted, at=self.at)

        if attempt is None:
            return once.told(ask(), instance=request.path)
        answer = once.answer(
            attempt, provider=self.provider, route="/consents", at=self.at, effect=ask
        )
        return once.told(answer, instance=request.path)

    def _matching(self, query: dict[str, Any]) -> QuerySet[Consent]:
        rows = consents_seen(self.provider)
        if "status" in query:
            rows = rows.standing_as(query["status"], at=self.at)
        if "updated_since" in query:
            since = start_of(query["updated_since"], UTC)
            ended = Q(expires_at__gte=since, expires_at__lte=self.at)
            rows = rows.filter(ended | Q(updated_at__gte=since))
        return rows


class OneConsent(InsurerView):
    needs = {"GET": Needs(scope=Scope.CONSENTS_READ)}

    @extend_schema(
        operation_id="consents_read",
        tags=["Consents"],
        summary="One consent",
        description="As it stands, also after it has ended.",
        parameters=[CONSENT_ID, IF_NONE_MATCH, ETAG],
        responses={200: ConsentOut, 304: None},
    )
    def get(self, request: Request, consent_id: str) -> Response:
        query_of(Exact, request.query_params)
        shown = representations.consent(self.consent, at=self.at)
        response = self.answer(lambda: shown, version=_version(shown))
        is_unchanged = response.status_code == HTTPStatus.NOT_MODIFIED
        doctor = (self.consent.doctor_id, ())
        self.note(Access.Call.CONSENTS, [doctor], is_unchanged=is_unchanged)
        return response


class Erasure(InsurerView):
    needs = {"POST": Needs(scope=Scope.CONSENTS_WRITE, codes=consents.ACKNOWLEDGE_CODES)}

    @extend_schema(
        operation_id="consents_erasure",
        tags=["Consents"],
        summary="Say how far an erasure is",
        description="For a consent that has ended. The first call says that you know; one with "
        "`erased_at` says that it is done, at once or later. The doctor sees both times, or that "
        "`erase_by` has passed. Safe to repeat: what was said first stays.",
        parameters=[CONSENT_ID, ETAG],
        request=ErasureIn,
        responses=ConsentOut,
        examples=[ERASED],
    )
    def post(self, request: Request, consent_id: str) -> Response:
        query_of(Exact, request.query_params)
        wanted = ErasureIn.read(request.data)
        noted = consents.acknowledge(self.consent, self.provider, wanted, at=self.at)
        shown = representations.consent(noted, at=self.at)
        return Response(shown, headers={"ETag": etag_of(_version(shown))})


def _version(shown: representations.Json) -> str:
    """Name a representation by all it says: time and erasure change it without a new version."""
    return hashlib.sha256(write(shown)).hexdigest()[:16]
