import pytest
from django.core.management.base import SystemCheckError
from django.db import connection
from pytest_django import Settings

from docport import checks

pytestmark = pytest.mark.django_db


def test_production_starts_with_a_role_of_its_own(settings: Settings) -> None:
    settings.PRODUCTION = True

    assert checks.database_role_is_no_superuser(databases=["default"]) == _expected()


def _expected() -> list[object]:
    # A developer's own server may give the tests a superuser; the check must then say so.
    with connection.cursor() as cursor:
        cursor.execute(checks.ROLE_IS_SUPERUSER)
        is_superuser = cursor.fetchone()[0]
    return [checks.SUPERUSER] if is_superuser else []


def test_a_superuser_stops_the_start_in_production(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PRODUCTION = True
    monkeypatch.setattr(checks, "ROLE_IS_SUPERUSER", "SELECT true")

    with pytest.raises(SystemCheckError, match="superuser"):
        checks.before_serving()


def test_development_asks_no_such_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "ROLE_IS_SUPERUSER", "SELECT true")

    checks.before_serving()

    assert checks.database_role_is_no_superuser(databases=["default"]) == []
