from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext

from registry import ledger
from registry.actions import versions
from registry.actions.refusals import Refused
from registry.models import Doctor, User
from scheduling import openings
from scheduling.models import BookingRules

MOST_A_DAY = 1_000
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)


class RulesRefused(Refused):
    """Some rules cannot be; nothing was changed.

    Args:
        problems: what is wrong, by the argument of `set_booking_rules`.
    """

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems
        super().__init__(" ".join(problems.values()))


@transaction.atomic(durable=True)
def set_booking_rules(
    *,
    doctor: Doctor,
    lead_time: timedelta,
    horizon: timedelta,
    most_per_day: int | None,
    by: User,
    at: datetime,
) -> BookingRules:
    """Say how a doctor wants to be booked; what does not change records nothing.

    Args:
        lead_time: whole minutes before a slot, up to `BookingRules.LONGEST_LEAD`.
        horizon: whole days ahead, from 1 to those of `BookingRules.LONGEST_HORIZON`.
        most_per_day: patients on a local date, at all places; `None` sets no limit.
        at: aware instant of the change.

    Raises:
        RulesRefused: names each rule that cannot be.
    """
    standing = versions.lock(doctor)
    problems = dict(_problems(lead_time, horizon, most_per_day))
    if problems:
        raise RulesRefused(problems)
    rules = BookingRules.objects.filter(doctor=standing).first() or BookingRules(doctor=standing)
    wanted = {
        "lead_time_minutes": lead_time // _MINUTE,
        "horizon_days": horizon.days,
        "most_per_day": most_per_day,
    }
    if all(getattr(rules, name) == value for name, value in wanted.items()):
        return rules
    for name, value in wanted.items():
        setattr(rules, name, value)
    rules.save()
    versions.stamp(standing, by=by, at=at)
    ledger.record("booking_rules.changed", subject=standing, by=by, at=at, **wanted)
    versions.tell("availability.updated", standing, at=at)
    openings.refresh_all(doctor_id=standing.pk, at=at)
    return rules


def _problems(
    lead_time: timedelta, horizon: timedelta, most_per_day: int | None
) -> Iterator[tuple[str, str]]:
    if not timedelta(0) <= lead_time <= BookingRules.LONGEST_LEAD or lead_time % _MINUTE:
        yield "lead_time", gettext("The lead time is whole minutes, up to 30 days.")
    if not _DAY <= horizon <= BookingRules.LONGEST_HORIZON or horizon % _DAY:
        yield "horizon", gettext("Bookings open from 1 to 180 days ahead.")
    elif lead_time >= horizon:
        text = gettext("This must be longer than the lead time, or nothing can be booked.")
        yield "horizon", text
    if most_per_day is not None and not 1 <= most_per_day <= MOST_A_DAY:
        most = {"most": f"{MOST_A_DAY:,}"}
        yield "most_per_day", gettext("A day takes from 1 to %(most)s patients.") % most
