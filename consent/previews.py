"""What an insurer would see of a doctor now, in words, for each data class that has values here."""

from collections.abc import Iterable
from dataclasses import dataclass

from consent.models import DataClass
from registry.models import Doctor, DoctorCredential, DoctorLocation
from registry.reference import Language


@dataclass(frozen=True)
class Shown:
    """One line of the preview."""

    label: str
    values: tuple[str, ...]


def previews(doctor: Doctor) -> dict[str, list[Shown]]:
    """Give the lines of each data class; the classes without lines are shown on other pages."""
    places = DoctorLocation.objects.filter(doctor=doctor, is_active=True)
    verified = DoctorCredential.objects.current().filter(doctor=doctor, verified=True)
    return {
        DataClass.PROFILE: _profile(doctor, places),
        DataClass.CREDENTIALS: [_credential(credential) for credential in verified],
    }


def _profile(doctor: Doctor, places: Iterable[DoctorLocation]) -> list[Shown]:
    years = doctor.years_of_experience
    lines = {
        "Name": doctor.full_name,
        "Registered with": doctor.get_registration_council_display(),
        "Registration number": doctor.registration_number,
        "HPR id": doctor.hpr_id,
        "Specialization": doctor.get_specialization_display(),
        "Languages": ", ".join(Language(code).label for code in doctor.languages),
        "Years of experience": None if years is None else str(years),
        "Fee": None if doctor.fee is None else f"₹{doctor.fee}",
        "Email": doctor.email,
        "Phone": doctor.phone,
        "Time zone": doctor.timezone,
    }
    shown = [Shown(label, (value,) if value else ()) for label, value in lines.items()]
    return [*shown, Shown("Places", tuple(map(_place, places)))]


def _place(place: DoctorLocation) -> str:
    written = f"{place.name}, {place.address}, {place.city} {place.pin}"
    state = f"{written}, {place.get_state_display()}"
    reached = f"{state}, {place.phone}" if place.phone else state
    if place.latitude is None:
        return reached
    return f"{reached}, at {place.latitude}, {place.longitude}"


def _credential(credential: DoctorCredential) -> Shown:
    lines = [f"{credential.degree}, {credential.institution}, {credential.year}"]
    if credential.verified_at:
        lines.append(f"Verified on {credential.verified_at:%d.%m.%Y}")
    if credential.valid_until:
        lines.append(f"Valid until {credential.valid_until:%d.%m.%Y}")
    return Shown(credential.get_kind_display(), tuple(lines))
