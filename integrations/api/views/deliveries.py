from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from django.db.models import Q
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import representations
from integrations.api import cursors, webhooks
from integrations.api.permissions import Needs, endpoint_seen, endpoints_seen
from integrations.api.serializers import Exact, query_of
from integrations.api.shapes import DeliveriesOut, DeliveryOut, DeliveryWithAttemptsOut, ResentOut
from integrations.api.views.base import InsurerView
from integrations.api.webhooks import DeliveryQuery, ResendIn
from integrations.models import Scope, WebhookDelivery

DELIVERY_ID = OpenApiParameter("delivery_id", {"type": "string", "format": "uuid"}, "path")
_ENDPOINT = "c4b3a291-8f7e-4d6c-b5a4-938271605f4e"
AFTER_AN_OUTAGE = OpenApiExample(
    "All that failed since",
    request_only=True,
    value={"endpoint_id": _ENDPOINT, "from": "2026-11-22T00:00:00Z", "only": "failed"},
)
PART_OF_THE_FEED = OpenApiExample(
    "A part of the feed",
    request_only=True,
    value={"endpoint_id": _ENDPOINT, "after": 48100, "until": 48211},
)


class Deliveries(InsurerView):
    needs = {"GET": Needs(scope=Scope.WEBHOOKS_MANAGE, codes=("invalid_cursor",))}

    @extend_schema(
        operation_id="deliveries_list",
        tags=["Webhooks"],
        summary="What was sent, and what waits",
        description="Of all your endpoints, deleted ones too; kept for 30 days.",
        parameters=[DeliveryQuery],
        responses=DeliveriesOut,
    )
    def get(self, request: Request) -> Response:
        query = query_of(DeliveryQuery, request.query_params)
        name = cursors.list_name(self.provider, "deliveries", query)
        rows = webhooks.matching(query, at=self.at)
        if "cursor" in query:
            rows = rows.filter(_before(*cursors.read(query["cursor"], of=name)))
        endpoints = endpoints_seen(self.provider)
        if "endpoint_id" in query:
            endpoints = endpoints.filter(pk=query["endpoint_id"])
        limit = query["limit"]
        page = rows.newest_of(endpoints, limit + 1)
        return Response(
            {
                "items": [representations.delivery(row) for row in page[:limit]],
                "next": _next(page[limit - 1], name) if len(page) > limit else None,
            }
        )


class OneDelivery(InsurerView):
    needs = {"GET": Needs(scope=Scope.WEBHOOKS_MANAGE)}

    @extend_schema(
        operation_id="deliveries_read",
        tags=["Webhooks"],
        summary="One delivery with its attempts",
        description="What became of each try: the status that you answered, or why nothing came.",
        parameters=[DELIVERY_ID],
        responses=DeliveryWithAttemptsOut,
    )
    def get(self, request: Request, delivery_id: str) -> Response:
        query_of(Exact, request.query_params)
        return Response(webhooks.with_attempts(self.delivery))


class ResendOne(InsurerView):
    needs = {"POST": Needs(scope=Scope.WEBHOOKS_MANAGE, codes=("not_sent_again",))}

    @extend_schema(
        operation_id="deliveries_resend",
        tags=["Webhooks"],
        summary="Send a delivery again",
        description="Whether it arrived or not, with the same `webhook-id`. If it is about a "
        "doctor, consent is asked again right before.",
        parameters=[DELIVERY_ID],
        request=None,
        responses={202: DeliveryOut},
    )
    def post(self, request: Request, delivery_id: str) -> Response:
        query_of(Exact, request.query_params)
        again = webhooks.resend(self.delivery, self.provider, at=self.at)
        again.feed_entry = self.delivery.feed_entry
        return Response(representations.delivery(again), status=HTTPStatus.ACCEPTED)


class ResendRange(InsurerView):
    needs = {"POST": Needs(scope=Scope.WEBHOOKS_MANAGE, codes=("not_found",))}

    @extend_schema(
        operation_id="deliveries_resend_range",
        tags=["Webhooks"],
        summary="Send many events again",
        description="To one endpoint, in the order of the feed: those that failed, or all of a "
        "part of the feed or of a time in the last 30 days. At most 500 in one call; `next_after` "
        "says how to go on. Safe to repeat.",
        request=ResendIn,
        responses={202: ResentOut},
        examples=[AFTER_AN_OUTAGE, PART_OF_THE_FEED],
    )
    def post(self, request: Request) -> Response:
        query_of(Exact, request.query_params)
        wanted = ResendIn.read(request.data)
        endpoint = endpoint_seen(self.provider, wanted["endpoint_id"])
        resent = webhooks.resend_range(endpoint, self.provider, wanted, at=self.at)
        return Response(resent, status=HTTPStatus.ACCEPTED)


def _before(created_at: str, last: str) -> Q:
    then = datetime.fromisoformat(created_at)
    # The first condition is the index's, which an alternative alone would not be.
    return Q(created_at__lte=then) & (Q(created_at__lt=then) | Q(pk__lt=UUID(last)))


def _next(last: WebhookDelivery, name: str) -> str:
    return cursors.write([last.created_at.isoformat(), str(last.pk)], of=name)
