from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from integrations.actions import keys
from integrations.models import NEWEST_VERSION, ApiKey, Scope
from integrations.tests.factories import make_api_key
from registry.models import AuditLog, InsuranceProvider
from registry.tests.factories import NOW, make_admin, make_provider

pytestmark = pytest.mark.django_db

NEXT_YEAR = NOW + timedelta(days=365)


def issue(provider: InsuranceProvider, *, is_test: bool = True) -> tuple[ApiKey, str]:
    return keys.issue(
        provider=provider,
        name="Booking system",
        scopes=[Scope.SLOTS_READ, Scope.DOCTORS_READ],
        expires_at=NEXT_YEAR,
        is_test=is_test,
        by=make_admin(),
        at=NOW,
    )


def test_a_key_is_shown_once_and_only_its_hash_is_kept() -> None:
    row, key = issue(make_provider())

    assert key.startswith("dpk_test_")
    assert len(key) == len("dpk_test_") + 30 + 6
    assert keys.is_well_formed(key)
    row.refresh_from_db()
    assert row.sha256 == keys.digest(key)
    assert row.last_four == key[-4:]
    assert row.scopes == ["doctors:read", "slots:read"]
    assert row.api_version == NEWEST_VERSION
    assert key not in str(vars(row))
    log = AuditLog.objects.get(action="api_key.issued")
    assert log.entity_id == row.pk
    assert key not in str(log.metadata)


def test_a_key_with_one_wrong_character_fails_its_checksum() -> None:
    key = keys.generate(is_test=False)
    wrong = [
        key[:place] + ("A" if key[place] != "A" else "B") + key[place + 1 :]
        for place in range(9, len(key))
    ]

    assert key.startswith("dpk_live_")
    assert keys.is_well_formed(key)
    assert not any(keys.is_well_formed(one) for one in wrong)
    assert not keys.is_well_formed(key.replace("live", "test"))
    assert not keys.is_well_formed(key + "\n")
    assert not keys.is_well_formed("")


def test_an_insurer_has_two_live_keys_at_most() -> None:
    provider = make_provider()
    first, _ = issue(provider)
    issue(provider)

    with pytest.raises(keys.TooManyKeys):
        issue(provider)

    assert ApiKey.objects.count() == 2
    keys.revoke(key=first, by=make_admin(), at=NOW)
    issue(provider)
    assert ApiKey.objects.count() == 3


def test_an_outdated_key_does_not_count() -> None:
    provider = make_provider()
    make_api_key(insurance_provider=provider, expires_at=NOW)
    make_api_key(insurance_provider=provider)

    issue(provider)

    assert ApiKey.objects.count() == 3


def test_the_mode_of_a_key_is_that_of_its_insurer() -> None:
    sandbox = make_provider()
    live = make_provider(integration_status=InsuranceProvider.Status.LIVE)

    with pytest.raises(keys.WrongMode):
        issue(sandbox, is_test=False)
    with pytest.raises(keys.WrongMode):
        issue(live, is_test=True)

    assert not ApiKey.objects.exists()
    assert not AuditLog.objects.exists()


@pytest.mark.parametrize("is_test", [True, False])
def test_a_suspended_insurer_gets_no_key(*, is_test: bool) -> None:
    suspended = make_provider(integration_status=InsuranceProvider.Status.SUSPENDED)

    with pytest.raises(keys.InsurerSuspended):
        issue(suspended, is_test=is_test)

    assert not ApiKey.objects.exists()
    assert not AuditLog.objects.exists()


def test_a_key_is_revoked_once() -> None:
    row, _ = issue(make_provider())
    admin = make_admin()

    revoked = keys.revoke(key=row, by=admin, at=NOW)

    assert (revoked.revoked_at, revoked.revoked_by) == (NOW, admin)
    assert AuditLog.objects.get(action="api_key.revoked").performed_by == admin
    with pytest.raises(keys.AlreadyRevoked):
        keys.revoke(key=row, by=make_admin(), at=NOW)
    row.refresh_from_db()
    assert row.revoked_by == admin
    assert AuditLog.objects.filter(action="api_key.revoked").count() == 1


def test_use_is_noted_once_a_day() -> None:
    row, _ = make_api_key()

    keys.note_use(row_id=row.pk, ip="192.0.2.1", at=NOW)
    keys.note_use(row_id=row.pk, ip="192.0.2.2", at=NOW)

    row.refresh_from_db()
    assert (row.last_used_on, row.last_used_ip) == (NOW.date(), "192.0.2.1")
    keys.note_use(row_id=row.pk, ip="192.0.2.2", at=NOW + timedelta(days=1))
    row.refresh_from_db()
    assert row.last_used_ip == "192.0.2.2"


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        ({"scopes": []}, "api_key_has_scopes"),
        ({"scopes": ["everything"]}, "api_key_scopes_known"),
        ({"sha256": "x"}, "api_key_is_hashed"),
        ({"revoked_at": NOW}, "api_key_revoked_pair"),
        ({"api_version": "newest"}, "api_key_version_is_a_date"),
    ],
)
def test_the_database_refuses_a_broken_key(wrong: dict[str, object], constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        make_api_key(**wrong)
