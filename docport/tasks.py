"""Tasks about the site as a whole."""

from celery import shared_task
from django.core.cache import caches
from django.utils.timezone import now

HEARTBEAT_KEY = "worker_heartbeat"
HEARTBEAT_KEPT_SECONDS = 60


@shared_task
def worker_heartbeat() -> None:
    """Note that a worker takes tasks; `/readyz` reads when it last did."""
    caches["shared"].set(HEARTBEAT_KEY, now().isoformat(), timeout=HEARTBEAT_KEPT_SECONDS)
