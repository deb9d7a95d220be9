"""What no operation can be faster than: sign in, ask for one row by its key, answer."""

import json
from functools import cache
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry.models import Doctor

_ROW = {
    "start": "2026-11-24T03:30:00Z",
    "end": "2026-11-24T03:45:00Z",
    "location_id": "0b0f4e5c-7f0e-4a35-9a54-3c1d5e6f7a8b",
    "mode": "IN_PERSON",
    "capacity": 1,
    "free": 1,
}
_ROW_BYTES = len(json.dumps(_ROW, separators=(",", ":"))) + 1
_FRAME_BYTES = len('{"items":[],"rest":""}')


class Floor(APIView):
    """Answer as many bytes as the operation beside which it is measured, as the same JSON."""

    schema = None

    def get(self, request: Request, doctor_id: UUID) -> Response:
        Doctor.objects.get(pk=doctor_id)
        return Response(body(int(request.query_params["bytes"])))


@cache
def body(size: int) -> dict[str, Any]:
    """Make what is rendered to this many bytes: rows as of free times, and a rest."""
    rows, rest = divmod(max(0, size - _FRAME_BYTES), _ROW_BYTES)
    # The last of the rows has no comma behind it.
    return {"items": [_ROW] * rows, "rest": "-" * (rest + (rows > 0))}
