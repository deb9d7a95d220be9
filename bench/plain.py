"""What sending webhooks is measured against: a Celery task that posts once, and does no more."""

import requests
from celery import shared_task

# Of its own: its worker must not send our webhooks, which bookings may have asked for meanwhile.
QUEUE = "plain"
BODY = b"{" + b" " * 400 + b"}"


@shared_task(acks_late=False)
def post(url: str) -> None:
    """Post once."""
    requests.post(url, data=BODY, headers={"Content-Type": "application/json"}, timeout=15)
