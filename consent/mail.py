"""The words of each mail to a doctor; plain text, with the same words as the page."""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from consent.models import ConsentMail
from consent.notices import notice_for
from registry.models import Doctor, InsuranceProvider

_TEMPLATES = {
    ConsentMail.Kind.ASKED: "asked",
    ConsentMail.Kind.ENDS_IN_30_DAYS: "ends",
    ConsentMail.Kind.ENDS_IN_7_DAYS: "ends",
    ConsentMail.Kind.ENDS_IN_1_DAY: "ends",
}


@dataclass(frozen=True)
class Letter:
    """A mail as it is sent."""

    to: str
    subject: str
    text: str


def letter(mail: ConsentMail, doctor: Doctor) -> Letter:
    """Write a mail to a doctor, with times in the doctor's zone.

    What an insurer writes itself is not repeated in our mails: it is read on the page.
    """
    about = mail.about
    provider = about.insurance_provider
    page = reverse("docport:insurer", args=[provider.slug])
    context = {
        "mail": mail,
        "doctor": doctor,
        "provider": provider,
        "data_classes": _names(provider, about.data_classes),
        "page": f"{settings.BASE_URL}{page}",
    }
    with timezone.override(ZoneInfo(doctor.timezone)):
        subject = _rendered(mail, "subject.txt", context)
        return Letter(doctor.email, " ".join(subject.split()), _rendered(mail, "txt", context))


def _rendered(mail: ConsentMail, part: str, context: dict[str, Any]) -> str:
    asks_again = mail.consent is not None and mail.consent.asked_again_at is not None
    name = "confirm" if asks_again else _TEMPLATES[ConsentMail.Kind(mail.kind)]
    return render_to_string(f"consent/mail/{name}.{part}", context).strip() + "\n"


def _names(provider: InsuranceProvider, codes: list[str]) -> str:
    notice = notice_for(
        insurer=provider.name, information_use=provider.information_use, language="en"
    )
    return ", ".join(piece.name for piece in notice.of(codes))
