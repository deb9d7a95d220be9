from datetime import date
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from registry.models import DoctorCredential
from registry.tests.factories import (
    make_credential,
    make_doctor,
    make_verified_credential,
)
from registry.tests.pages import signed_in
from registry.tests.papers import DETAILS, add_paper, pdf, picture
from registry.tests.traces import nothing_happened

pytestmark = pytest.mark.django_db(transaction=True)

ADD = reverse("registry:credential_add")


def upload(name: str = "mbbs.pdf", content: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, pdf() if content is None else content)


def test_the_page_says_that_a_certificate_has_run_out_and_takes_its_renewal(
    client: Client,
) -> None:
    doctor = make_doctor()
    signed_in(client, doctor)
    old = make_verified_credential(doctor, valid_until=date(2024, 3, 31))
    path = f"{ADD}?replaces={old.pk}"

    listed = client.get(reverse("registry:credential_list")).content.decode()
    response = client.post(path, DETAILS | {"certificate": upload()})

    assert path in listed
    assert "Run out" in listed
    assert "Upload the renewed one" in listed
    assert response.status_code == 302
    old.refresh_from_db()
    assert old.replaced_by is not None


def test_the_page_uploads_and_the_list_shows_it(client: Client) -> None:
    signed_in(client)

    page = client.post(ADD, DETAILS | {"certificate": upload()}, follow=True).content.decode()

    assert "Your certificate was uploaded" in page
    assert "MBBS" in page
    assert DoctorCredential.objects.get().file_name == "mbbs.pdf"


def test_the_upload_page_says_what_it_takes_before(client: Client) -> None:
    signed_in(client)

    page = client.get(ADD).content.decode()

    assert "up to 10 MB" in page
    assert 'accept="application/pdf,image/jpeg,image/png"' in page
    assert 'enctype="multipart/form-data"' in page


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"certificate": upload("mbbs.pdf", b"MZ a program")}, "must be a PDF, JPEG or PNG"),
        ({"certificate": upload("mbbs.pdf", pdf(password="x"))}, "locked"),
        ({"certificate": upload("mbbs.pdf", b"")}, "empty"),
        ({}, "required"),
        ({"year": "2027", "certificate": upload()}, "future"),
        ({"year": "1939", "certificate": upload()}, "1940"),
        ({"valid_until": "2020-01-01", "certificate": upload()}, "no longer valid"),
        ({"kind": "PRIZE", "certificate": upload()}, "PRIZE"),
    ],
)
def test_an_upload_with_errors_keeps_what_was_typed(
    client: Client, wrong: dict[str, Any], error: str
) -> None:
    user = signed_in(client)

    response = client.post(ADD, DETAILS | wrong)

    page = response.content.decode()
    assert response.status_code == 422
    assert error in page
    assert 'value="Bangalore Medical College"' in page
    assert user.doctor is not None
    assert nothing_happened(user.doctor)


def test_a_file_of_30_mb_gets_the_form_back_with_everything_else(client: Client) -> None:
    signed_in(client)
    huge = upload("scan.pdf", b"%PDF-" + bytes(30 * 1024 * 1024))

    response = client.post(ADD, DETAILS | {"certificate": huge})

    page = response.content.decode()
    assert response.status_code == 422
    assert "The file has 30.0 MB, more than 10 MB" in page
    assert 'value="Bangalore Medical College"' in page
    assert not DoctorCredential.objects.exists()


def test_a_body_that_no_page_takes_is_not_even_read(client: Client) -> None:
    signed_in(client)

    response = client.generic(
        "POST", ADD, b"", CONTENT_TYPE="multipart/form-data; boundary=x", CONTENT_LENGTH="41943041"
    )

    assert response.status_code == 413
    assert b"This file is too large" in response.content


@pytest.mark.parametrize("length", ["", "no number", "-5"])
def test_a_strange_content_length_is_left_to_django(client: Client, length: str) -> None:
    signed_in(client)

    assert client.get(ADD, CONTENT_LENGTH=length).status_code == 200


def test_the_same_file_twice_is_an_error_of_the_file(client: Client) -> None:
    signed_in(client)
    content = pdf()
    client.post(ADD, DETAILS | {"certificate": upload("a.pdf", content)})

    response = client.post(ADD, DETAILS | {"certificate": upload("b.pdf", content)})

    assert response.status_code == 422
    assert "You have already uploaded this file" in response.content.decode()


def test_the_page_replaces_what_needs_a_change(client: Client) -> None:
    doctor = make_doctor(status="SUBMITTED")
    signed_in(client, doctor)
    old = make_credential(doctor, status="NEEDS_CHANGE", reason="Blurred")
    listed = client.get(reverse("registry:credential_list")).content.decode()
    path = f"{ADD}?replaces={old.pk}"
    assert path in listed
    assert "Blurred" in listed

    form = client.get(path).content.decode()
    page = client.post(path, DETAILS | {"certificate": upload()}, follow=True).content.decode()

    assert 'value="Bangalore Medical College"' in form
    assert "Replaced certificates" in page
    old.refresh_from_db()
    assert old.replaced_by is not None


@pytest.mark.parametrize("wanted", ["good", "other", "unknown", "nonsense"])
def test_what_cannot_be_replaced_is_not_found(client: Client, wanted: str) -> None:
    doctor = make_doctor()
    signed_in(client, doctor)
    stale = {"status": "NEEDS_CHANGE", "reason": "Blurred"}
    ids = {
        "good": make_credential(doctor).pk,
        "other": make_credential(make_doctor(), **stale).pk,
        "unknown": uuid4(),
        "nonsense": "nonsense",
    }

    assert client.get(f"{ADD}?replaces={ids[wanted]}").status_code == 404


def test_a_certificate_replaced_meanwhile_is_refused_on_the_form(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor = make_doctor(status="SUBMITTED")
    signed_in(client, doctor)
    old = make_credential(doctor, status="NEEDS_CHANGE", reason="Blurred")
    monkeypatch.setattr(DoctorCredential, "can_be_replaced_on", lambda *_: False)

    response = client.post(f"{ADD}?replaces={old.pk}", DETAILS | {"certificate": upload()})

    assert response.status_code == 422
    assert b"does not need to be replaced" in response.content


@pytest.mark.parametrize(
    ("content", "content_type"),
    [(pdf(), "application/pdf"), (picture("PNG"), "image/png"), (picture("JPEG"), "image/jpeg")],
)
def test_a_doctor_opens_their_own_certificate(
    client: Client, content: bytes, content_type: str
) -> None:
    user = signed_in(client)
    assert user.doctor is not None
    credential = add_paper(user.doctor, content, by=user, file_name="größe; x.pdf")

    response = client.get(reverse("registry:credential_file", args=[credential.pk]))

    assert response.content == content
    assert response["Content-Type"] == content_type
    assert response["Content-Disposition"].startswith("inline; filename")
    assert response["Cache-Control"] == "private, no-store"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in response["Content-Security-Policy"]


def test_another_doctors_certificate_is_not_found(client: Client) -> None:
    signed_in(client)
    credential = add_paper(make_doctor())

    path = reverse("registry:credential_file", args=[credential.pk])

    assert client.get(path).status_code == 404
    assert Client().get(path).status_code == 302


@pytest.mark.parametrize("case", ["elsewhere", "gone"])
def test_a_certificate_that_is_not_here_is_not_found(client: Client, case: str) -> None:
    user = signed_in(client)
    assert user.doctor is not None
    credential = (
        make_credential(user.doctor) if case == "elsewhere" else add_paper(user.doctor, by=user)
    )
    if case == "gone":
        default_storage.delete(credential.certificate.name or "")

    path = reverse("registry:credential_file", args=[credential.pk])

    assert client.get(path).status_code == 404


def test_the_list_takes_the_same_queries_for_many(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    doctor = make_doctor()
    signed_in(client, doctor)
    for year in range(2000, 2020):
        make_credential(doctor, year=year)

    with django_assert_max_num_queries(5):
        client.get(reverse("registry:credential_list"))


def test_uploads_over_2_mb_are_read_from_disk(client: Client, settings: LazySettings) -> None:
    signed_in(client)
    big = BytesIO(pdf() + b"\n%" + bytes(3 * 1024 * 1024))
    big.name = "scan.pdf"

    response = client.post(ADD, DETAILS | {"certificate": big})

    assert response.status_code == 302
    assert DoctorCredential.objects.get().size_bytes > settings.FILE_UPLOAD_MAX_MEMORY_SIZE
