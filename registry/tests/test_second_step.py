import base64
import hashlib
import re
from io import StringIO
from time import sleep, time
from typing import TYPE_CHECKING, TypeAlias
from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from registry.models import AuditLog, User
from registry.second_step import open_seed
from registry.tests.factories import PASSWORD, make_admin, make_user

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse

Response: TypeAlias = "_MonkeyPatchedWSGIResponse"

pytestmark = pytest.mark.django_db(transaction=True)
CODE = re.compile(r"<li><code>(\d{8})</code>")
PERIOD, ENOUGH = 30, 5
SEED = re.compile(r'<code class="key">([A-Z2-7]+)</code>')


def key(number: int, words: str) -> str:
    return f"{number}:{base64.urlsafe_b64encode(hashlib.sha256(words.encode()).digest()).decode()}"


OLD, NEW = key(1, "a"), key(2, "b")


@pytest.fixture(autouse=True)
def _own_limits_and_keys(settings: Settings) -> None:
    # Limits on tries and used codes live in the cache, and no test may use up another's.
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": uuid4().hex,
        }
    }
    settings.FIELD_KEYS = [OLD]


def code_of(seed: str) -> str:
    """Give the code of now, of which there is some time left."""
    left = PERIOD - time() % PERIOD
    if left < ENOUGH:
        sleep(left)
    (counter,) = yield_hotp_counters_from_time()
    return str(format_hotp_value(hotp_value(seed, counter)))


def sign_in(user: User) -> Client:
    client = Client()
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    return client


def confirm(client: Client) -> None:
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})


def turn_on(user: User) -> tuple[Client, str]:
    """Turn two-step sign-in on; give the browser it was done with, and the seed."""
    client = sign_in(user)
    confirm(client)
    path = reverse("mfa_activate_totp")
    (seed,) = SEED.findall(client.get(path).content.decode())
    response = client.post(path, {"code": code_of(seed)})
    assert response["Location"] == reverse("mfa_view_recovery_codes")
    return client, seed


def recovery_codes(client: Client) -> list[str]:
    return CODE.findall(client.get(reverse("mfa_view_recovery_codes")).content.decode())


def answer(client: Client, code: str) -> Response:
    return client.post(reverse("mfa_authenticate"), {"code": code})


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def changes(user: User) -> list[str]:
    lines = AuditLog.objects.filter(entity_id=user.pk, performed_by=user).order_by("timestamp")
    return list(lines.values_list("action", flat=True))


def stored(user: User) -> dict[str, Authenticator]:
    return {row.type: row for row in Authenticator.objects.filter(user=user)}


def swap(one: User, other: User, kind: str) -> None:
    first, second = stored(one)[kind], stored(other)[kind]
    first.data, second.data = second.data, first.data
    first.save()
    second.save()


def test_with_it_on_a_password_alone_opens_nothing() -> None:
    user = make_admin()
    _, seed = turn_on(user)

    client = sign_in(user)
    page = client.get(reverse("mfa_authenticate")).content.decode()
    admin = client.get(reverse("admin:index"))
    before = is_in(client)
    answer(client, code_of(seed))

    assert "recovery codes here instead" in page
    assert admin.status_code == 302
    assert not before
    assert is_in(client)
    assert client.get(reverse("admin:index")).status_code == 200


def test_a_code_is_good_once() -> None:
    user = make_user()
    _, seed = turn_on(user)
    code = code_of(seed)
    first, second = sign_in(user), sign_in(user)
    answer(first, code)

    response = answer(second, code)

    assert is_in(first)
    assert response.status_code == 422
    assert b"not right, or was used before" in response.content
    assert not is_in(second)


def test_a_recovery_code_is_good_once() -> None:
    user = make_user()
    browser, _ = turn_on(user)
    codes = recovery_codes(browser)
    first, second = sign_in(user), sign_in(user)

    answer(first, codes[0])
    answer(second, codes[0])

    assert len(codes) == 10
    assert is_in(first)
    assert not is_in(second)
    assert recovery_codes(browser) == codes[1:]


def test_guessing_is_stopped() -> None:
    user = make_user()
    turn_on(user)
    client = sign_in(user)

    for _ in range(20):
        response = answer(client, "no code")

    assert b"Too many failed login attempts" in response.content


def test_codes_can_be_downloaded_and_made_anew() -> None:
    user = make_user()
    browser, _ = turn_on(user)
    before = recovery_codes(browser)
    file = browser.get(reverse("mfa_download_recovery_codes"))

    browser.post(reverse("mfa_generate_recovery_codes"))

    assert file.content.decode().split() == before
    assert "attachment" in file["Content-Disposition"]
    assert not set(recovery_codes(browser)) & set(before)
    assert changes(user) == ["user.second_step_turned_on", "user.recovery_codes_renewed"]
    assert mail.outbox[-1].subject == "Your recovery codes are new"


def test_turning_it_off_asks_who_it_is_and_is_recorded_and_told() -> None:
    user = make_user()
    browser, seed = turn_on(user)
    other = sign_in(user)
    answer(other, code_of(seed))
    path = reverse("mfa_deactivate_totp")
    asked = other.post(path)
    still = set(stored(user))

    browser.post(path)

    assert asked["Location"].startswith(reverse("account_reauthenticate"))
    assert still == {"totp", "recovery_codes"}
    assert not stored(user)
    assert is_in(sign_in(user))
    assert changes(user) == ["user.second_step_turned_on", "user.second_step_turned_off"]
    assert [one.subject for one in mail.outbox] == [
        "Two-step sign-in is on",
        "Two-step sign-in is off",
    ]
    assert mail.outbox[-1].to == [user.email]


def test_a_wrong_code_turns_nothing_on() -> None:
    user = make_user()
    client = sign_in(user)
    confirm(client)
    client.get(reverse("mfa_activate_totp"))

    response = client.post(reverse("mfa_activate_totp"), {"code": "no code"})

    assert response.status_code == 422
    assert not stored(user)
    assert not changes(user)


def test_only_the_page_with_the_qr_code_may_show_data_as_an_image() -> None:
    client = sign_in(make_user())
    confirm(client)

    policies = {
        name: client.get(reverse(name))["Content-Security-Policy"]
        for name in ("mfa_activate_totp", "mfa_index", "docport:home")
    }

    assert [name for name, policy in policies.items() if "data:" in policy] == ["mfa_activate_totp"]


@pytest.mark.parametrize(
    "name",
    [
        "mfa_index",
        "mfa_activate_totp",
        "mfa_deactivate_totp",
        "mfa_view_recovery_codes",
        "mfa_download_recovery_codes",
        "mfa_generate_recovery_codes",
        "mfa_authenticate",
        "mfa_reauthenticate",
    ],
)
def test_strangers_are_led_to_the_sign_in(client: Client, name: str) -> None:
    response = client.get(reverse(name))

    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))


def test_no_seed_is_stored_in_clear() -> None:
    user = make_user()
    _, seed = turn_on(user)

    rows = stored(user)

    assert seed not in str([row.data for row in rows.values()])
    assert open_seed(rows["totp"].data["secret"], of=user) == seed
    assert len(open_seed(rows["recovery_codes"].data["seed"], of=user)) == 80


@pytest.mark.parametrize("kind", ["totp", "recovery_codes"])
def test_seeds_that_change_places_open_nobodys_account(kind: str) -> None:
    one, other = make_user(), make_user()
    browsers = {user.pk: turn_on(user) for user in (one, other)}
    codes = {user.pk: recovery_codes(browsers[user.pk][0])[0] for user in (one, other)}
    swap(one, other, kind)

    for user, foreign in ((one, other), (other, one)):
        client = sign_in(user)
        shown = code_of(browsers[foreign.pk][1]) if kind == "totp" else codes[foreign.pk]
        response = answer(client, shown)

        assert response.status_code == 503
        assert b"We cannot check your codes" in response.content
        assert not is_in(client)


def test_rotation_keeps_both_working(settings: Settings) -> None:
    user = make_user()
    browser, seed = turn_on(user)
    codes = recovery_codes(browser)
    settings.FIELD_KEYS = [OLD, NEW]

    call_command("rotate_field_keys", stdout=StringIO(), stderr=StringIO())

    settings.FIELD_KEYS = [NEW]
    by_app, by_recovery = sign_in(user), sign_in(user)
    answer(by_app, code_of(seed))
    answer(by_recovery, codes[0])
    assert is_in(by_app)
    assert is_in(by_recovery)


def test_without_the_old_key_the_page_says_so_and_rotation_names_the_rows(
    settings: Settings,
) -> None:
    user = make_user()
    browser, seed = turn_on(user)
    settings.FIELD_KEYS = [NEW]
    told = StringIO()

    client = sign_in(user)
    response = answer(client, code_of(seed))
    seen = browser.get(reverse("mfa_view_recovery_codes"))
    with pytest.raises(CommandError, match="Values that no key opens: 2"):
        call_command("rotate_field_keys", stdout=StringIO(), stderr=told)

    assert (response.status_code, seen.status_code) == (503, 503)
    assert b"We cannot check your codes" in seen.content
    assert f"mfa_authenticator.data:{stored(user)['totp'].pk}" in told.getvalue()
    assert not is_in(client)


def test_a_seed_that_was_never_sealed_is_refused_and_named() -> None:
    user = make_user()
    _, seed = turn_on(user)
    row = stored(user)["totp"]
    row.data = {"secret": seed}
    row.save()

    response = answer(sign_in(user), code_of(seed))

    assert response.status_code == 503
    with pytest.raises(CommandError, match="Values that no key opens: 1"):
        call_command("rotate_field_keys", stdout=StringIO(), stderr=StringIO())


def test_account_security_costs_few_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    user = make_user()
    browser, _ = turn_on(user)

    with django_assert_max_num_queries(12):
        page = browser.get(reverse("mfa_index")).content.decode()

    assert page.count("<h1") == 1
    assert reverse("mfa_deactivate_totp") in page
