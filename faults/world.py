"""Who takes part: doctors, insurers who may see them, their keys and their endpoints."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time, timedelta

from django.utils.timezone import now

from consent.models import Consent
from consent.tests.factories import make_consent
from faults.history import FEED, Listens
from integrations.models import WebhookEndpoint
from integrations.tests.factories import make_api_key, make_endpoint
from registry.models import Doctor, InsuranceProvider
from registry.tests.factories import make_doctor, make_location, make_provider
from scheduling.models import DayOfWeek
from scheduling.tests.factories import make_window

_A_YEAR = timedelta(days=365)
_MANY = 10_000


@dataclass(frozen=True)
class Insurer:
    """An insurer with one endpoint and a key that opens everything."""

    provider: InsuranceProvider
    endpoint: WebhookEndpoint
    key: str
    doctors: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.provider.slug

    @property
    def feed(self) -> Listens:
        return Listens(f"feed of {self.name}", self.name, self.doctors, FEED)

    @property
    def webhook(self) -> Listens:
        return Listens(f"endpoint of {self.name}", self.name, self.doctors)


def add_doctors(count: int) -> list[Doctor]:
    """Add doctors whom every insurer may have."""
    return [make_doctor(is_sandbox=False) for _ in range(count)]


def add_insurer(doctors: Sequence[Doctor], sink_url: str) -> Insurer:
    """Add an insurer whom these doctors let see everything, with an endpoint at the sink."""
    provider = make_provider(
        integration_status=InsuranceProvider.Status.LIVE, max_open_bookings_per_day=_MANY
    )
    for doctor in doctors:
        granted_at = now() - timedelta(hours=1)
        make_consent(doctor=doctor, insurance_provider=provider, granted_at=granted_at)
    endpoint = make_endpoint(
        insurance_provider=provider, url=f"{sink_url}/{provider.slug}", verified_at=now()
    )
    _, key = make_api_key(insurance_provider=provider, expires_at=now() + _A_YEAR)
    return Insurer(provider, endpoint, key, tuple(str(doctor.pk) for doctor in doctors))


def open_every_day(doctor: Doctor) -> None:
    """Give a doctor hours on every day of the week, from 9 to 17."""
    place = make_location(doctor)
    for weekday in DayOfWeek.values:
        make_window(doctor, place, day_of_week=weekday, start_time=time(9), end_time=time(17))


def consent_of(doctor: Doctor, insurer: Insurer) -> Consent:
    """Give what a doctor lets an insurer see."""
    return Consent.objects.get(doctor=doctor, insurance_provider=insurer.provider)
