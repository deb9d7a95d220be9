"""What an insurer must hold of a doctor, read at the moment before it is sent."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef

from consent.models import Consent, visible_doctors
from integrations import representations
from integrations.actions.webhooks import secrets_in_force
from integrations.connectors import Connector, Document, docport_json
from integrations.models import ProviderDoctorSync, WebhookEndpoint
from registry.models import Doctor, InsuranceProvider

# All insurers speak it.
CONNECTOR: Connector = docport_json
ERASED = "erased"


@dataclass(frozen=True)
class State:
    """What an insurer must hold of a doctor: some documents, or what asks to erase."""

    version: int
    documents: tuple[Document, ...] = ()
    erasure: Document | None = None
    # What the documents show, for the access ledger.
    data_classes: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """Tell states apart; `provider_doctor_sync` keeps the last accepted one."""
        if self.erasure:
            return ERASED
        return hash_of(document.state for document in self.documents)


def hash_of(states: Iterable[str]) -> str:
    """Give the hash of a state whose documents have these."""
    return hashlib.sha256("".join(states).encode()).hexdigest()


def shown_at(at: datetime) -> Exists:
    """Tell of each pair whether its insurer sees its doctor at the aware instant `at`."""
    pair = {"doctor": OuterRef("doctor"), "insurance_provider": OuterRef("insurance_provider")}
    return Exists(Consent.objects.showing_at(at).filter(**pair))


@dataclass(frozen=True)
class Job:
    """A leased pair with all that bringing it in step takes."""

    sync: ProviderDoctorSync
    base_url: str
    state: State
    secrets: list[str] = field(repr=False)

    @property
    def changes_nothing(self) -> bool:
        return (self.sync.state_hash, self.sync.sent_to) == (self.state.hash, self.base_url)


def prepare(syncs: Iterable[ProviderDoctorSync], *, at: datetime) -> list[Job]:
    """Read what each insurer may see at this moment; a doctor it may not see is to be erased."""
    by_provider: defaultdict[InsuranceProvider, list[ProviderDoctorSync]] = defaultdict(list)
    for sync in syncs:
        by_provider[sync.insurance_provider].append(sync)
    return [
        Job(sync, provider.api_base_url, state, secrets)
        for provider, group in by_provider.items()
        for secrets in [_secrets(provider, at)]
        for sync, state in zip(group, _states(provider, group, at), strict=True)
    ]


def _secrets(provider: InsuranceProvider, at: datetime) -> list[str]:
    endpoint = WebhookEndpoint.objects.signing_for(provider)
    return [] if endpoint is None else secrets_in_force(endpoint, at=at)


def _states(
    provider: InsuranceProvider, syncs: list[ProviderDoctorSync], at: datetime
) -> list[State]:
    # The version is read before the rest: what is newer than it makes the pair due once more.
    versions = {sync.doctor_id: sync.doctor.version for sync in syncs}
    ids = list(versions)
    visible = {doctor.pk: doctor for doctor in visible_doctors(provider, at=at).filter(pk__in=ids)}
    shown = representations.doctors_as_seen(list(visible), provider=provider, at=at)
    profiles = {UUID(profile["id"]): profile for profile in shown}
    left = Consent.objects.filter(insurance_provider=provider, doctor__in=ids)
    consents = {consent.doctor_id: consent for consent in left}
    return [
        _state(visible[doctor], provider, profiles[doctor], at)
        if doctor in profiles
        else State(versions[doctor], erasure=_erasure(doctor, consents.get(doctor), at))
        for doctor in ids
    ]


def _state(
    doctor: Doctor, provider: InsuranceProvider, profile: representations.Json, at: datetime
) -> State:
    hours = representations.availability_as_seen(doctor, provider=provider, at=at)
    documents = CONNECTOR.documents(profile, hours)
    return State(doctor.version, documents, data_classes=tuple(profile["data_classes"]))


def _erasure(doctor: UUID, consent: Consent | None, at: datetime) -> Document:
    reason, erase_by = "doctor_unavailable", None
    if consent is None or consent.consent_status == Consent.Status.REVOKED:
        reason = "consent_withdrawn"
    elif not consent.is_active_at(at):
        reason = "consent_expired"
    if consent is not None and (until := consent.erase_by_at(at)) is not None:
        erase_by = representations.instant(until)
    return CONNECTOR.erasure(doctor, reason=reason, erase_by=erase_by)
