"""The Celery app, and the one table of what runs on a schedule.

Redis carries wake-ups only: every promise is a row in PostgreSQL, and these tasks look for rows
whose time has come. A beat that nobody took in time expires, so they never pile up.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init, worker_process_shutdown
from django.conf import settings

from docport import embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "docport.settings")
if not settings.configured:
    # Celery's own command comes here first. Whoever has read the settings has the services.
    embedded.start_services()

SCHEDULE: dict[str, dict[str, Any]] = {
    "sweep": {
        "task": "integrations.tasks.sweep",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
    "reconcile_pairs": {
        "task": "integrations.tasks.reconcile_pairs",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "check_drift": {
        "task": "integrations.tasks.check_drift",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
    "ask_consents_again": {
        "task": "consent.tasks.ask_consents_again",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "expire_consents": {
        "task": "consent.tasks.expire_consents",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "send_consent_mails": {
        "task": "consent.tasks.send_consent_mails",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "extend_open_days": {
        "task": "scheduling.tasks.extend_open_days",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "forget_ended": {
        "task": "integrations.tasks.forget_ended",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "send_heartbeats": {
        "task": "integrations.tasks.send_heartbeats",
        "schedule": 900.0,
        "options": {"expires": 900},
    },
    "watch_endpoints": {
        "task": "integrations.tasks.watch_endpoints",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "forget_deliveries": {
        "task": "integrations.tasks.forget_deliveries",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "forget_accesses": {
        "task": "integrations.tasks.forget_accesses",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "check_conformance": {
        "task": "integrations.tasks.check_conformance",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
    "seal_audit": {
        "task": "registry.tasks.seal_audit",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "worker_heartbeat": {
        "task": "docport.tasks.worker_heartbeat",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
}

app = Celery("docport")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = SCHEDULE
app.autodiscover_tasks()


@worker_init.connect
def refuse_a_wrong_database(**_: object) -> None:
    """Stop a worker whose database role is a superuser, in production."""
    from docport.checks import before_serving  # noqa: PLC0415  Checks need the apps.

    before_serving()


@worker_process_shutdown.connect
def write_what_was_counted(**_: object) -> None:
    """Leave nothing of the access ledger behind; such a process ends without `atexit`."""
    from integrations.actions import accesses  # noqa: PLC0415  Actions need the apps.

    accesses.finish_counting()
