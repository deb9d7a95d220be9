"""Why a doctor is on leave is the doctor's own: it is nowhere that others read."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.serializers.json import DjangoJSONEncoder

from integrations.tests.doctors import share
from integrations.tests.insurers import make_caller
from registry.models import AuditLog, DoctorRevision, OutboxEvent
from registry.tests.factories import NOW, make_user
from scheduling import actions
from scheduling.tests.factories import TUESDAY_AT_9, make_window

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]
REASON = "Bypass surgery"
HOUR = timedelta(hours=1)


def test_the_reason_for_leave_reaches_nobody() -> None:
    caller = make_caller()
    doctor = share(caller)
    make_window(doctor)
    user = make_user(doctor=doctor)
    given: dict[str, Any] = {"location": None, "decisions": {}, "by": user, "at": NOW}
    times: dict[str, Any] = {"starts_at": TUESDAY_AT_9, "ends_at": TUESDAY_AT_9 + 4 * HOUR}
    actions.take_leave(doctor=doctor, reason=REASON, **times, **given)
    leave = actions.take_leave(doctor=doctor, reason="Rest", **times, **given).exception
    later = times | {"ends_at": TUESDAY_AT_9 + 5 * HOUR}
    actions.change_leave(leave=leave, reason=REASON, **later, **given)
    answers = [
        caller.get(f"/doctors/{doctor.pk}{path}", query).content.decode()
        for path, query in [
            ("", {}),
            ("/availability", {}),
            ("/slots", {"from": "2026-11-24", "to": "2026-11-24"}),
        ]
    ]
    actions.remove_leave(leave=leave, by=user, at=NOW)
    kept = [
        *OutboxEvent.objects.values_list("payload", flat=True),
        *AuditLog.objects.values_list("metadata", flat=True),
        *DoctorRevision.objects.values_list("snapshot", flat=True),
    ]

    assert "on_leave" in answers[-1]
    assert REASON not in json.dumps([*answers, *kept], cls=DjangoJSONEncoder)
