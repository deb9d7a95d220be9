"""Stable codes that insurers rely on, with the words people read."""

import re

from django.db import models
from django.utils.translation import gettext_lazy as _


class Specialization(models.TextChoices):
    """What a doctor practises; the codes never change meaning."""

    CARDIOLOGY = "cardiology", _("Cardiology")
    DENTISTRY = "dentistry", _("Dentistry")
    DERMATOLOGY = "dermatology", _("Dermatology")
    DIABETOLOGY = "diabetology", _("Diabetology")
    ENDOCRINOLOGY = "endocrinology", _("Endocrinology")
    ENT = "ent", _("Ear, nose and throat")
    FAMILY_MEDICINE = "family_medicine", _("Family medicine")
    GASTROENTEROLOGY = "gastroenterology", _("Gastroenterology")
    GENERAL_MEDICINE = "general_medicine", _("General medicine")
    GENERAL_SURGERY = "general_surgery", _("General surgery")
    GYNAECOLOGY = "gynaecology", _("Obstetrics and gynaecology")
    NEPHROLOGY = "nephrology", _("Nephrology")
    NEUROLOGY = "neurology", _("Neurology")
    ONCOLOGY = "oncology", _("Oncology")
    OPHTHALMOLOGY = "ophthalmology", _("Ophthalmology")
    ORTHOPAEDICS = "orthopaedics", _("Orthopaedics")
    PAEDIATRICS = "paediatrics", _("Paediatrics")
    PHYSIOTHERAPY = "physiotherapy", _("Physiotherapy")
    PSYCHIATRY = "psychiatry", _("Psychiatry")
    PULMONOLOGY = "pulmonology", _("Pulmonology")
    RHEUMATOLOGY = "rheumatology", _("Rheumatology")
    UROLOGY = "urology", _("Urology")


class Council(models.TextChoices):
    """Who registers doctors; a registration number is unique only within one of these."""

    NMC = "NMC", _("National Medical Commission")
    MCI = "MCI", _("Medical Council of India (before 2020)")
    AMC = "AMC", _("Assam Medical Council")
    APMC = "APMC", _("Andhra Pradesh Medical Council")
    BCMR = "BCMR", _("Bihar Council of Medical Registration")
    CGMC = "CGMC", _("Chhattisgarh Medical Council")
    DCI = "DCI", _("Dental Council of India")
    DMC = "DMC", _("Delhi Medical Council")
    GMC = "GMC", _("Gujarat Medical Council")
    GOAMC = "GOAMC", _("Goa Medical Council")
    HMC = "HMC", _("Haryana Medical Council")
    HPMC = "HPMC", _("Himachal Pradesh Medical Council")
    JKMC = "JKMC", _("Jammu and Kashmir Medical Council")
    JMC = "JMC", _("Jharkhand Medical Council")
    KMC = "KMC", _("Karnataka Medical Council")
    MMC = "MMC", _("Maharashtra Medical Council")
    MPMC = "MPMC", _("Madhya Pradesh Medical Council")
    OCMR = "OCMR", _("Odisha Council of Medical Registration")
    PMC = "PMC", _("Punjab Medical Council")
    RMC = "RMC", _("Rajasthan Medical Council")
    TCMC = "TCMC", _("Kerala State Medical Councils")
    TNMC = "TNMC", _("Tamil Nadu Medical Council")
    TSMC = "TSMC", _("Telangana State Medical Council")
    UKMC = "UKMC", _("Uttarakhand Medical Council")
    UPMC = "UPMC", _("Uttar Pradesh Medical Council")
    WBMC = "WBMC", _("West Bengal Medical Council")


class Language(models.TextChoices):
    """Languages a doctor consults in; ISO 639-1."""

    ASSAMESE = "as", _("Assamese")
    BENGALI = "bn", _("Bengali")
    ENGLISH = "en", _("English")
    GUJARATI = "gu", _("Gujarati")
    HINDI = "hi", _("Hindi")
    KANNADA = "kn", _("Kannada")
    MALAYALAM = "ml", _("Malayalam")
    MARATHI = "mr", _("Marathi")
    ODIA = "or", _("Odia")
    PUNJABI = "pa", _("Punjabi")
    TAMIL = "ta", _("Tamil")
    TELUGU = "te", _("Telugu")
    URDU = "ur", _("Urdu")


class State(models.TextChoices):
    """States and union territories of India; ISO 3166-2 without its `IN-`."""

    AN = "AN", _("Andaman and Nicobar Islands")
    AP = "AP", _("Andhra Pradesh")
    AR = "AR", _("Arunachal Pradesh")
    AS = "AS", _("Assam")
    BR = "BR", _("Bihar")
    CG = "CG", _("Chhattisgarh")
    CH = "CH", _("Chandigarh")
    DH = "DH", _("Dadra and Nagar Haveli and Daman and Diu")
    DL = "DL", _("Delhi")
    GA = "GA", _("Goa")
    GJ = "GJ", _("Gujarat")
    HP = "HP", _("Himachal Pradesh")
    HR = "HR", _("Haryana")
    JH = "JH", _("Jharkhand")
    JK = "JK", _("Jammu and Kashmir")
    KA = "KA", _("Karnataka")
    KL = "KL", _("Kerala")
    LA = "LA", _("Ladakh")
    LD = "LD", _("Lakshadweep")
    MH = "MH", _("Maharashtra")
    ML = "ML", _("Meghalaya")
    MN = "MN", _("Manipur")
    MP = "MP", _("Madhya Pradesh")
    MZ = "MZ", _("Mizoram")
    NL = "NL", _("Nagaland")
    OD = "OD", _("Odisha")
    PB = "PB", _("Punjab")
    PY = "PY", _("Puducherry")
    RJ = "RJ", _("Rajasthan")
    SK = "SK", _("Sikkim")
    TN = "TN", _("Tamil Nadu")
    TR = "TR", _("Tripura")
    TS = "TS", _("Telangana")
    UK = "UK", _("Uttarakhand")
    UP = "UP", _("Uttar Pradesh")
    WB = "WB", _("West Bengal")


def canonical_registration(council: str, number: str) -> str | None:
    """Give the one spelling of a registration, `COUNCIL-NUMBER` in capitals without spaces.

    Args:
        number: as people write it, with or without its council in front; none gives `None`.
    """
    spelled = "".join(number.upper().split())
    in_front = rf"(?:{re.escape(council)}(?:[^A-Z0-9]+|(?=[0-9])))+"
    bare = re.sub(rf"^{in_front}", "", spelled) if council else spelled
    return f"{council}-{bare}" if bare else None
