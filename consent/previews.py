"""What an insurer would see of a doctor now, in words, for each data class that has values here."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

from consent.models import DataClass
from registry.models import Doctor, DoctorCredential, DoctorLocation
from registry.reference import Language
from registry.wording import full_date


@dataclass(frozen=True)
class Shown:
    """One line of the preview."""

    label: str
    values: tuple[str, ...]


def previews(doctor: Doctor, *, at: datetime) -> dict[str, list[Shown]]:
    """Give the lines of each data class; the classes without lines are shown on other pages.

    Args:
        at: aware instant; a credential that has run out by then is not shared.
    """
    places = DoctorLocation.objects.filter(doctor=doctor, is_active=True)
    verified = DoctorCredential.objects.valid_on(at.date()).filter(doctor=doctor)
    zone = ZoneInfo(doctor.timezone)
    return {
        DataClass.PROFILE: _profile(doctor, places),
        DataClass.CREDENTIALS: [_credential(credential, zone) for credential in verified],
    }


def _profile(doctor: Doctor, places: Iterable[DoctorLocation]) -> list[Shown]:
    years = doctor.years_of_experience
    lines = {
        gettext("Name"): doctor.full_name,
        gettext("Registered with"): doctor.get_registration_council_display(),
        gettext("Registration number"): doctor.registration_number,
        gettext("HPR ID"): doctor.hpr_id,
        gettext("Specialization"): doctor.get_specialization_display(),
        gettext("Languages"): ", ".join(str(Language(code).label) for code in doctor.languages),
        gettext("Years of experience"): None if years is None else str(years),
        gettext("Fee"): None if doctor.fee is None else f"₹{doctor.fee}",
        gettext("Email"): doctor.email,
        gettext("Phone"): doctor.phone,
        gettext("Time zone"): doctor.timezone,
    }
    shown = [Shown(label, (value,) if value else ()) for label, value in lines.items()]
    return [*shown, Shown(gettext("Places"), tuple(map(_place, places)))]


def _place(place: DoctorLocation) -> str:
    parts = [place.name, place.address, f"{place.city} {place.pin}", place.get_state_display()]
    if place.phone:
        parts.append(place.phone)
    if place.latitude is not None:
        parts.append(
            gettext("at %(latitude)s, %(longitude)s")
            % {"latitude": place.latitude, "longitude": place.longitude}
        )
    return ", ".join(parts)


def _credential(credential: DoctorCredential, zone: ZoneInfo) -> Shown:
    assert credential.verified_at is not None
    lines = [
        f"{credential.degree}, {credential.institution}, {credential.year}",
        gettext("Verified on %(date)s")
        % {"date": full_date(credential.verified_at.astimezone(zone))},
    ]
    if credential.valid_until is not None:
        lines.append(gettext("Valid until %(date)s") % {"date": full_date(credential.valid_until)})
    return Shown(credential.get_kind_display(), tuple(lines))
