from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db.models import F

from integrations import tasks
from integrations.actions import drift
from integrations.actions import push as pushing
from integrations.actions.reconcile import reconcile
from integrations.connectors import docport_json
from integrations.models import ProviderDoctorSync, ProviderPush, WebhookEndpoint
from integrations.tests.doctors import withdraw
from integrations.tests.factories import make_sync
from integrations.tests.partner import Heard, Partner, Reply
from integrations.tests.workers import Clock, push_due
from registry.models import AuditLog, Doctor, InsuranceProvider, User
from registry.tests.factories import NOW, make_provider
from registry.tests.races import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_loopback")]

Status = ProviderDoctorSync.Status
MINUTE = timedelta(minutes=1)


class Mirror:
    """An insurer's system that keeps what it is sent, and tells which state it holds."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}
        self.asked: list[str] = []
        self.says_none = True

    def __call__(self, heard: Heard) -> Reply:
        if heard.method == "PUT":
            self.held[heard.path] = heard.headers["docport-state"]
        elif heard.method == "DELETE":
            self.forget(heard.path)
        elif heard.path in self.held:
            self.asked.append(heard.path)
            return Reply(200, {"DocPort-State": self.held[heard.path]})
        else:
            self.asked.append(heard.path)
            return Reply(404, {"DocPort-State": "none"} if self.says_none else {})
        return Reply()

    def forget(self, path: str) -> None:
        self.held = {kept: state for kept, state in self.held.items() if path not in kept}


@pytest.fixture
def mirror(partner: Partner) -> Mirror:
    mirror = Mirror()
    partner.answer = mirror
    return mirror


@pytest.fixture
def pairs(mirror: Mirror, provider: InsuranceProvider, clock: Clock) -> list[ProviderDoctorSync]:
    """Three doctors in step, in the order in which they are checked."""
    for _ in range(3):
        make_sync(insurance_provider=provider)
    push_due(clock)
    reconcile(at=NOW)
    return list(ProviderDoctorSync.objects.order_by("doctor_id"))


def path_of(pair: ProviderDoctorSync) -> str:
    return f"/api/doctors/{pair.doctor_id}"


def count(push: ProviderPush) -> tuple[int, int, int]:
    push.refresh_from_db()
    return push.checked, push.differed, push.outdated


def test_what_is_in_step_is_left_alone_until_the_next_night(
    pairs: list[ProviderDoctorSync], mirror: Mirror, clock: Clock
) -> None:
    assert drift.check(clock=clock) == 1

    push = ProviderPush.objects.get()
    assert count(push) == (3, 0, 0)
    assert (push.check_began_at, push.check_ended_at) == (NOW, NOW)
    assert (push.tells_states, push.check_lease_until) == (True, None)
    assert push.next_check_at is not None
    assert push.next_check_at.isoformat() == "2026-11-23T20:30:00+00:00"
    assert len(mirror.asked) == 6
    assert push_due(clock) == 0
    assert drift.check(clock=clock) == 0
    clock.at = push.next_check_at
    assert drift.check(clock=clock) == 1
    push.refresh_from_db()
    assert push.next_check_at.isoformat() == "2026-11-24T20:30:00+00:00"


@pytest.mark.parametrize("part", ["", "/availability"])
def test_what_differs_is_sent_again(
    pairs: list[ProviderDoctorSync], mirror: Mirror, clock: Clock, part: str
) -> None:
    first = pairs[0]
    right = dict(mirror.held)
    mirror.held[path_of(first) + part] = "f00d"

    drift.check(clock=clock)

    assert count(ProviderPush.objects.get()) == (3, 1, 0)
    first.refresh_from_db()
    assert (first.sync_status, first.is_backfill, first.wanted) == (Status.PENDING, True, 2)
    assert push_due(clock) == 1
    assert mirror.held == right


def test_a_lost_database_is_filled_again(
    pairs: list[ProviderDoctorSync], mirror: Mirror, clock: Clock
) -> None:
    right, mirror.held = mirror.held, {}

    drift.check(clock=clock)
    push_due(clock)

    assert count(ProviderPush.objects.get()) == (3, 3, 0)
    assert mirror.held == right


def test_a_system_that_tells_of_some_and_not_of_one_does_not_hold_that_one(
    pairs: list[ProviderDoctorSync], mirror: Mirror, clock: Clock
) -> None:
    mirror.says_none = False
    mirror.forget(path_of(pairs[1]))

    drift.check(clock=clock)

    assert count(ProviderPush.objects.get()) == (3, 1, 0)


def test_a_system_that_tells_nothing_is_not_asked_on_and_not_sent_everything(
    pairs: list[ProviderDoctorSync], mirror: Mirror, clock: Clock
) -> None:
    InsuranceProvider.objects.update(backfill_per_minute=12)
    mirror.held, mirror.says_none = {}, False
    Doctor.objects.filter(pk=pairs[2].doctor_id).update(full_name="Changed behind our back")

    for _ in range(4):
        drift.check(clock=clock)
        clock.at += MINUTE

    push = ProviderPush.objects.get()
    assert count(push) == (3, 0, 1)
    assert (push.tells_states, len(mirror.asked)) == (False, 2)
    assert push_due(clock) == 1


def test_what_changed_by_time_alone_is_sent_again(
    pairs: list[ProviderDoctorSync], mirror: Mirror, clock: Clock
) -> None:
    Doctor.objects.filter(pk=pairs[0].doctor_id).update(full_name="Changed behind our back")

    drift.check(clock=clock)

    assert count(ProviderPush.objects.get()) == (3, 0, 1)
    assert push_due(clock) == 1
    assert drift.check(clock=clock) == 0


def test_what_was_to_be_erased_and_is_held_is_erased_again(
    pairs: list[ProviderDoctorSync], mirror: Mirror, clock: Clock
) -> None:
    held = dict(mirror.held)
    pair = pairs[0]
    withdraw(pair.doctor)
    ProviderDoctorSync.objects.filter(pk=pair.pk).update(sync_status=Status.PENDING)
    push_due(clock)
    mirror.held = held

    drift.check(clock=clock)

    pair.refresh_from_db()
    assert (pair.sync_status, pair.is_backfill) == (Status.PENDING, False)
    push_due(clock)
    assert not any(path_of(pair) in path for path in mirror.held)
    assert count(ProviderPush.objects.get()) == (3, 1, 0)


def test_the_check_goes_at_the_rate_of_a_backfill_and_can_be_cut_anywhere(
    pairs: list[ProviderDoctorSync], mirror: Mirror, clock: Clock
) -> None:
    InsuranceProvider.objects.update(backfill_per_minute=12)
    mirror.held = {}
    drift.check(clock=clock)
    push = ProviderPush.objects.get()
    assert count(push) == (1, 1, 0)
    assert push.checked_to == pairs[0].doctor_id
    assert drift.check(clock=clock) == 0
    clock.at += MINUTE / 12
    # A worker is killed while it asks.
    (held,) = drift.lease(room=16, at=clock.at)
    clock.at += MINUTE
    assert drift.check(clock=clock) == 0
    clock.at += MINUTE

    assert drift.check(clock=clock) == 1

    assert count(push) == (2, 2, 0)
    assert push.checked_to == pairs[1].doctor_id
    late = drift.Answers(drift.Step(held, pairs[1:2], [], is_last=False), clock.at, [])
    drift.mark(answers=late)
    assert count(push) == (2, 2, 0)


def test_a_system_that_is_away_is_asked_later_from_where_it_was(
    pairs: list[ProviderDoctorSync], mirror: Mirror, partner: Partner, clock: Clock
) -> None:
    partner.answer = lambda heard: Reply(503) if path_of(pairs[1]) in heard.path else mirror(heard)

    drift.check(clock=clock)

    push = ProviderPush.objects.get()
    assert count(push) == (1, 0, 0)
    assert (push.check_error, push.checked_to) == ("http_503", pairs[0].doctor_id)
    assert push.next_check_at == NOW + 5 * MINUTE
    clock.at = push.next_check_at
    drift.check(clock=clock)
    assert (push.checked_to, count(push)) == (pairs[0].doctor_id, (1, 0, 0))
    partner.answer = mirror
    clock.at += 5 * MINUTE
    drift.check(clock=clock)
    assert count(push) == (3, 0, 0)
    assert (push.check_error, push.check_ended_at) == ("", clock.at)


def test_a_bug_in_asking_is_a_failure_of_the_step(
    pairs: list[ProviderDoctorSync], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docport_json, "state_held", None)

    drift.check(clock=clock)

    push = ProviderPush.objects.get()
    assert (push.check_error, push.checked, push.checked_to) == ("internal_error", 0, None)


def test_a_slow_system_is_asked_in_pieces(
    pairs: list[ProviderDoctorSync], mirror: Mirror, partner: Partner, clock: Clock
) -> None:
    def answer(heard: Heard) -> Reply:
        clock.at += drift.ASKS_FOR
        return mirror(heard)

    partner.answer = answer
    drift.check(clock=clock)

    push = ProviderPush.objects.get()
    assert count(push) == (1, 0, 0)
    assert push.checked_to == pairs[0].doctor_id


def test_what_cannot_be_signed_is_not_asked(
    pairs: list[ProviderDoctorSync], mirror: Mirror, clock: Clock
) -> None:
    WebhookEndpoint.objects.all().delete()

    drift.check(clock=clock)

    push = ProviderPush.objects.get()
    assert (count(push), push.tells_states, mirror.asked) == ((3, 0, 0), None, [])


def test_what_is_on_its_way_is_not_asked_about(
    pairs: list[ProviderDoctorSync], mirror: Mirror, clock: Clock
) -> None:
    ProviderDoctorSync.objects.update(sync_status=Status.PENDING, next_attempt_at=NOW + MINUTE)

    drift.check(clock=clock)

    assert (count(ProviderPush.objects.get()), mirror.asked) == ((0, 0, 0), [])


def test_what_was_sent_during_the_check_is_not_sent_again(
    pairs: list[ProviderDoctorSync], mirror: Mirror, clock: Clock
) -> None:
    (push,) = drift.lease(room=1, at=NOW)
    old = list(ProviderDoctorSync.objects.order_by("doctor_id"))
    ProviderDoctorSync.objects.update(state_hash="newer", wanted=F("wanted") + 1)
    jobs = pushing.prepare(old, at=NOW)
    told = [(job, ("f00d", "f00d")) for job in jobs]

    drift.mark(answers=drift.Answers(drift.Step(push, old, jobs, is_last=True), NOW, told))

    assert count(push) == (3, 0, 0)
    assert push_due(clock) == 0


@pytest.mark.django_db(transaction=True)
def test_two_workers_check_each_doctor_once(
    pairs: list[ProviderDoctorSync], mirror: Mirror, clock: Clock
) -> None:
    at_once(*[lambda: drift.check(clock=clock)] * 2)

    assert len(mirror.asked) == 6
    assert count(ProviderPush.objects.get()) == (3, 0, 0)


@pytest.fixture
def _nobody_looks() -> Iterator[None]:
    yield
    assert drift.check(clock=Clock()) == 0


@pytest.mark.usefixtures("_nobody_looks")
def test_in_a_process_one_looks_at_a_time() -> None:
    with drift._turn:  # noqa: SLF001  As another thread would.
        assert drift.check(clock=Clock()) == 0


def test_an_admin_has_an_insurer_checked_now(
    pairs: list[ProviderDoctorSync], clock: Clock, provider: InsuranceProvider, admin_user: User
) -> None:
    drift.check(clock=clock)
    clock.at += MINUTE

    drift.check_now(provider=provider, by=admin_user, at=clock.at)

    assert drift.check(clock=clock) == 1
    push = ProviderPush.objects.get()
    assert push.check_began_at == clock.at
    line = AuditLog.objects.get(action="insurance_provider.check_asked")
    assert (line.entity_id, line.performed_by) == (provider.pk, admin_user)


def test_an_insurer_without_an_address_is_not_checked(clock: Clock) -> None:
    ProviderPush.objects.create(insurance_provider=make_provider())

    assert drift.check(clock=clock) == 0


def test_the_task_checks(pairs: list[ProviderDoctorSync]) -> None:
    assert tasks.check_drift() == 1
