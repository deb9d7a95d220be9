"""How far an insurer's own system is in step with a doctor, in the doctor's words."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integrations.models import ProviderDoctorSync
from registry.models import Doctor, InsuranceProvider
from scheduling.wording import clock, day_and_month

Status = ProviderDoctorSync.Status

# A failure shorter than this is a wait like another: most are over with the next attempt.
_HICCUP = timedelta(minutes=10)
_OURS_TO_REPAIR = {"internal_error", "target_forbidden"}
_REASONS = {
    "no_signing_secret": _("it has not yet set up how our messages are signed"),
    "internal_error": _("something is wrong at DocPort"),
    "target_forbidden": _("its address is not one that DocPort may call"),
    "http_429": _("its system asks us to slow down"),
    "dns_error": _("its system cannot be found"),
    "tls_error": _("the connection to its system is not secure"),
}
_SILENT = _("its system does not answer")
_REFUSES = _("its system refuses what we send")
_OURS = _("The people who run this DocPort")


@dataclass(frozen=True)
class InStep:
    """The state in a word or two, the class of its tag, and what is behind it.

    Where it waits for its next turn, the doctor may have it tried now.
    """

    state: str
    tone: str
    note: str
    waits: bool = False


def syncs_of(doctor: Doctor) -> dict[UUID, ProviderDoctorSync]:
    """Give the syncs of a doctor by insurer: one query."""
    rows = ProviderDoctorSync.objects.filter(doctor=doctor)
    return {sync.insurance_provider_id: sync for sync in rows}


def in_step(
    provider: InsuranceProvider, sync: ProviderDoctorSync | None, *, local: datetime
) -> InStep:
    """Say how far the system of an insurer who sees the doctor is in step.

    Args:
        local: aware instant in the doctor's own time zone.
    """
    if not provider.api_base_url:
        return InStep(
            gettext("Sees you"),
            "tag-ok",
            gettext("It reads your data itself, whenever it needs to."),
        )
    if sync is None:
        return InStep(
            gettext("Sending"),
            "tag-warn",
            gettext("You will be sent to its system in a minute or two."),
        )
    if sync.failing_since is not None:
        return _failing(provider, sync, sync.failing_since, local)
    if sync.sync_status == Status.PENDING:
        return _sending(sync, local)
    if sync.sync_status == Status.STOPPED:
        return _stopped(provider)
    return InStep(gettext("In step"), "tag-ok", _last_sent(sync, local))


def local_to(doctor: Doctor, at: datetime) -> datetime:
    """Give an aware instant in the doctor's own time zone."""
    return at.astimezone(ZoneInfo(doctor.timezone))


def moment(at: datetime, local: datetime) -> str:
    """Say when something was or will be, such as `today at 9am`."""
    there = at.astimezone(local.tzinfo)
    if there.date() == local.date():
        return gettext("today at %(time)s") % {"time": clock(there)}
    words = {"day": day_and_month(there.date()), "time": clock(there)}
    return gettext("%(day)s at %(time)s") % words


def _last_sent(sync: ProviderDoctorSync, local: datetime) -> str:
    sent = [at for at in (sync.last_profile_sync, sync.last_availability_sync) if at]
    if not sent:
        return gettext("Nothing sent yet.")
    return gettext("Last sent %(moment)s.") % {"moment": moment(max(sent), local)}


def _sending(sync: ProviderDoctorSync, local: datetime) -> InStep:
    last = _last_sent(sync, local)
    if sync.is_backfill:
        many = gettext(
            "Its system is being sent many doctors, and you are one of them. "
            "What you change yourself goes first."
        )
        return InStep(gettext("Waiting"), "tag-warn", f"{many} {last}")
    if local - sync.next_attempt_at < _HICCUP:
        soon = gettext("It takes seconds.")
        return InStep(gettext("Sending"), "tag-warn", f"{soon} {last}")
    note = gettext(
        "Since %(moment)s, because DocPort is behind. "
        "The people who run this DocPort must put that right, you need do nothing."
    ) % {"moment": moment(sync.next_attempt_at, local)}
    return InStep(gettext("Waiting"), "tag-bad", f"{note} {last}")


def _stopped(provider: InsuranceProvider) -> InStep:
    note = gettext(
        "Its system has asked us to send nothing more about you. If you did not expect that, "
        "ask %(insurer)s; or withdraw."
    )
    if provider.contact_email:
        note = gettext(
            "Its system has asked us to send nothing more about you. If you did not expect that, "
            "ask %(insurer)s at %(email)s; or withdraw."
        )
    words = {"insurer": provider, "email": provider.contact_email}
    return InStep(gettext("Stopped"), "tag-bad", note % words)


def _failing(
    provider: InsuranceProvider, sync: ProviderDoctorSync, since: datetime, local: datetime
) -> InStep:
    reason = _reason(sync.last_error)
    waits = sync.next_attempt_at > local
    if local - since < _HICCUP:
        return InStep(gettext("Waiting"), "tag-warn", _soon_again(sync, reason, local), waits)
    note = gettext(
        "Since %(moment)s, because %(reason)s. %(who)s must put that right, you need do nothing."
    ) % {
        "moment": moment(since, local),
        "reason": reason,
        "who": _OURS if sync.last_error in _OURS_TO_REPAIR else provider,
    }
    return InStep(gettext("Failing"), "tag-bad", f"{note} {_again(sync, local)}", waits)


def _soon_again(sync: ProviderDoctorSync, reason: str, local: datetime) -> str:
    if sync.next_attempt_at <= local:
        because = gettext("Because %(reason)s.") % {"reason": reason}
        return f"{because} {_again(sync, local)}"
    until = clock(sync.next_attempt_at.astimezone(local.tzinfo))
    return gettext("Until %(time)s, because %(reason)s.") % {"time": until, "reason": reason}


def _again(sync: ProviderDoctorSync, local: datetime) -> str:
    if sync.next_attempt_at <= local:
        return gettext("We try again now.")
    return gettext("We try again %(moment)s.") % {"moment": moment(sync.next_attempt_at, local)}


def _reason(error: str) -> str:
    if (known := _REASONS.get(error)) is not None:
        return str(known)
    return str(_REFUSES if error.startswith("http_4") else _SILENT)
