"""The page that says why a time is not free."""

from typing import Any

TUESDAY = "/calendar/2026-11-24/why/"


def titles(answer: Any) -> list[str]:
    """Give the title of each cause that the page shows."""
    return [told.cause.title for one in answer.context["answers"] for told in one.causes]
