"""From the doctor's click to the insurer's own system, in real processes, during backfills."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from django.test import Client
from django.utils.timezone import now
from pytest_django import Settings

from consent.tests.factories import make_consent
from consent.tests.pages import answers, give_url
from docport.tests.own_redis import own_redis
from integrations.models import ProviderDoctorSync
from integrations.tests.factories import make_endpoint, make_sync
from integrations.tests.partner import Heard, Partner, Reply, running_partner
from integrations.tests.web import ROOT, database_url, running_web
from registry.models import InsuranceProvider, User
from registry.tests.factories import make_doctor, make_location, make_provider, make_user

pytestmark = pytest.mark.django_db(transaction=True)

PROMISED_SECONDS = 5.0
BACKFILLED = 150
# As an insurer's system far away answers.
ANSWERS_AFTER_SECONDS = 0.15
STARTS_WITHIN_SECONDS = 60


@contextmanager
def running_worker(redis_url: str, folder: Path) -> Iterator[None]:
    """Run a worker and the schedule on the database of the tests."""
    celery = [sys.executable, "-m", "celery", "--app=docport", "--quiet", "worker", "--beat"]
    options = ["--pool=threads", "--concurrency=8", "--loglevel=WARNING"]
    environment = {
        "DATABASE_URL": database_url(),
        "REDIS_URL": redis_url,
        "BASE_URL": "https://docport.example",
        "DATABASE_POOL_SIZE": "10",
    }
    with (folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [*celery, *options, f"--schedule={folder / 'schedule'}"],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(30)


def collect_static(folder: Path) -> str:
    """Make the files that pages name, as an installation does once; give where they are."""
    root = str(folder / "static")
    command = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity=0"]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"STATIC_ROOT": root}, check=True)
    return root


def answer_slowly(_: Heard) -> Reply:
    time.sleep(ANSWERS_AFTER_SECONDS)
    return Reply()


def make_backfilled(partner: Partner) -> InsuranceProvider:
    """Add an insurer whose system is sent many doctors for the first time."""
    provider = make_provider(api_base_url=f"{partner.url}/api", backfill_per_minute=3000)
    make_endpoint(insurance_provider=provider, url=f"{partner.url}/hooks")
    for _ in range(BACKFILLED):
        consent = make_consent(insurance_provider=provider, granted_at=now())
        make_sync(
            doctor=consent.doctor,
            insurance_provider=provider,
            is_backfill=True,
            next_attempt_at=now(),
        )
    return provider


def confirm(base_url: str, user: User, provider: InsuranceProvider) -> float:
    """Press the button of the page that asks once more; give when, by the monotonic clock."""
    client = Client()
    client.force_login(user)
    with requests.Session() as browser:
        browser.cookies.set("sessionid", client.cookies["sessionid"].value)
        page = base_url + give_url(provider)
        assert browser.get(page, timeout=20).status_code == 200
        form = answers(provider, confirm="yes", csrfmiddlewaretoken=browser.cookies["csrftoken"])
        begin = time.monotonic()
        answer = browser.post(page, form, timeout=20, allow_redirects=False)
        assert (answer.status_code, "receipts" in answer.headers["Location"]) == (302, True)
        return begin


def heard_of(partner: Partner, user: User) -> set[str]:
    """Name what an insurer's system has taken of a doctor."""
    path = f"/api/doctors/{user.doctor_id}"
    return {heard.path.removeprefix(path) for heard in partner.heard if path in heard.path}


def await_backfill(partner: Partner) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while not partner.heard:
        assert time.monotonic() < deadline, "the worker has not begun"
        time.sleep(0.05)


def test_a_first_sync_takes_less_than_five_seconds_and_waits_behind_no_backfill(
    settings: Settings, tmp_path: Path
) -> None:
    settings.LOOPBACK_TARGETS = True
    users = [make_user(doctor=make_doctor()) for _ in range(3)]
    for user in users:
        assert user.doctor
        make_location(user.doctor)
    with running_partner() as one, running_partner() as other, own_redis() as redis:
        one.answer = other.answer = answer_slowly
        insurer = make_backfilled(one)
        make_backfilled(other)
        static = collect_static(tmp_path)
        with (
            running_web(REDIS_URL=redis.url, STATIC_ROOT=static) as base_url,
            running_worker(redis.url, tmp_path),
        ):
            await_backfill(one)
            # Whoever comes first meets processes that have just started.
            for user, patience in zip(users, [30, PROMISED_SECONDS, PROMISED_SECONDS], strict=True):
                begin = confirm(base_url, user, insurer)
                while heard_of(one, user) < {"", "/availability"}:
                    assert time.monotonic() - begin < patience
                    time.sleep(0.01)

            is_under_way = ProviderDoctorSync.objects.filter(is_backfill=True).exists()

    assert is_under_way, "the backfills were over before the doctors came"
