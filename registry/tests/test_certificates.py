import struct
import zlib

import pytest

from registry.certificates import JPEG, MOST_PAGES, PDF, PNG, CertificateRefused, inspect
from registry.tests.papers import pdf, picture


def huge_png() -> bytes:
    """Announce 60000 by 60000 pixels in a file of a hundred bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (pdf(), PDF),
        (pdf(pages=MOST_PAGES), PDF),
        (picture("JPEG"), JPEG),
        (picture("PNG"), PNG),
    ],
)
def test_the_bytes_tell_what_it_is(content: bytes, content_type: str) -> None:
    assert inspect(content) == content_type


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "PDF, JPEG or PNG"),
        (b"MZ\x90\x00 a program", "PDF, JPEG or PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "PDF, JPEG or PNG"),
        (picture("GIF"), "PDF, JPEG or PNG"),
        (b"%PDF-1.7\nnothing else", "damaged"),
        (pdf()[:200], "damaged"),
        (pdf(password="x"), "locked"),
        (pdf(pages=0), "1 to 50 pages, it has 0"),
        (pdf(pages=MOST_PAGES + 1), "1 to 50 pages, it has 51"),
        (b"\xff\xd8\xff", "JPEG is damaged"),
        (picture("JPEG", width=900, height=900)[:1500], "JPEG is damaged"),
        (b"\x89PNG\r\n\x1a\n", "PNG is damaged"),
        (picture("PNG", width=900, height=900)[:-30], "PNG is damaged"),
        (huge_png(), "damaged|too large"),
        (picture("PNG", width=7100, height=7100), "too large: 7100 by 7100"),
        (picture("JPEG", width=199, height=900), "too small"),
    ],
)
def test_it_refuses_what_nobody_could_check(content: bytes, why: str) -> None:
    with pytest.raises(CertificateRefused, match=why):
        inspect(content)
