"""Certificates for tests, made on the spot."""

from io import BytesIO
from typing import Any

from PIL import Image
from pypdf import PdfWriter

from registry import actions
from registry.models import Doctor, DoctorCredential
from registry.tests.factories import NOW, make_user

# What a doctor writes beside a certificate.
DETAILS: dict[str, Any] = {
    "kind": "DEGREE",
    "degree": "MBBS",
    "institution": "Bangalore Medical College",
    "year": 2008,
}


def pdf(*, pages: int = 1, password: str = "", title: str = "") -> bytes:
    """Make a PDF with blank pages."""
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(width=210, height=297)
    if title:
        writer.add_metadata({"/Title": title})
    if password:
        writer.encrypt(password)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def picture(name: str, *, width: int = 400, height: int = 300, **options: Any) -> bytes:
    """Make a picture; `name` is JPEG, PNG or another that Pillow writes."""
    out = BytesIO()
    Image.new("L", (width, height), 128).save(out, name, **options)
    return out.getvalue()


def add_paper(doctor: Doctor, content: bytes | None = None, **given: Any) -> DoctorCredential:
    """Upload a certificate as the doctor does; `by=` is who else."""
    by = given.pop("by", None) or make_user(doctor=doctor)
    values = DETAILS | {"content": content or pdf(), "file_name": "mbbs.pdf"} | given
    return actions.add_credential(doctor=doctor, by=by, at=NOW, **values)
