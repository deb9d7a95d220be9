"""Opaque, signed places in a list: they say where to go on, not which row must still exist."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.core import signing

from integrations.api.problems import Problem
from registry.models import InsuranceProvider

GOOD_FOR = timedelta(days=1)
_NOT_FILTERS = {"cursor", "limit"}


def list_name(provider: InsuranceProvider, route: str, query: Mapping[str, Any]) -> str:
    """Name one insurer's list under one set of filters; a cursor is good for that list only."""
    filters = sorted((name, str(query[name])) for name in query if name not in _NOT_FILTERS)
    return json.dumps(["api.cursor", str(provider.pk), route, filters])


def write(position: list[str], *, of: str) -> str:
    return signing.dumps(position, salt=of)


def read(cursor: str, *, of: str) -> list[str]:
    """Give the position back.

    Raises:
        Problem: the cursor was altered, is too old or belongs to another list.
    """
    try:
        position: list[str] = signing.loads(cursor, salt=of, max_age=GOOD_FOR)
    except (signing.BadSignature, ValueError) as error:
        raise Problem("invalid_cursor") from error
    return position
