from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework.renderers import BaseRenderer

_OPTIONS = orjson.OPT_UTC_Z


class JsonRenderer(BaseRenderer):
    """Write JSON in UTF-8; datetimes become RFC 3339, in UTC with `Z`, and UUIDs text."""

    media_type = "application/json"
    format = "json"
    # JSON is UTF-8 and has no charset.
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else write(data)


def write(value: Any) -> bytes:
    return orjson.dumps(value, option=_OPTIONS)
