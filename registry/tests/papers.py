"""Certificates for tests, made on the spot."""

from io import BytesIO
from typing import Any

from PIL import Image
from pypdf import PdfWriter


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
