from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.limits import policies_of
from integrations.api.parsers import MOST_BYTES
from integrations.api.periods import MOST_SLOT_DAYS
from integrations.api.permissions import Needs
from integrations.api.serializers import MOST_ROWS, Exact, query_of
from integrations.api.shapes import MeOut
from integrations.api.views.base import InsurerView
from integrations.api.views.events import FEED_DAYS
from integrations.representations import instant


class Me(InsurerView):
    needs = {"GET": Needs(scope=None)}

    @extend_schema(
        operation_id="me",
        tags=["Account"],
        summary="Who you are",
        description="Your insurer, what this key or access token may do and how long it lasts, "
        "and the limits that apply to you.",
        responses=MeOut,
    )
    def get(self, request: Request) -> Response:
        query_of(Exact, request.query_params)
        caller, insurer = self.caller, self.provider
        burst, hour = policies_of(insurer)
        return Response(
            {
                "insurer": {"id": str(insurer.pk), "name": insurer.name, "slug": insurer.slug},
                "mode": "test" if caller.is_test else "live",
                "scopes": sorted(caller.scopes),
                "api_version": caller.api_version,
                "caller": {
                    "kind": caller.kind,
                    "id": str(caller.id),
                    "name": caller.name,
                    "last_four": caller.last_four,
                    "expires_at": instant(caller.expires_at),
                    "token_expires_at": caller.token_expires_at
                    and instant(caller.token_expires_at),
                },
                "limits": {
                    "calls_per_second": burst.amount,
                    "calls_per_hour": hour.amount,
                    "body_bytes": MOST_BYTES,
                    "page_rows": MOST_ROWS,
                    "slot_days": MOST_SLOT_DAYS,
                    "feed_days": FEED_DAYS,
                    "open_bookings_per_doctor_and_day": insurer.max_open_bookings_per_day,
                },
            }
        )


class UnknownPath(InsurerView):
    """Whatever no other path takes: the same 404, also for those without a key."""

    schema = None
    authentication_classes = []
    permission_classes = [AllowAny]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.refuse_plain_http(request)
        self.check_throttles(request)
        raise NotFound
