from datetime import UTC
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from consent.models import DataClass
from integrations import representations
from integrations.api.periods import period_of
from integrations.api.permissions import Needs
from integrations.api.serializers import SearchQuery, query_of
from integrations.api.shapes import FoundSlotsOut
from integrations.api.views.base import InsurerView
from integrations.models import Access, Scope
from scheduling import openings
from scheduling.openings import Near, Wanted


class Search(InsurerView):
    needs = {"GET": Needs(scope=Scope.SLOTS_READ)}

    @extend_schema(
        operation_id="slots_find",
        tags=["Slots"],
        summary="The earliest free times of all doctors",
        description="Of the doctors who share `availability` with you, in the order of `start`. "
        "A doctor who does not share `profile` as well is found only without `specialization`, "
        "`city` and distance: what is not shared cannot be found out by asking.",
        parameters=[SearchQuery],
        responses=FoundSlotsOut,
    )
    def get(self, request: Request) -> Response:
        query = query_of(SearchQuery, request.query_params)
        found = openings.earliest(
            provider=self.provider, wanted=self._wanted(query), at=self.at, limit=query["limit"]
        )
        doctors = {one.doctor_id for one in found}
        self.note(Access.Call.SEARCH, [(doctor, DataClass.values) for doctor in doctors])
        return Response({"items": [representations.found(one) for one in found]})

    def _wanted(self, query: dict[str, Any]) -> Wanted:
        starts_at, ends_at = period_of(query, UTC, self.at)
        near = None
        if "distance_km" in query:
            near = Near(query["latitude"], query["longitude"], query["distance_km"])
        return Wanted(
            starts_at,
            ends_at,
            specialization=query.get("specialization"),
            city=query.get("city"),
            near=near,
            mode=query.get("mode"),
            per_doctor=query["per_doctor"],
        )
