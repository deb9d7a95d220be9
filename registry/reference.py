"""Stable codes that insurers rely on, with the words people read."""

import re

from django.db import models


class Specialization(models.TextChoices):
    """What a doctor practises; the codes never change meaning."""

    CARDIOLOGY = "cardiology", "Cardiology"
    DENTISTRY = "dentistry", "Dentistry"
    DERMATOLOGY = "dermatology", "Dermatology"
    DIABETOLOGY = "diabetology", "Diabetology"
    ENDOCRINOLOGY = "endocrinology", "Endocrinology"
    ENT = "ent", "Ear, nose and throat"
    FAMILY_MEDICINE = "family_medicine", "Family medicine"
    GASTROENTEROLOGY = "gastroenterology", "Gastroenterology"
    GENERAL_MEDICINE = "general_medicine", "General medicine"
    GENERAL_SURGERY = "general_surgery", "General surgery"
    GYNAECOLOGY = "gynaecology", "Obstetrics and gynaecology"
    NEPHROLOGY = "nephrology", "Nephrology"
    NEUROLOGY = "neurology", "Neurology"
    ONCOLOGY = "oncology", "Oncology"
    OPHTHALMOLOGY = "ophthalmology", "Ophthalmology"
    ORTHOPAEDICS = "orthopaedics", "Orthopaedics"
    PAEDIATRICS = "paediatrics", "Paediatrics"
    PHYSIOTHERAPY = "physiotherapy", "Physiotherapy"
    PSYCHIATRY = "psychiatry", "Psychiatry"
    PULMONOLOGY = "pulmonology", "Pulmonology"
    RHEUMATOLOGY = "rheumatology", "Rheumatology"
    UROLOGY = "urology", "Urology"


class Council(models.TextChoices):
    """Who registers doctors; a registration number is unique only within one of these."""

    NMC = "NMC", "National Medical Commission"
    MCI = "MCI", "Medical Council of India (before 2020)"
    AMC = "AMC", "Assam Medical Council"
    APMC = "APMC", "Andhra Pradesh Medical Council"
    BCMR = "BCMR", "Bihar Council of Medical Registration"
    CGMC = "CGMC", "Chhattisgarh Medical Council"
    DCI = "DCI", "Dental Council of India"
    DMC = "DMC", "Delhi Medical Council"
    GMC = "GMC", "Gujarat Medical Council"
    GOAMC = "GOAMC", "Goa Medical Council"
    HMC = "HMC", "Haryana Medical Council"
    HPMC = "HPMC", "Himachal Pradesh Medical Council"
    JKMC = "JKMC", "Jammu and Kashmir Medical Council"
    JMC = "JMC", "Jharkhand Medical Council"
    KMC = "KMC", "Karnataka Medical Council"
    MMC = "MMC", "Maharashtra Medical Council"
    MPMC = "MPMC", "Madhya Pradesh Medical Council"
    OCMR = "OCMR", "Odisha Council of Medical Registration"
    PMC = "PMC", "Punjab Medical Council"
    RMC = "RMC", "Rajasthan Medical Council"
    TCMC = "TCMC", "Kerala State Medical Councils"
    TNMC = "TNMC", "Tamil Nadu Medical Council"
    TSMC = "TSMC", "Telangana State Medical Council"
    UKMC = "UKMC", "Uttarakhand Medical Council"
    UPMC = "UPMC", "Uttar Pradesh Medical Council"
    WBMC = "WBMC", "West Bengal Medical Council"


class Language(models.TextChoices):
    """Languages a doctor consults in; ISO 639-1."""

    ASSAMESE = "as", "Assamese"
    BENGALI = "bn", "Bengali"
    ENGLISH = "en", "English"
    GUJARATI = "gu", "Gujarati"
    HINDI = "hi", "Hindi"
    KANNADA = "kn", "Kannada"
    MALAYALAM = "ml", "Malayalam"
    MARATHI = "mr", "Marathi"
    ODIA = "or", "Odia"
    PUNJABI = "pa", "Punjabi"
    TAMIL = "ta", "Tamil"
    TELUGU = "te", "Telugu"
    URDU = "ur", "Urdu"


class State(models.TextChoices):
    """States and union territories of India; ISO 3166-2 without its `IN-`."""

    AN = "AN", "Andaman and Nicobar Islands"
    AP = "AP", "Andhra Pradesh"
    AR = "AR", "Arunachal Pradesh"
    AS = "AS", "Assam"
    BR = "BR", "Bihar"
    CG = "CG", "Chhattisgarh"
    CH = "CH", "Chandigarh"
    DH = "DH", "Dadra and Nagar Haveli and Daman and Diu"
    DL = "DL", "Delhi"
    GA = "GA", "Goa"
    GJ = "GJ", "Gujarat"
    HP = "HP", "Himachal Pradesh"
    HR = "HR", "Haryana"
    JH = "JH", "Jharkhand"
    JK = "JK", "Jammu and Kashmir"
    KA = "KA", "Karnataka"
    KL = "KL", "Kerala"
    LA = "LA", "Ladakh"
    LD = "LD", "Lakshadweep"
    MH = "MH", "Maharashtra"
    ML = "ML", "Meghalaya"
    MN = "MN", "Manipur"
    MP = "MP", "Madhya Pradesh"
    MZ = "MZ", "Mizoram"
    NL = "NL", "Nagaland"
    OD = "OD", "Odisha"
    PB = "PB", "Punjab"
    PY = "PY", "Puducherry"
    RJ = "RJ", "Rajasthan"
    SK = "SK", "Sikkim"
    TN = "TN", "Tamil Nadu"
    TR = "TR", "Tripura"
    TS = "TS", "Telangana"
    UK = "UK", "Uttarakhand"
    UP = "UP", "Uttar Pradesh"
    WB = "WB", "West Bengal"


def canonical_registration(council: str, number: str) -> str | None:
    """Give the one spelling of a registration, `COUNCIL-NUMBER` in capitals without spaces.

    Args:
        number: as people write it, with or without its council in front; none gives `None`.
    """
    spelled = "".join(number.upper().split())
    in_front = rf"(?:{re.escape(council)}(?:[^A-Z0-9]+|(?=[0-9])))+"
    bare = re.sub(rf"^{in_front}", "", spelled) if council else spelled
    return f"{council}-{bare}" if bare else None
