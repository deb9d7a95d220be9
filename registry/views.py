from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from registry import actions
from registry.certificates import CertificateRefused
from registry.forms import (
    SECTIONS,
    CredentialForm,
    PlaceEditForm,
    PlaceForm,
    SectionForm,
    SubmitForm,
)
from registry.http import SignedInRequest, certificate_response, doctor_of
from registry.models import AuditLog, Doctor, DoctorCredential, DoctorLocation, DoctorRevision
from registry.revisions import steps_of

form_page = require_http_methods(["GET", "HEAD", "POST"])
UNPROCESSABLE = 422
REVISIONS = 20
# An admin compared what stands in these with the papers.
CHECKED_SECTIONS = {"identity", "registration"}


def posted(request: SignedInRequest) -> QueryDict | None:
    """Give what was sent; an empty form that was sent is still one to check."""
    return request.POST if request.method == "POST" else None


def page(request: SignedInRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """Draw a page with a form; a form with errors answers 422."""
    form = context["form"]
    return render(request, template, context, status=UNPROCESSABLE if form.errors else None)


@require_safe
def profile(request: SignedInRequest) -> HttpResponse:
    doctor = doctor_of(request)
    revisions = DoctorRevision.objects.filter(doctor=doctor).select_related("changed_by")
    return render(
        request,
        "registry/profile.html",
        {
            "doctor": doctor,
            "places": DoctorLocation.objects.filter(doctor=doctor),
            "credentials": _papers(doctor),
            "last_change": revisions.order_by("-version").first(),
            "suspension": _suspension(doctor),
        },
    )


@require_safe
def profile_history(request: SignedInRequest) -> HttpResponse:
    doctor = doctor_of(request)
    kept = DoctorRevision.objects.filter(doctor=doctor).select_related("changed_by")
    if (before := request.GET.get("before", "")).isdecimal():
        kept = kept.filter(version__lt=int(before))
    # One more, to compare the oldest of the page with.
    revisions = list(kept.order_by("-version")[: REVISIONS + 1])
    steps = steps_of(revisions)[:REVISIONS]
    older = steps[-1].revision.version if len(revisions) > REVISIONS else None
    context = {"doctor": doctor, "steps": steps, "before": older}
    return render(request, "registry/profile_history.html", context)


def _suspension(doctor: Doctor) -> AuditLog | None:
    if doctor.status != Doctor.Status.SUSPENDED:
        return None
    return AuditLog.objects.about(doctor).filter(action="doctor.suspended").first()


@form_page
def profile_edit(request: SignedInRequest, section: str) -> HttpResponse:
    doctor = doctor_of(request)
    if section not in SECTIONS:
        raise Http404
    form = SECTIONS[section](posted(request), doctor=doctor)
    if form.is_valid() and _profile_saved(request, doctor, form):
        return redirect("registry:profile")
    context = {
        "form": form,
        "doctor": doctor,
        "section": section,
        "checked_again": section in CHECKED_SECTIONS,
    }
    return page(request, "registry/profile_edit.html", context)


def _profile_saved(request: SignedInRequest, doctor: Doctor, form: SectionForm) -> bool:
    try:
        saved = actions.update_profile(
            doctor=doctor, changes=form.cleaned_data, by=request.user, at=now()
        )
    except actions.AlreadyTaken as refusal:
        form.add_error(refusal.field, str(refusal))
        return False
    if doctor.status == Doctor.Status.ACTIVE and saved.status != Doctor.Status.ACTIVE:
        messages.warning(
            request, gettext("Saved. Insurers see you again once we have checked the change.")
        )
    elif saved.version != doctor.version:
        messages.success(request, gettext("Saved."))
    else:
        messages.info(request, gettext("Nothing was different, so nothing was changed."))
    return True


@form_page
def place_add(request: SignedInRequest) -> HttpResponse:
    doctor = doctor_of(request)
    form = PlaceForm(posted(request))
    if form.is_valid():
        place = actions.add_place(
            doctor=doctor, values=form.cleaned_data, by=request.user, at=now()
        )
        messages.success(request, gettext("%(name)s was added.") % {"name": place.name})
        return redirect("registry:profile")
    return page(request, "registry/place_form.html", {"form": form, "place": None})


@form_page
def place_edit(request: SignedInRequest, location_id: UUID) -> HttpResponse:
    mine = DoctorLocation.objects.filter(doctor=doctor_of(request)).select_related("doctor")
    place = get_object_or_404(mine, pk=location_id)
    form = PlaceEditForm(posted(request), location=place)
    if form.is_valid() and _place_saved(request, place, form):
        messages.success(request, gettext("Saved."))
        return redirect("registry:profile")
    return page(request, "registry/place_form.html", {"form": form, "place": place})


def _place_saved(request: SignedInRequest, place: DoctorLocation, form: PlaceEditForm) -> bool:
    try:
        actions.update_place(location=place, changes=form.cleaned_data, by=request.user, at=now())
    except actions.ZoneKept as refusal:
        form.add_error("timezone", str(refusal))
        return False
    return True


@require_safe
def credential_list(request: SignedInRequest) -> HttpResponse:
    doctor = doctor_of(request)
    replaced = DoctorCredential.objects.filter(doctor=doctor).replaced()
    return render(
        request,
        "registry/credential_list.html",
        {"doctor": doctor, "credentials": _papers(doctor), "replaced": replaced},
    )


def _papers(doctor: Doctor) -> QuerySet[DoctorCredential]:
    mine = DoctorCredential.objects.filter(doctor=doctor)
    return mine.current().judged_on(doctor.day_at(now()))


@form_page
def credential_add(request: SignedInRequest) -> HttpResponse:
    doctor = doctor_of(request)
    replaces = _to_replace(request, doctor)
    form = CredentialForm(
        posted(request),
        request.FILES if request.method == "POST" else None,
        today=doctor.day_at(now()),
        initial=_details_of(replaces),
    )
    if form.is_valid() and _certificate_kept(request, doctor, form, replaces):
        messages.success(request, gettext("Your certificate was uploaded."))
        return redirect("registry:credential_list")
    return page(request, "registry/credential_form.html", {"form": form, "replaces": replaces})


def _certificate_kept(
    request: SignedInRequest,
    doctor: Doctor,
    form: CredentialForm,
    replaces: DoctorCredential | None,
) -> bool:
    details = dict(form.cleaned_data)
    file = details.pop("certificate")
    try:
        actions.add_credential(
            doctor=doctor,
            content=file.read(),
            file_name=file.name,
            replaces=replaces,
            by=request.user,
            at=now(),
            **details,
        )
    except (CertificateRefused, actions.AlreadyUploaded) as refusal:
        form.add_error("certificate", str(refusal))
    except actions.CannotBeReplaced as refusal:
        form.add_error(None, str(refusal))
    return form.is_valid()


def _to_replace(request: SignedInRequest, doctor: Doctor) -> DoctorCredential | None:
    wanted = request.GET.get("replaces")
    if wanted is None:
        return None
    mine = DoctorCredential.objects.filter(doctor=doctor).replaceable_on(doctor.day_at(now()))
    try:
        return get_object_or_404(mine, pk=UUID(wanted))
    except ValueError as error:
        raise Http404 from error


def _details_of(credential: DoctorCredential | None) -> dict[str, Any] | None:
    if credential is None:
        return None
    names = ("kind", "degree", "institution", "year")
    return {name: getattr(credential, name) for name in names}


@require_safe
def credential_file(request: SignedInRequest, credential_id: UUID) -> HttpResponse:
    mine = DoctorCredential.objects.filter(doctor=doctor_of(request))
    return certificate_response(get_object_or_404(mine, pk=credential_id))


@form_page
def profile_submit(request: SignedInRequest) -> HttpResponse:
    doctor = doctor_of(request)
    form = SubmitForm(posted(request))
    if form.is_valid() and _profile_sent(request, doctor, form):
        return redirect("registry:profile")
    context = {
        "form": form,
        "doctor": doctor,
        "lacks": doctor.lacks_to_submit(doctor.day_at(now())),
        "places": DoctorLocation.objects.filter(doctor=doctor),
        "credentials": _papers(doctor),
    }
    return page(request, "registry/submit.html", context)


def _profile_sent(request: SignedInRequest, doctor: Doctor, form: SubmitForm) -> bool:
    try:
        actions.submit(doctor=doctor, by=request.user, at=now())
    except actions.Incomplete as refusal:
        form.add_error(None, str(refusal))
        return False
    except actions.AlreadySent as refusal:
        messages.info(request, str(refusal))
        return True
    messages.success(request, gettext("Sent. This page shows when your papers have been checked."))
    return True
