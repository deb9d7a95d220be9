"""Why an insurer cannot see a doctor, or not all that it could, and who must do what about it.

The codes are stable. Those about the end of a consent, and `doctor_unavailable` for whatever is the
doctor's own matter, are the ones that the insurer reads as `not_visible_because` of its consent.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from consent.models import Consent, ConsentStatus, DataClass
from integrations.models import ProviderDoctorSync
from registry.models import Doctor, DoctorCredential, InsuranceProvider
from scheduling.models import Availability

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

DOCTOR, ADMIN, INSURER = _("You"), _("DocPort's admins"), _("The insurer")
NOBODY = "Nobody"


@dataclass(frozen=True)
class Reason:
    """One thing that stands against it; one that `hides` keeps everything from the insurer."""

    code: str
    words: "StrOrPromise"
    who: "StrOrPromise"
    todo: "StrOrPromise"
    hides: bool = True
    href: str = ""

    @property
    def is_somebodys(self) -> bool:
        """Tell whether anybody has to do something about it."""
        return self.who != NOBODY


@dataclass(frozen=True)
class Why:
    """All that stands between a doctor and one insurer, and what was last sent to it."""

    provider: InsuranceProvider
    reasons: tuple[Reason, ...]
    sync: ProviderDoctorSync | None

    @property
    def is_hidden(self) -> bool:
        """Tell whether the insurer sees nothing at all."""
        return any(reason.hides for reason in self.reasons)


class _Case(NamedTuple):
    """What the reasons follow from, as it stands in the database."""

    doctor: Doctor
    provider: InsuranceProvider
    consent: Consent | None
    sync: ProviderDoctorSync | None
    registrations: list[DoctorCredential]
    has_hours: bool
    at: datetime


def why_not(doctor: Doctor, providers: Iterable[InsuranceProvider], *, at: datetime) -> list[Why]:
    """Say of each insurer what stands against its seeing a doctor: four queries."""
    consents = {row.insurance_provider_id: row for row in Consent.objects.filter(doctor=doctor)}
    syncs = ProviderDoctorSync.objects.filter(doctor=doctor)
    by_provider = {row.insurance_provider_id: row for row in syncs}
    registrations = DoctorCredential.objects.current().filter(
        doctor=doctor, verified=True, kind=DoctorCredential.Kind.REGISTRATION
    )
    facts = (
        list(registrations),
        Availability.objects.filter(doctor=doctor, is_active=True).exists(),
        at,
    )
    return [
        Why(case.provider, tuple(_reasons(case)), case.sync)
        for provider in providers
        for case in [
            _Case(doctor, provider, consents.get(provider.pk), by_provider.get(provider.pk), *facts)
        ]
    ]


def _reasons(case: _Case) -> Iterator[Reason]:
    yield from _of_the_doctor(case)
    yield from _of_the_insurer(case)
    yield from _of_the_consent(case)
    yield from _of_the_hours(case)
    yield from _of_the_delivery(case)


_OF_STATUS = {
    Doctor.Status.DRAFT: Reason(
        "profile_not_sent", _("Your profile has not been sent to be checked."), DOCTOR,
        _("Fill in what is missing and send it."), href="docport:setup",
    ),
    Doctor.Status.SUBMITTED: Reason(
        "being_checked", _("Your profile and certificates are still being checked."), ADMIN,
        _("They compare them with the papers; you need do nothing."),
    ),
    Doctor.Status.SUSPENDED: Reason(
        "doctor_suspended", _("Your profile is suspended: no insurer sees you."), ADMIN,
        _("Write to them: they can say why, and lift it."),
    ),
}  # fmt: skip


def _of_the_doctor(case: _Case) -> Iterator[Reason]:
    reason = _OF_STATUS.get(Doctor.Status(case.doctor.status))
    if reason is not None:
        href = reverse(reason.href) if reason.href else ""
        yield Reason(reason.code, reason.words, reason.who, reason.todo, href=href)


def _of_the_insurer(case: _Case) -> Iterator[Reason]:
    name = case.provider.name
    if case.provider.integration_status == InsuranceProvider.Status.SUSPENDED:
        words = gettext("%(name)s is suspended: it sees no doctors.") % {"name": name}
        yield Reason("insurer_suspended", words, ADMIN, gettext("They decide when it comes back."))
    elif case.doctor.is_sandbox != case.provider.sees_sandbox:
        words = (
            gettext("%(name)s is still trying things out, and sees only made-up doctors.")
            % {"name": name}
            if case.provider.sees_sandbox
            else gettext("Yours is a made-up profile, and %(name)s sees only real doctors.")
            % {"name": name}
        )
        yield Reason(
            "wrong_mode", words, ADMIN, gettext("They bring insurers live once these are ready.")
        )


def _of_the_consent(case: _Case) -> Iterator[Reason]:
    name, give = case.provider.name, reverse("consent:give", args=[case.provider.slug])
    todo = gettext("Turn on %(name)s, if you want it to see you.") % {"name": name}
    if case.consent is None:
        words = gettext("You have not turned on %(name)s.") % {"name": name}
        yield Reason("not_consented", words, DOCTOR, todo, href=give)
        return
    status = case.consent.status_at(case.at)
    if status == ConsentStatus.REVOKED:
        yield Reason("consent_withdrawn", gettext("You have withdrawn."), DOCTOR, todo, href=give)
    elif status == ConsentStatus.EXPIRED:
        words = gettext("The period that you chose is over.")
        if case.consent.asked_again_at:
            words = gettext("Its words had changed, and you did not say yes again in time.")
        yield Reason("consent_expired", words, DOCTOR, todo, href=give)
    elif DataClass.AVAILABILITY not in case.consent.data_classes:
        words = gettext("You do not share your availability, so %(name)s finds no free times.") % {
            "name": name
        }
        todo = gettext("Share it, if you want to be booked.")
        yield Reason("availability_not_shared", words, DOCTOR, todo, hides=False, href=give)
    elif DataClass.APPOINTMENTS not in case.consent.data_classes:
        words = gettext(
            "You do not share appointments, so %(name)s sees free times and cannot book them."
        ) % {"name": name}
        todo = gettext("Share them, if you want to be booked.")
        yield Reason("appointments_not_shared", words, DOCTOR, todo, hides=False, href=give)


def _of_the_hours(case: _Case) -> Iterator[Reason]:
    ends, day = [row.valid_until for row in case.registrations], case.at.date()
    if ends and all(end is not None and end < day for end in ends):
        yield Reason(
            "credential_expired",
            gettext("Your registration has run out, so no time is free."), DOCTOR,
            gettext("Upload the renewed certificate; an admin then checks it."), hides=False,
            href=reverse("registry:credential_list"),
        )  # fmt: skip
    if not case.has_hours:
        yield Reason(
            "no_hours", gettext("You keep no weekly hours, so no time is free."), DOCTOR,
            gettext("Set your hours."), hides=False, href=reverse("scheduling:hours"),
        )  # fmt: skip


def _of_the_delivery(case: _Case) -> Iterator[Reason]:
    if case.sync is None:
        return
    status, name = case.sync.sync_status, case.provider.name
    if status == ProviderDoctorSync.Status.FAILING:
        words = gettext("%(name)s's own system does not take what we send: %(last_error)s.") % {
            "name": name,
            "last_error": case.sync.last_error,
        }
        todo = gettext("It must repair its system; we keep trying. It can read by API meanwhile.")
        yield Reason("delivery_failing", words, INSURER, todo, hides=False)
    elif status == ProviderDoctorSync.Status.STOPPED:
        words = gettext("%(name)s's own system has said that it does not want this doctor.") % {
            "name": name
        }
        todo = gettext("It must ask to be sent everything again. It can read by API meanwhile.")
        yield Reason("delivery_stopped", words, INSURER, todo, hides=False)
    elif status == ProviderDoctorSync.Status.PENDING:
        words = gettext("The newest of you is on its way to %(name)s's own system.") % {
            "name": name
        }
        yield Reason("delivery_pending", words, NOBODY, gettext("It takes seconds."), hides=False)
