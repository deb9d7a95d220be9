import pytest
from django.test import Client
from django.urls import reverse

from registry import actions
from registry.models import AuditLog, InsuranceProvider
from registry.tests.factories import NOW, make_admin, make_provider
from registry.tests.traces import recorded

pytestmark = pytest.mark.django_db(transaction=True)
SENT = {
    "name": "Acme Health",
    "slug": "acme",
    "api_base_url": "https://api.example.org/docport",
    "contact_name": "",
    "contact_email": "",
    "information_use": "To book visits.",
    "max_open_bookings_per_day": "20",
    "hold_minutes": "5",
    "backfill_per_minute": "600",
}


def test_a_new_insurer_is_recorded() -> None:
    admin = make_admin()
    provider = InsuranceProvider(name="Acme", slug="acme", information_use="To book visits.")

    actions.save_provider(provider=provider, by=admin, at=NOW)

    assert InsuranceProvider.objects.get() == provider
    assert recorded(provider) == ["insurer.added"]


def test_a_changed_insurer_is_recorded_with_what_changed() -> None:
    provider = make_provider()
    provider.name = "Acme Care"

    actions.save_provider(provider=provider, by=make_admin(), at=NOW)

    assert InsuranceProvider.objects.get().name == "Acme Care"
    assert AuditLog.objects.get().metadata == {"changed": ["name"]}


def test_an_insurer_saved_as_it_is_leaves_no_trace() -> None:
    actions.save_provider(provider=make_provider(), by=make_admin(), at=NOW)

    assert not AuditLog.objects.exists()


def test_an_admin_adds_and_changes_an_insurer(client: Client) -> None:
    admin = make_admin()
    client.force_login(admin)

    client.post(reverse("admin:registry_insuranceprovider_add"), SENT)
    provider = InsuranceProvider.objects.get()
    path = reverse("admin:registry_insuranceprovider_change", args=[provider.pk])
    response = client.post(path, SENT | {"name": "Acme Care"})

    assert response.status_code == 302
    provider.refresh_from_db()
    assert provider.name == "Acme Care"
    assert recorded(provider) == ["insurer.added", "insurer.updated"]
    assert {log.performed_by for log in AuditLog.objects.all()} == {admin}


def test_a_slug_is_taken_once(client: Client) -> None:
    make_provider(slug="acme")
    client.force_login(make_admin())

    response = client.post(reverse("admin:registry_insuranceprovider_add"), SENT)

    assert b"already exists" in response.content
    assert InsuranceProvider.objects.count() == 1
    assert not AuditLog.objects.exists()


def test_the_form_is_guarded_against_forgery() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_admin())

    response = client.post(reverse("admin:registry_insuranceprovider_add"), SENT)

    assert response.status_code == 403
    assert not InsuranceProvider.objects.exists()


def test_the_form_says_where_webhooks_are_added(client: Client) -> None:
    client.force_login(make_admin())
    provider = make_provider(webhook_url="https://insurer.example/hooks")
    path = reverse("admin:registry_insuranceprovider_change", args=[provider.pk])

    page = client.get(path).content.decode()
    client.post(path, SENT)

    assert "under Webhook endpoints" in page
    assert "webhook_url" not in page
    provider.refresh_from_db()
    assert (provider.name, provider.webhook_url) == (SENT["name"], "https://insurer.example/hooks")


def test_an_admin_sets_what_an_insurer_may_take(client: Client) -> None:
    client.force_login(make_admin())
    provider = make_provider()
    path = reverse("admin:registry_insuranceprovider_change", args=[provider.pk])
    as_it_is = SENT | {"name": provider.name, "slug": provider.slug, "api_base_url": ""}
    as_it_is["information_use"] = provider.information_use

    client.post(path, as_it_is | {"max_open_bookings_per_day": "3", "hold_minutes": "10"})

    provider.refresh_from_db()
    assert (provider.max_open_bookings_per_day, provider.hold_minutes) == (3, 10)
    assert AuditLog.objects.get().metadata == {
        "changed": ["max_open_bookings_per_day", "hold_minutes"]
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_open_bookings_per_day": "0"},
        {"hold_minutes": "0"},
        {"hold_minutes": "11"},
        {"backfill_per_minute": "0"},
    ],
)
def test_limits_that_no_insurer_can_have_are_refused(client: Client, wrong: dict[str, str]) -> None:
    client.force_login(make_admin())

    response = client.post(reverse("admin:registry_insuranceprovider_add"), SENT | wrong)

    assert b"errorlist" in response.content
    assert not InsuranceProvider.objects.exists()
    assert not AuditLog.objects.exists()


@pytest.mark.parametrize(("before", "after"), [("SANDBOX", "SUSPENDED"), ("LIVE", "SANDBOX")])
def test_where_an_insurer_stands_is_changed_with_a_reason(before: str, after: str) -> None:
    provider, admin = make_provider(integration_status=before), make_admin()

    actions.change_status(provider=provider, status=after, reason="Asked to.", by=admin, at=NOW)

    assert InsuranceProvider.objects.get(pk=provider.pk).integration_status == after
    line = AuditLog.objects.get()
    assert (line.action, line.performed_by) == ("insurer.status_changed", admin)
    assert line.metadata == {"before": before, "after": after, "reason": "Asked to."}


def test_an_insurer_that_stands_there_already_leaves_no_trace() -> None:
    provider = make_provider()

    actions.change_status(provider=provider, status="SANDBOX", reason="-", by=make_admin(), at=NOW)

    assert not AuditLog.objects.exists()


def test_nobody_is_brought_live_by_a_mere_change() -> None:
    provider = make_provider()

    with pytest.raises(actions.NotForLive):
        actions.change_status(provider=provider, status="LIVE", reason="-", by=make_admin(), at=NOW)

    assert InsuranceProvider.objects.get().integration_status == "SANDBOX"
    assert not AuditLog.objects.exists()


def test_a_new_insurer_begins_in_the_sandbox_and_the_form_moves_nobody(client: Client) -> None:
    client.force_login(make_admin())
    sent = SENT | {"integration_status": "LIVE"}

    client.post(reverse("admin:registry_insuranceprovider_add"), sent)
    provider = InsuranceProvider.objects.get()
    client.post(reverse("admin:registry_insuranceprovider_change", args=[provider.pk]), sent)

    provider.refresh_from_db()
    assert provider.integration_status == "SANDBOX"
