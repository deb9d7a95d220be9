"""Change only what was read: `If-Match` with the ETag of what the caller has seen."""

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from integrations.api.problems import Problem


def if_match(what: str) -> OpenApiParameter:
    """Describe the header."""
    return OpenApiParameter(
        "If-Match",
        {"type": "string", "minLength": 1, "pattern": r"[^\s,]"},
        "header",
        required=True,
        description=f"The ETag of the {what} as you have read it.",
    )


def version_to_match(request: Request, version: int) -> int | None:
    """Give the version that the caller has read; `None` when any will do (RFC 9110, 13.1.1).

    Raises:
        Problem: the caller names no version, or not the present one.
    """
    offered = {one.strip() for one in request.headers.get("If-Match", "").split(",")} - {""}
    if not offered:
        raise Problem("precondition_required")
    if "*" in offered:
        return None
    if f'"{version}"' not in offered:
        raise Problem("version_mismatch")
    return version
