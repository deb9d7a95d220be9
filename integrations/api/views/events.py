from datetime import timedelta

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import representations
from integrations.api.authentication import BearerAuthentication
from integrations.api.permissions import Needs
from integrations.api.problems import Problem, wrong_parameter
from integrations.api.serializers import EventQuery, query_of
from integrations.api.shapes import EventsOut
from integrations.api.views.base import InsurerView
from integrations.api.waiting import wait_for
from integrations.models import Access, Scope
from integrations.representations import Entry

FEED_DAYS = 30


class Events(InsurerView):
    needs = {"GET": Needs(scope=Scope.EVENTS_READ, codes=("feed_expired",))}

    @extend_schema(
        operation_id="events_list",
        tags=["Events"],
        summary="Your feed of events",
        description="Everything that changed for you, numbered without gaps. Keep `next_after` "
        "with what you did, and ask again from there: nothing is missed and nothing comes twice. "
        "With `wait` an answer comes as soon as there is an event.",
        parameters=[EventQuery],
        responses=EventsOut,
    )
    def get(self, request: Request) -> Response:
        query = query_of(EventQuery, request.query_params)
        after = query["after"]
        head, entries = self._feed(after, query["limit"], wait=query["wait"])
        if after > head:
            detail = f"Your feed has come to {head}."
            raise wrong_parameter("after", "beyond_head", detail, head=head)
        if self._has_forgotten(after, head, entries):
            raise Problem("feed_expired", extra={"head": head})
        doctors = {entry.doctor_id for entry in entries if entry.doctor_id}
        self.note(Access.Call.EVENTS, [(doctor, ()) for doctor in doctors])
        return Response(
            {
                "items": [representations.event(entry) for entry in entries],
                "next_after": entries[-1].feed_seq if entries else after,
                "head": head,
            }
        )

    def _feed(self, after: int, limit: int, *, wait: int) -> tuple[int, list[Entry]]:
        found = wait_for(
            lambda: representations.feed(self.provider, after=after, limit=limit),
            seconds=wait,
            until=lambda found: found[0] != after,
        )
        if wait:
            # What opened the call may have been revoked meanwhile.
            BearerAuthentication().authenticate(self.request)
        return found

    def _has_forgotten(self, after: int, head: int, entries: list[Entry]) -> bool:
        """Tell whether what follows `after` is older than the feed keeps, or is gone already."""
        if not entries:
            return after < head
        first = entries[0]
        kept_from = self.at - timedelta(days=FEED_DAYS)
        return first.feed_seq != after + 1 or first.created_at < kept_from
