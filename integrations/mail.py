"""The words of each mail to an insurer; plain text, times in UTC."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from consent.mail import Letter
from integrations.models import WebhookEndpoint


def about_failures(endpoint: WebhookEndpoint, *, ends_at: datetime | None) -> Letter:
    """Write to the insurer that nothing arrives at its endpoint, or that nothing is sent any more.

    Of the address only the host is told: the rest may hold a secret of the insurer's.

    Args:
        ends_at: when the endpoint will be disabled; `None` when it is.
    """
    provider = endpoint.insurance_provider
    context = {
        "endpoint": endpoint,
        "name": provider.contact_name or provider.name,
        "host": urlsplit(endpoint.url).hostname,
        "ends_at": ends_at,
        "deliveries": f"{_link('deliveries')}?endpoint_id={endpoint.pk}",
        "page": _link("endpoint", endpoint.pk),
    }
    name = "disabled" if ends_at is None else "failing"
    with timezone.override(UTC):
        subject = render_to_string(f"integrations/mail/{name}.subject.txt", context)
        text = render_to_string(f"integrations/mail/{name}.txt", context)
    return Letter(provider.contact_email, " ".join(subject.split()), text.strip() + "\n")


def _link(name: str, *given: object) -> str:
    return f"{settings.BASE_URL}{reverse(f'integrations:{name}', args=given)}"
