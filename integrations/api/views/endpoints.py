from http import HTTPStatus

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import representations
from integrations.actions.answers import Answer
from integrations.api import once, webhooks
from integrations.api.permissions import Needs, endpoints_seen
from integrations.api.preconditions import if_match, version_to_match
from integrations.api.serializers import Exact, query_of
from integrations.api.shapes import (
    DeliveryOut,
    NewWebhookEndpointOut,
    WebhookEndpointOut,
    WebhookEndpointsOut,
)
from integrations.api.views.base import InsurerView, etag_of
from integrations.api.views.doctors import IF_NONE_MATCH
from integrations.api.webhooks import WebhookEndpointChangeIn, WebhookEndpointIn
from integrations.models import Scope

ENDPOINT_ID = OpenApiParameter("endpoint_id", {"type": "string", "format": "uuid"}, "path")
IDEMPOTENCY_KEY = once.key_parameter(
    required=True,
    description="A new random value, the same for every try of this call. The secret is shown in "
    "this answer alone: should it get lost, the same key gives it once more, for 72 hours.",
)
ETAG = OpenApiParameter(
    "ETag",
    str,
    "header",
    response=[200, 201, 304],
    description="The endpoint's `version` in quotes: `If-Match` of a change.",
)
LOCATION = OpenApiParameter(
    "Location", str, "header", response=[201, 202], description="Path of what was made."
)
ADDING = OpenApiExample(
    "Everything about appointments",
    request_only=True,
    value={
        "url": "https://hooks.insurer.example/docport",
        "event_types": [
            "appointment.booked",
            "appointment.rescheduled",
            "appointment.cancelled",
        ],
    },
)
MOVING = OpenApiExample(
    "Another address", request_only=True, value={"url": "https://new.insurer.example/docport"}
)
SWITCHING_OFF = OpenApiExample("A pause", request_only=True, value={"status": "DISABLED"})


class Endpoints(InsurerView):
    needs = {
        "GET": Needs(scope=Scope.WEBHOOKS_MANAGE),
        "POST": Needs(scope=Scope.WEBHOOKS_MANAGE, codes=(*once.CODES, *webhooks.ADD_CODES)),
    }

    @extend_schema(
        operation_id="endpoints_list",
        tags=["Webhooks"],
        summary="Your webhook endpoints",
        description="All of them; a deleted one is here no more.",
        responses=WebhookEndpointsOut,
    )
    def get(self, request: Request) -> Response:
        query_of(Exact, request.query_params)
        rows = endpoints_seen(self.provider).standing().order_by("created_at", "pk")
        return Response({"items": [representations.endpoint(row) for row in rows]})

    @extend_schema(
        operation_id="endpoints_add",
        tags=["Webhooks"],
        summary="Add a webhook endpoint",
        description="The answer has its secret, which is shown this once. The address is sent "
        '`endpoint.challenge` at once; answer 200 with `{"challenge": …}` and what '
        "`data.challenge` says, each time it comes. Nothing else is sent before that, and what "
        "happens meanwhile waits.",
        parameters=[IDEMPOTENCY_KEY, LOCATION, ETAG, once.REPLAYED],
        request=WebhookEndpointIn,
        responses={201: NewWebhookEndpointOut},
        examples=[ADDING],
    )
    def post(self, request: Request) -> Response:
        query_of(Exact, request.query_params)
        attempt = once.attempt_of(request)
        wanted = WebhookEndpointIn.read(request.data)
        target = webhooks.target_of(wanted["url"])
        answer = once.answer(
            attempt,
            provider=self.provider,
            route="/webhook-endpoints",
            at=self.at,
            effect=lambda: webhooks.add(self.provider, target, wanted, at=self.at),
        )
        location = f"{representations.API_PATH}/webhook-endpoints/{answer.body['id']}"
        return _told(answer, request, Location=location)


class OneEndpoint(InsurerView):
    needs = {
        "GET": Needs(scope=Scope.WEBHOOKS_MANAGE),
        "PATCH": Needs(scope=Scope.WEBHOOKS_MANAGE, codes=("url_refused", *webhooks.CHANGE_CODES)),
        "DELETE": Needs(scope=Scope.WEBHOOKS_MANAGE, codes=webhooks.CHANGE_CODES),
    }

    @extend_schema(
        operation_id="endpoints_read",
        tags=["Webhooks"],
        summary="One of your webhook endpoints",
        description="Without its secret, which was shown when it was made.",
        parameters=[ENDPOINT_ID, IF_NONE_MATCH, ETAG],
        responses={200: WebhookEndpointOut, 304: None},
    )
    def get(self, request: Request, endpoint_id: str) -> Response:
        query_of(Exact, request.query_params)
        return self.answer(
            lambda: representations.endpoint(self.endpoint), version=str(self.endpoint.version)
        )

    @extend_schema(
        operation_id="endpoints_change",
        tags=["Webhooks"],
        summary="Change, disable or enable a webhook endpoint",
        description="What you leave out stays. With another `url` it is sent nothing but a "
        "challenge until it has answered. What happens while it is disabled waits, and is sent "
        "once it is enabled.",
        parameters=[ENDPOINT_ID, if_match("endpoint"), ETAG],
        request=WebhookEndpointChangeIn,
        responses=WebhookEndpointOut,
        examples=[MOVING, SWITCHING_OFF],
    )
    def patch(self, request: Request, endpoint_id: str) -> Response:
        query_of(Exact, request.query_params)
        version = version_to_match(request, self.endpoint.version)
        wanted = WebhookEndpointChangeIn.read(request.data)
        changed = webhooks.change(self.endpoint, self.provider, wanted, version=version, at=self.at)
        shown = representations.endpoint(changed)
        return Response(shown, headers={"ETag": etag_of(changed.version)})

    @extend_schema(
        operation_id="endpoints_delete",
        tags=["Webhooks"],
        summary="Delete a webhook endpoint",
        description="Nothing is sent there any more, but for what is on its way just now. What "
        "waited is `DROPPED`; deliveries stay readable for 30 days.",
        parameters=[ENDPOINT_ID, if_match("endpoint")],
        responses={204: None},
    )
    def delete(self, request: Request, endpoint_id: str) -> Response:
        query_of(Exact, request.query_params)
        version = version_to_match(request, self.endpoint.version)
        webhooks.delete(self.endpoint, self.provider, version=version, at=self.at)
        return Response(status=HTTPStatus.NO_CONTENT)


class RotateSecret(InsurerView):
    needs = {"POST": Needs(scope=Scope.WEBHOOKS_MANAGE, codes=once.CODES)}

    @extend_schema(
        operation_id="endpoints_rotate_secret",
        tags=["Webhooks"],
        summary="Get a new secret for a webhook endpoint",
        description="Shown this once. For 24 hours each message has two `v1` signatures, by the "
        "new secret and by the one before; a second rotation in that time ends the older one. "
        "The key pair stays as it is: its private half has never left DocPort.",
        parameters=[ENDPOINT_ID, IDEMPOTENCY_KEY, ETAG, once.REPLAYED],
        request=None,
        responses=NewWebhookEndpointOut,
    )
    def post(self, request: Request, endpoint_id: str) -> Response:
        query_of(Exact, request.query_params)
        answer = once.answer(
            once.attempt_of(request),
            provider=self.provider,
            route="/webhook-endpoints/rotate-secret",
            at=self.at,
            effect=lambda: webhooks.rotate_secret(self.endpoint, self.provider, at=self.at),
        )
        return _told(answer, request)


class SendTest(InsurerView):
    needs = {"POST": Needs(scope=Scope.WEBHOOKS_MANAGE, codes=("endpoint_disabled",))}

    @extend_schema(
        operation_id="endpoints_test",
        tags=["Webhooks"],
        summary="Send a test to a webhook endpoint",
        description="A `ping` now, whatever its filter; or its challenge once more if it has not "
        "answered. The answer is the delivery: read it again to see what became of it. Safe to "
        "repeat: while a test is unfinished, that one is sent again.",
        parameters=[ENDPOINT_ID, LOCATION],
        request=None,
        responses={202: DeliveryOut},
    )
    def post(self, request: Request, endpoint_id: str) -> Response:
        query_of(Exact, request.query_params)
        delivery = webhooks.send_test(self.endpoint, self.provider, at=self.at)
        return Response(
            representations.delivery(delivery),
            status=HTTPStatus.ACCEPTED,
            headers={"Location": f"{representations.API_PATH}/deliveries/{delivery.pk}"},
        )


def _told(answer: Answer, request: Request, **headers: str) -> Response:
    headers["ETag"] = etag_of(answer.body["version"])
    return once.told(answer, instance=request.path, headers=headers)
