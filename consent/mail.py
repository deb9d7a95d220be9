"""The words of each mail to a doctor; plain text, with the same words as the page."""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation

from consent.models import ConsentMail
from consent.notices import notice_for
from registry.models import Doctor, InsuranceProvider, User

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
    """Write a mail to a doctor, in the doctor's language and with times in their zone.

    What an insurer writes itself is not repeated in our mails: it is read on the page.
    """
    about, language = mail.about, _language_of(doctor)
    provider = about.insurance_provider
    page = reverse("docport:insurer", args=[provider.slug])
    context = {
        "mail": mail,
        "doctor": doctor,
        "provider": provider,
        "data_classes": _names(provider, about.data_classes, language),
        "page": f"{settings.BASE_URL}{page}",
    }
    with timezone.override(ZoneInfo(doctor.timezone)), translation.override(language):
        subject = _rendered(mail, "subject.txt", context)
        return Letter(doctor.email, " ".join(subject.split()), _rendered(mail, "txt", context))


def _rendered(mail: ConsentMail, part: str, context: dict[str, Any]) -> str:
    asks_again = mail.consent is not None and mail.consent.asked_again_at is not None
    name = "confirm" if asks_again else _TEMPLATES[ConsentMail.Kind(mail.kind)]
    return render_to_string(f"consent/mail/{name}.{part}", context).strip() + "\n"


def _language_of(doctor: Doctor) -> str:
    accounts = User.objects.filter(doctor=doctor, role=User.Role.DOCTOR)
    return accounts.values_list("language", flat=True).first() or User.UiLanguage.EN


def _names(provider: InsuranceProvider, codes: list[str], language: str) -> str:
    notice = notice_for(
        insurer=provider.name, information_use=provider.information_use, language=language
    )
    return ", ".join(piece.name for piece in notice.of(codes))
