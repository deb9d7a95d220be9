"""How far an insurer's own system is in step with a doctor, in the doctor's words."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from integrations.models import ProviderDoctorSync
from registry.models import Doctor, InsuranceProvider
from scheduling.wording import clock, day_and_month

Status = ProviderDoctorSync.Status

# A failure shorter than this is a wait like another: most are over with the next attempt.
_HICCUP = timedelta(minutes=10)
_OURS_TO_REPAIR = {"internal_error", "target_forbidden"}
_REASONS = {
    "no_signing_secret": "it has not yet set up how our messages are signed",
    "internal_error": "something is wrong at DocPort",
    "target_forbidden": "its address is not one that DocPort may call",
    "http_429": "its system asks us to slow down",
    "dns_error": "its system cannot be found",
    "tls_error": "the connection to its system is not secure",
}
_SILENT = "its system does not answer"
_REFUSES = "its system refuses what we send"
_OURS, _NOT_YOU = "The people who run this DocPort", "you need do nothing."


@dataclass(frozen=True)
class InStep:
    """The state in a word or two, the class of its tag, and what is behind it."""

    state: str
    tone: str
    note: str


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
        return InStep("Sees you", "tag-ok", "It reads your data itself, whenever it needs to.")
    if sync is None:
        return InStep("Sending", "tag-warn", "You will be sent to its system in a minute or two.")
    if sync.failing_since is not None:
        return _failing(provider, sync, sync.failing_since, local)
    if sync.sync_status == Status.PENDING:
        return _sending(sync, local)
    if sync.sync_status == Status.STOPPED:
        return _stopped(provider)
    return InStep("In step", "tag-ok", _last_sent(sync, local))


def local_to(doctor: Doctor, at: datetime) -> datetime:
    """Give an aware instant in the doctor's own time zone."""
    return at.astimezone(ZoneInfo(doctor.timezone))


def moment(at: datetime, local: datetime) -> str:
    """Say when something was or will be, such as `today at 9am`."""
    there = at.astimezone(local.tzinfo)
    day = "today" if there.date() == local.date() else day_and_month(there.date())
    return f"{day} at {clock(there)}"


def _last_sent(sync: ProviderDoctorSync, local: datetime) -> str:
    sent = [at for at in (sync.last_profile_sync, sync.last_availability_sync) if at]
    return f"Last sent {moment(max(sent), local)}." if sent else "Nothing sent yet."


def _sending(sync: ProviderDoctorSync, local: datetime) -> InStep:
    last = _last_sent(sync, local)
    if sync.is_backfill:
        many = "Its system is being sent many doctors, and you are one of them."
        return InStep("Waiting", "tag-warn", f"{many} What you change yourself goes first. {last}")
    if local - sync.next_attempt_at < _HICCUP:
        return InStep("Sending", "tag-warn", f"It takes seconds. {last}")
    since = moment(sync.next_attempt_at, local)
    note = f"Since {since}, because DocPort is behind. {_OURS} must put that right, {_NOT_YOU}"
    return InStep("Waiting", "tag-bad", f"{note} {last}")


def _stopped(provider: InsuranceProvider) -> InStep:
    whom = f" at {provider.contact_email}" if provider.contact_email else ""
    note = (
        "Its system has asked us to send nothing more about you. If you did not expect that, "
        f"ask {provider}{whom}; or withdraw."
    )
    return InStep("Stopped", "tag-bad", note)


def _failing(
    provider: InsuranceProvider, sync: ProviderDoctorSync, since: datetime, local: datetime
) -> InStep:
    reason = _reason(sync.last_error)
    if sync.next_attempt_at <= local:
        again = "We try again now."
    else:
        again = f"We try again {moment(sync.next_attempt_at, local)}."
    if local - since < _HICCUP:
        until = f"Until {clock(sync.next_attempt_at.astimezone(local.tzinfo))}, because {reason}."
        note = until if sync.next_attempt_at > local else f"Because {reason}. {again}"
        return InStep("Waiting", "tag-warn", note)
    who = _OURS if sync.last_error in _OURS_TO_REPAIR else provider
    note = f"Since {moment(since, local)}, because {reason}. {who} must put that right, {_NOT_YOU}"
    return InStep("Failing", "tag-bad", f"{note} {again}")


def _reason(error: str) -> str:
    if (known := _REASONS.get(error)) is not None:
        return known
    return _REFUSES if error.startswith("http_4") else _SILENT
