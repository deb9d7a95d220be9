"""Tell what an uploaded certificate really is, from its bytes and never from its name."""

from io import BytesIO

from django.utils.translation import gettext
from PIL import Image

PDF, JPEG, PNG = "application/pdf", "image/jpeg", "image/png"
ACCEPTED = (PDF, JPEG, PNG)

MOST_PAGES = 50
MOST_PIXELS = 50_000_000
FEWEST_PIXELS_A_SIDE = 200
# A JPEG decodes at an eighth of its size for a fraction of the memory.
_JPEG_REDUCTION = 8

_OPENINGS = {b"%PDF-": PDF, b"\xff\xd8\xff": JPEG, b"\x89PNG\r\n\x1a\n": PNG}


class CertificateRefused(Exception):
    """The file is none that DocPort keeps; its text tells the doctor why and what helps."""


def inspect(content: bytes) -> str:
    """Give the content type of a certificate, one of `ACCEPTED`.

    Raises:
        CertificateRefused: it is no PDF, JPEG or PNG, is damaged, locked, or too large to show.
    """
    for opening, content_type in _OPENINGS.items():
        if content.startswith(opening):
            _check_pdf(content) if content_type == PDF else _check_image(content, content_type)
            return content_type
    raise CertificateRefused(gettext("The file must be a PDF, JPEG or PNG."))


def _check_pdf(content: bytes) -> None:
    from pypdf import PdfReader  # noqa: PLC0415  Its tables take 8 MB of each process, and few processes see a PDF.

    try:
        reader = PdfReader(BytesIO(content))
        pages = None if reader.is_encrypted else len(reader.pages)
    # A broken file can fail anywhere in the parser, with any error.
    except Exception as error:
        raise CertificateRefused(gettext("The PDF is damaged. Save or scan it again.")) from error
    if pages is None:
        text = gettext("The PDF is locked with a password. Save it without one.")
        raise CertificateRefused(text)
    if not 1 <= pages <= MOST_PAGES:
        text = gettext("The PDF must have 1 to %(most)s pages, it has %(pages)s.")
        raise CertificateRefused(text % {"most": MOST_PAGES, "pages": pages})


def _check_image(content: bytes, content_type: str) -> None:
    name = "JPEG" if content_type == JPEG else "PNG"
    try:
        width, height = Image.open(BytesIO(content), formats=[name]).size
    except Exception as error:
        raise _damaged(name) from error
    if width * height > MOST_PIXELS:
        text = gettext(
            "The picture is too large: %(width)s by %(height)s pixels. "
            "It may have %(most)s million pixels."
        )
        words = {"width": width, "height": height, "most": MOST_PIXELS // 1_000_000}
        raise CertificateRefused(text % words)
    if min(width, height) < FEWEST_PIXELS_A_SIDE:
        text = gettext(
            "The picture is too small to read: %(width)s by %(height)s pixels. "
            "Each side needs at least %(least)s."
        )
        words = {"width": width, "height": height, "least": FEWEST_PIXELS_A_SIDE}
        raise CertificateRefused(text % words)
    try:
        _read_through(content, name)
    except Exception as error:
        raise _damaged(name) from error


def _read_through(content: bytes, name: str) -> None:
    image = Image.open(BytesIO(content), formats=[name])
    if name == "PNG":
        image.verify()
        return
    image.draft("L", (image.width // _JPEG_REDUCTION, image.height // _JPEG_REDUCTION))
    image.load()


def _damaged(name: str) -> CertificateRefused:
    text = gettext("The %(kind)s is damaged. Save it or take the picture again.")
    return CertificateRefused(text % {"kind": name})
