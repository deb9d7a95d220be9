from datetime import date, timedelta
from hashlib import sha256
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from registry import actions, ledger
from registry.certificates import CertificateRefused
from registry.models import AuditLog, Doctor, DoctorCredential, User
from registry.models.doctors import DoctorCredentialQuerySet
from registry.tests.factories import (
    NOW,
    make_admin,
    make_credential,
    make_doctor,
    make_draft_doctor,
    make_user,
    make_verified_credential,
)
from registry.tests.papers import pdf, picture
from registry.tests.traces import nothing_happened, recorded, told

pytestmark = pytest.mark.django_db(transaction=True)

DETAILS: dict[str, Any] = {
    "kind": "DEGREE",
    "degree": "MBBS",
    "institution": "Bangalore Medical College",
    "year": 2008,
}
ADD = reverse("registry:credential_add")
TODAY = NOW.date()
YESTERDAY = TODAY - timedelta(days=1)


def add(doctor: Doctor, content: bytes | None = None, **given: Any) -> DoctorCredential:
    by = given.pop("by", None) or make_user(doctor=doctor)
    values = DETAILS | {"content": content or pdf(), "file_name": "mbbs.pdf"} | given
    return actions.add_credential(doctor=doctor, by=by, at=NOW, **values)


def stored_files() -> list[str]:
    return default_storage.listdir("certificates")[1] if default_storage.exists("") else []


def signed_in(client: Client, doctor: Doctor | None = None) -> User:
    user = make_user(doctor=doctor or make_draft_doctor())
    client.force_login(user)
    return user


def upload(name: str = "mbbs.pdf", content: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, pdf() if content is None else content)


def test_a_certificate_is_kept_sealed_and_its_change_is_told() -> None:
    doctor = make_draft_doctor()
    content = pdf(title="Bachelor of Medicine")

    credential = add(doctor, content)

    kept = DoctorCredential.objects.get()
    assert kept == credential
    assert (kept.status, kept.verified, kept.content_type) == (
        "UPLOADED",
        False,
        "application/pdf",
    )
    assert (kept.sha256, kept.size_bytes) == (sha256(content).hexdigest(), len(content))
    assert kept.certificate.name == f"certificates/{kept.pk}"
    with kept.certificate.open("rb") as file:
        sealed = file.read()
    assert b"%PDF" not in sealed
    assert b"Bachelor" not in sealed
    assert recorded(kept) == ["credential.added"]
    assert AuditLog.objects.get().metadata["doctor_id"] == str(doctor.pk)
    assert told(doctor) == [("doctor.updated", 2)]


@pytest.mark.parametrize("status", ["SUBMITTED", "ACTIVE"])
def test_after_the_profile_was_sent_a_new_certificate_waits_for_its_check(status: str) -> None:
    assert add(make_doctor(status=status)).status == "IN_REVIEW"


def test_a_long_file_name_keeps_its_end() -> None:
    assert add(make_doctor(), file_name="x" * 300 + ".pdf").file_name.endswith("x.pdf")


def test_what_is_no_certificate_leaves_no_file() -> None:
    doctor = make_draft_doctor()

    with pytest.raises(CertificateRefused):
        add(doctor, b"MZ a program")

    assert nothing_happened(doctor)
    assert not default_storage.exists("certificates")


def test_the_same_file_is_taken_once() -> None:
    doctor = make_draft_doctor()
    content = pdf()
    user = make_user(doctor=doctor)
    kept = add(doctor, content, by=user)

    with pytest.raises(actions.AlreadyUploaded, match="MBBS, Bangalore Medical College"):
        add(doctor, content, by=user, degree="MD")

    assert DoctorCredential.objects.get() == kept
    assert stored_files() == [str(kept.pk)]
    assert told(doctor) == [("doctor.updated", 2)]


def test_wrong_details_are_corrected_with_the_same_file() -> None:
    doctor = make_doctor(status="SUBMITTED")
    content = pdf()
    user, admin = make_user(doctor=doctor), make_admin()
    wrong = add(doctor, content, by=user, year=2021)
    actions.ask_for_change(credential=wrong, reason="The year is 2012", by=admin, at=NOW)

    right = add(doctor, content, by=user, year=2012, replaces=wrong)
    actions.ask_for_change(credential=right, reason="2021 after all", by=admin, at=NOW)
    again = add(doctor, content, by=user, year=2021, replaces=right)

    assert list(DoctorCredential.objects.current()) == [again]
    assert [paper.sha256 for paper in (wrong, right)] == [again.sha256] * 2


def test_a_replacement_may_not_repeat_another_certificate() -> None:
    doctor = make_doctor(status="SUBMITTED")
    content, user = pdf(), make_user(doctor=doctor)
    kept = add(doctor, content, by=user)
    old = make_credential(doctor, status="NEEDS_CHANGE", reason="Blurred", degree="MD")

    with pytest.raises(actions.AlreadyUploaded):
        add(doctor, content, by=user, replaces=old)

    assert set(DoctorCredential.objects.current()) == {kept, old}
    assert stored_files() == [str(kept.pk)]


def test_two_doctors_may_upload_the_same_bytes() -> None:
    content = pdf()

    assert add(make_doctor(), content).sha256 == add(make_doctor(), content).sha256


def test_a_failed_transaction_removes_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    doctor = make_draft_doctor()

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the database went away")

    monkeypatch.setattr(ledger, "publish", fail)
    with pytest.raises(RuntimeError):
        add(doctor)

    assert nothing_happened(doctor)
    assert not DoctorCredential.objects.exists()
    assert stored_files() == []


def test_a_commit_whose_answer_was_lost_keeps_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    doctor = make_draft_doctor()
    user = make_user(doctor=doctor)
    commit = connection.commit

    def commit_and_lose_the_answer() -> None:
        commit()
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(connection, "commit", commit_and_lose_the_answer)
        with pytest.raises(OperationalError):
            add(doctor, by=user)

    credential = DoctorCredential.objects.get()
    assert stored_files() == [str(credential.pk)]


def test_a_file_stays_while_nobody_can_tell_whether_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("the database went away")

    monkeypatch.setattr(ledger, "publish", fail)
    monkeypatch.setattr(DoctorCredentialQuerySet, "exists", fail)
    with pytest.raises(OperationalError):
        add(make_draft_doctor())

    assert len(stored_files()) == 1


def test_a_better_upload_replaces_and_keeps_the_old_one() -> None:
    doctor = make_doctor(status="SUBMITTED")
    old = make_credential(doctor, status="NEEDS_CHANGE", reason="Blurred")

    new = add(doctor, replaces=old)

    old.refresh_from_db()
    assert (old.replaced_by, old.status) == (new, "NEEDS_CHANGE")
    assert AuditLog.objects.get().metadata["replaces"] == str(old.pk)
    assert list(DoctorCredential.objects.current()) == [new]


@pytest.mark.parametrize("case", ["good as it is", "another doctor's", "replaced before"])
def test_only_ones_own_stale_certificate_can_be_replaced(case: str) -> None:
    doctor = make_doctor()
    owner = make_doctor() if case == "another doctor's" else doctor
    stale = {} if case == "good as it is" else {"status": "NEEDS_CHANGE", "reason": "Blurred"}
    old = make_credential(owner, **stale)
    if case == "replaced before":
        old.replaced_by = make_credential(doctor)
        old.save()

    with pytest.raises(actions.CannotBeReplaced):
        add(doctor, replaces=old)

    assert nothing_happened(doctor)
    assert stored_files() == []


def test_querysets_and_rows_agree_on_what_can_be_replaced() -> None:
    doctor = make_doctor()
    newest = make_credential(doctor)
    make_credential(doctor, status="NEEDS_CHANGE", reason="Blurred", replaced_by=newest)
    make_credential(doctor, status="NEEDS_CHANGE", reason="Blurred")
    make_credential(doctor, status="EXPIRED")
    make_verified_credential(doctor, valid_until=YESTERDAY)
    make_verified_credential(doctor, valid_until=YESTERDAY, replaced_by=make_credential(doctor))
    make_verified_credential(doctor, valid_until=TODAY)

    found = set(DoctorCredential.objects.replaceable_on(TODAY))

    assert len(found) == 3
    assert found == {row for row in DoctorCredential.objects.all() if row.can_be_replaced_on(TODAY)}
    current = DoctorCredential.objects.current()
    assert found == {row for row in current.judged_on(TODAY) if vars(row)["must_change"]}
    assert found == set(current) - set(DoctorCredential.objects.usable_on(TODAY))


def test_a_certificate_that_has_run_out_is_renewed() -> None:
    doctor = make_doctor()
    old = make_verified_credential(doctor, valid_until=YESTERDAY)

    new = add(doctor, replaces=old, valid_until=TODAY)

    old.refresh_from_db()
    assert (old.replaced_by, old.status) == (new, "VERIFIED")


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
    credential = add(user.doctor, content, by=user, file_name="größe; x.pdf")

    response = client.get(reverse("registry:credential_file", args=[credential.pk]))

    assert response.content == content
    assert response["Content-Type"] == content_type
    assert response["Content-Disposition"].startswith("inline; filename")
    assert response["Cache-Control"] == "private, no-store"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in response["Content-Security-Policy"]


def test_another_doctors_certificate_is_not_found(client: Client) -> None:
    signed_in(client)
    credential = add(make_doctor())

    path = reverse("registry:credential_file", args=[credential.pk])

    assert client.get(path).status_code == 404
    assert Client().get(path).status_code == 302


@pytest.mark.parametrize("case", ["elsewhere", "gone"])
def test_a_certificate_that_is_not_here_is_not_found(client: Client, case: str) -> None:
    user = signed_in(client)
    assert user.doctor is not None
    credential = make_credential(user.doctor) if case == "elsewhere" else add(user.doctor, by=user)
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
