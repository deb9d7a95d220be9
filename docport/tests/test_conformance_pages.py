"""Pages on which admins check insurers' systems and bring insurers live, in a browser."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now
from pytest_django.live_server_helper import LiveServer

from docport.tests.browser import faults, new_page, sign_in
from integrations.conformance import CHECKS
from integrations.models import ConformanceRun
from integrations.tests.factories import make_endpoint
from registry.models import InsuranceProvider
from registry.tests.factories import make_admin, make_provider

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def make_run(provider: InsuranceProvider, status: str) -> ConformanceRun:
    """Add a run of every check; where it failed the third did, where it waits half are done."""
    at = now() - timedelta(minutes=5)
    results = [
        {
            "name": check.name,
            "outcome": "failed" if status == "FAILED" and place == 2 else "passed",
            "expected": check.expected,
            "happened": "No whole answer came in time." if place == 2 else "It did.",
            "fix": check.fix,
        }
        for place, check in enumerate(CHECKS)
    ]
    return ConformanceRun.objects.create(
        insurance_provider=provider,
        webhook_url="https://insurer.example/hooks",
        docport_version="0.1.0",
        status=status,
        results=results[: 12 if status == "WAITING" else None],
        asked_at=at,
        finished_at=None if status == "WAITING" else at,
    )


def test_pages_of_an_insurer_and_its_checks_have_no_fault(live_server: LiveServer) -> None:
    admin, sandbox, live = make_admin(), make_provider(), make_provider(integration_status="LIVE")
    make_endpoint(insurance_provider=sandbox)
    runs = [make_run(sandbox, status) for status in ("PASSED", "FAILED", "WAITING")]
    paths = [
        *(reverse("admin:registry_insuranceprovider_change", args=[one.pk])
          for one in (sandbox, live)),
        *(reverse("admin:integrations_conformancerun_change", args=[run.pk]) for run in runs),
        *(reverse(f"admin:insurer_{name}", args=[live.pk]) for name in ("live", "suspend")),
        reverse("admin:integrations_conformancerun_changelist"),
    ]  # fmt: skip

    with new_page() as page:
        sign_in(page, live_server, admin)
        found = [fault for path in paths for fault in faults(page, f"{live_server.url}{path}")]

    assert found == []
