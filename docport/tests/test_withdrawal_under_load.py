"""Doctors withdraw while 16 clients of an insurer read, on two web processes."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from random import Random
from threading import Event, Lock
from typing import Any

import pytest
import requests
from django.db import connection
from django.utils.timezone import now

from consent import actions
from consent.models import Consent
from consent.tests.factories import make_consent
from docport.tests.watching import Arrived, History, Polled, Read, Told, leaks
from integrations import outgoing
from integrations.actions import feed, webhooks
from integrations.actions.drain import drain
from integrations.tests.factories import make_api_key, make_endpoint
from integrations.tests.partner import Heard, Reply, running_partner
from integrations.tests.web import errors_in_the_log, running_web
from registry.actions import update_profile
from registry.models import DoctorLocation, InsuranceProvider, User
from registry.tests.factories import (
    make_doctor,
    make_location,
    make_provider,
    make_user,
    make_verified_credential,
)
from scheduling import openings
from scheduling.models import DayOfWeek
from scheduling.tests.factories import make_window

CLIENTS = 16
STAYING, LEAVING = 4, 8
PAUSE_SECONDS = 0.4
# How long the load goes on after the last one has left, so that webhooks have time to be late; and
# at most, where a slow machine has not yet shown what the test looks for.
LATE_SECONDS, MOST_SECONDS = 2, 60
DATA = {"doctor.updated", "availability.updated"}


@dataclass(frozen=True)
class Practice:
    """A doctor whom the insurer sees, with what stands in every answer about them."""

    user: User
    place: DoctorLocation
    consent: Consent

    @property
    def id(self) -> str:
        return str(self.user.doctor_id)

    def is_in(self, answer: requests.Response) -> bool:
        """Tell whether an answer carries their data; an error repeats the address it was asked."""
        assert self.user.doctor
        marks = {self.user.doctor.email, str(self.place.pk)}
        if answer.ok:
            marks.add(self.id)
        return any(mark in answer.text for mark in marks)


class Insurer:
    """The insurer's side: its clients, its endpoint, and all that they were shown."""

    def __init__(self, practices: Sequence[Practice]) -> None:
        self.practices, self.history, self.over = practices, History(), Event()
        # How far any client has read the feed: each alone would fall behind what is written.
        self._read_until, self._lock = 0, Lock()

    def read_on(self, base_url: str, key: str, number: int) -> None:
        """Read what a client reads, one call after the other, each by whichever process."""
        chance = Random(number)
        headers = {"Authorization": f"Bearer {key}", "Connection": "close"}
        while not self.over.is_set():
            one = f"/doctors/{chance.choice(self.practices).id}"
            details = (one, f"{one}/credentials", f"{one}/availability", f"{one}/slots")
            news = f"/events?after={self._read_until}"
            path = chance.choice((*details, "/doctors", "/slots", news))
            began = time.monotonic()
            answer = requests.get(f"{base_url}/api/v1{path}", headers=headers, timeout=30)
            self._note(path, began, answer)

    def hear(self, request: Heard) -> Reply:
        """Take a webhook."""
        at, event = time.monotonic(), request.json
        with self._lock:
            if event["type"] == "consent.revoked":
                self.history.revoked.add(event["data"]["doctor_id"])
            self.history.arrivals += [Arrived(at, told) for told in _told([event])]
        return Reply()

    def _note(self, path: str, began: float, answer: requests.Response) -> None:
        with self._lock:
            if path.startswith("/events"):
                page = answer.json()
                told = frozenset(_told(page["items"]))
                self.history.polls.append(Polled(began, page["head"], told))
                self._read_until = max(self._read_until, page["next_after"])
                return
            carried = frozenset(one.id for one in self.practices if one.is_in(answer))
            self.history.reads.append(Read(began, path, answer.status_code, carried))


def _told(events: Sequence[dict[str, Any]]) -> Iterator[Told]:
    for event in events:
        if event["type"] in DATA:
            yield Told(event["feed_seq"], event["data"]["doctor_id"])


def make_practice(provider: InsuranceProvider) -> Practice:
    """Add a doctor with hours every day, who shares all with the insurer."""
    doctor = make_doctor()
    place = make_location(doctor)
    make_verified_credential(doctor)
    for day in DayOfWeek.values:
        make_window(doctor, place, day_of_week=day)
    consent = make_consent(doctor=doctor, insurance_provider=provider)
    openings.refresh_all(doctor_id=doctor.pk, at=now())
    return Practice(make_user(doctor=doctor), place, consent)


def edit_on(practices: Sequence[Practice], over: Event) -> None:
    """Change the doctors' profiles, one after the other, so that there is always news."""
    fees = count(100)
    while not over.wait(0.02):
        for one in practices:
            assert one.user.doctor
            changes = {"fee": next(fees)}
            update_profile(doctor=one.user.doctor, changes=changes, by=one.user, at=now())
    connection.close()


def deliver_on(over: Event) -> None:
    """Sequence and send, as the worker does."""
    with outgoing.new_session() as session:
        while not over.wait(0.02):
            feed.sequence(at=now())
            drain(session, webhooks.line(session, now))
    connection.close()


@contextmanager
def in_threads(over: Event, *calls: Callable[[], None]) -> Iterator[None]:
    """Run all calls until the block is over."""
    with ThreadPoolExecutor(len(calls)) as pool:
        running = [pool.submit(call) for call in calls]
        try:
            yield
        finally:
            over.set()
        for one in running:
            one.result()


def watch(leave: Callable[[Practice], object], is_enough: Callable[[History], bool]) -> History:
    """Let some doctors leave, one by one, under load until enough is seen of it; give all seen."""
    provider = make_provider()
    _, key = make_api_key(insurance_provider=provider, expires_at=now().replace(year=2100))
    insurer = Insurer([make_practice(provider) for _ in range(STAYING + LEAVING)])
    leaving = list(insurer.practices[:LEAVING])
    with running_partner() as partner, running_web(CALLS_PER_SECOND="100000") as base_url:
        partner.answer = insurer.hear
        make_endpoint(insurance_provider=provider, url=f"{partner.url}/hooks")
        clients = [
            lambda number=number: insurer.read_on(base_url, key, number)
            for number in range(CLIENTS)
        ]
        editing = [lambda: edit_on(insurer.practices, insurer.over)]
        delivering = [lambda: deliver_on(insurer.over)]
        with in_threads(insurer.over, *clients, *editing, *delivering):
            for one in leaving:
                time.sleep(PAUSE_SECONDS)
                leave(one)
                insurer.history.withdrawn[one.id] = time.monotonic()
            time.sleep(LATE_SECONDS)
            deadline = time.monotonic() + MOST_SECONDS
            while not is_enough(insurer.history) and time.monotonic() < deadline:
                time.sleep(0.2)
    return insurer.history


def withdraw(one: Practice) -> None:
    actions.withdraw(consent=one.consent, by=one.user, at=now())


def do_nothing(_: Practice) -> None:
    """Be noted as withdrawn, and still be seen."""


def all_were_asked_for(history: History) -> bool:
    """Tell whether each who left was read before and asked for after, and the feed and webhooks."""
    asked = {
        one: any(read.began > at and f"/doctors/{one}" in read.path for read in history.reads)
        and any(read.began < at and one in read.of for read in history.reads)
        and any(poll.began >= at for poll in history.polls)
        for one, at in history.withdrawn.items()
    }
    return all(asked.values()) and history.revoked == set(asked)


def all_leak(history: History) -> bool:
    """Tell whether data of each who left was found on each way."""
    found = list(leaks(history))
    return all(
        any(leak.startswith(way) and one in leak for leak in found)
        for one in history.withdrawn
        for way in ("read", "feed", "webhook")
    )


@pytest.mark.django_db(transaction=True)
def test_after_the_commit_of_a_withdrawal_nothing_carries_the_doctors_data() -> None:
    history = watch(withdraw, all_were_asked_for)

    sys.stdout.write(f"{history}\n")
    assert list(leaks(history)) == []
    assert errors_in_the_log() == []
    assert {read.status for read in history.reads} == {200, 404}
    assert len(history.withdrawn) == LEAVING
    assert all_were_asked_for(history)
    assert any(arrived.at > min(history.withdrawn.values()) for arrived in history.arrivals)


@pytest.mark.django_db(transaction=True)
def test_the_judge_sees_a_withdrawal_that_does_not_hold_on_each_way() -> None:
    history = watch(do_nothing, all_leak)

    assert len(history.withdrawn) == LEAVING
    assert all_leak(history)


GOOD = History(
    withdrawn={"asha": 10.0},
    reads=[Read(9.9, "/doctors", 200, frozenset({"asha", "ravi"}))],
    polls=[Polled(9.0, 4, frozenset({Told(4, "asha")})), Polled(10.1, 5, frozenset())],
    arrivals=[Arrived(10.5, Told(4, "asha"))],
)


@pytest.mark.parametrize(
    ("damage", "way"),
    [
        ({"reads": [Read(10.0, "/doctors", 200, frozenset({"asha"}))]}, "read"),
        ({"polls": [Polled(10.1, 5, frozenset()), Polled(10.2, 6, frozenset({Told(6, "asha")}))]},
         "feed"),
        ({"arrivals": [Arrived(11.1, Told(4, "asha"))]}, "webhook"),
        ({"arrivals": [Arrived(10.5, Told(6, "asha"))]}, "webhook"),
    ],
)  # fmt: skip
def test_the_judge_finds_one_answer_too_late(damage: dict[str, Any], way: str) -> None:
    assert list(leaks(GOOD)) == []

    (found,) = leaks(History(**(vars(GOOD) | damage)))

    assert found.startswith(way)
