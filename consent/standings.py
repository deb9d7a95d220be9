"""How a doctor stands with each insurer: what is shared, what is asked, what was refused."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from consent.models import Consent, ConsentRequest, ConsentStatus
from consent.notices import Notice, notice_for
from registry.models import Doctor, InsuranceProvider


@dataclass(frozen=True)
class Standing:
    """How a doctor stands with one insurer at an instant.

    A `request` waits for an answer; what is `is_overdue` the insurer should have erased.
    """

    provider: InsuranceProvider
    consent: Consent | None
    request: ConsentRequest | None
    notice: Notice
    status: str
    is_paused: bool
    is_overdue: bool

    @property
    def is_seeing(self) -> bool:
        """Tell whether the insurer can read something now."""
        return self.status == ConsentStatus.ACTIVE and not self.is_paused

    @property
    def is_asked_again(self) -> bool:
        """Tell whether the consent ends unless the doctor confirms it under the notice of now."""
        is_active = self.status == ConsentStatus.ACTIVE
        return is_active and self.consent is not None and self.consent.asked_again_at is not None

    @property
    def shared(self) -> list[str]:
        """Name the data classes that the consent holds."""
        return self._names(self.consent)

    @property
    def asked_for(self) -> list[str]:
        """Name the data classes that the insurer asks for."""
        return self._names(self.request)

    def _names(self, row: Consent | ConsentRequest | None) -> list[str]:
        return [piece.name for piece in self.notice.of(row.data_classes if row else ())]


def standings_of(
    doctor: Doctor, providers: Iterable[InsuranceProvider], *, at: datetime, language: str = "en"
) -> list[Standing]:
    """Give how a doctor stands with each of some insurers, in their order: three queries.

    Args:
        language: of the notices, where they have a wording in it.
    """
    consents = {row.insurance_provider_id: row for row in Consent.objects.filter(doctor=doctor)}
    waiting = {
        row.insurance_provider_id: row for row in ConsentRequest.objects.put_to(doctor, at=at)
    }
    refused = ConsentRequest.objects.filter(doctor=doctor, answer=ConsentRequest.Answer.DECLINED)
    declined = set(refused.order_by().values_list("insurance_provider_id", flat=True))
    standings = []
    for provider in providers:
        consent, request = consents.get(provider.pk), waiting.get(provider.pk)
        notice = notice_for(
            insurer=provider.name, information_use=provider.information_use, language=language
        )
        status = _status(consent, request, at, has_declined=provider.pk in declined)
        is_paused = not _may_meet(doctor, provider)
        is_overdue = consent is not None and consent.is_overdue_at(at)
        standings.append(
            Standing(provider, consent, request, notice, status, is_paused, is_overdue)
        )
    return standings


def standing_with(
    doctor: Doctor, provider: InsuranceProvider, *, at: datetime, language: str = "en"
) -> Standing:
    """Give how a doctor stands with one insurer."""
    (standing,) = standings_of(doctor, [provider], at=at, language=language)
    return standing


def _status(
    consent: Consent | None, request: ConsentRequest | None, at: datetime, *, has_declined: bool
) -> str:
    if consent is not None:
        return consent.status_at(at)
    if request is not None:
        return ConsentStatus.REQUESTED
    return ConsentStatus.DECLINED if has_declined else ""


def _may_meet(doctor: Doctor, provider: InsuranceProvider) -> bool:
    return (
        doctor.status == Doctor.Status.ACTIVE
        and provider.integration_status != InsuranceProvider.Status.SUSPENDED
        and doctor.is_sandbox == provider.sees_sandbox
    )
