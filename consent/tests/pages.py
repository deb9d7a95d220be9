"""The pages on which a doctor decides, and what is typed in there."""

import html
from datetime import UTC, datetime
from typing import Any

from django.test import Client
from django.urls import reverse

from consent.models import ConsentEvent
from consent.notices import Notice, notice_for
from registry.models import InsuranceProvider

# Pages read the clock: what holds began long ago, what ends does so far away.
LONG_AGO = datetime(2020, 1, 6, 4, 0, tzinfo=UTC)
FAR_AWAY = datetime(2090, 1, 2, 4, 0, tzinfo=UTC)


def text(answer: Any) -> str:
    """Give what a page says, as people read it."""
    return " ".join(html.unescape(answer.content.decode()).split())


def give_url(provider: InsuranceProvider) -> str:
    """Give the address of the page on which a doctor opts in."""
    return reverse("consent:give", args=[provider.slug])


def notice_of(provider: InsuranceProvider) -> Notice:
    """Give the notice as a doctor reads it who opts in today."""
    return notice_for(
        insurer=provider.name, information_use=provider.information_use, language="en"
    )


def answers(provider: InsuranceProvider, **given: Any) -> dict[str, Any]:
    """Fill in the page on which a doctor opts in."""
    values: dict[str, Any] = {
        "data_classes": ["profile", "availability"],
        "period": "open",
        "notice": notice_of(provider).sha256,
    }
    return values | given


def make_receipt(page: Client, provider: InsuranceProvider) -> ConsentEvent:
    """Opt in; give the step with its receipt."""
    page.post(give_url(provider), answers(provider, confirm="yes"))
    return ConsentEvent.objects.get()
