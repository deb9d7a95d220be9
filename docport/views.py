from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.timezone import now
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from consent.models import ConsentEvent, ConsentStatus, DataClass, insurers_for
from consent.standings import Standing, standing_with, standings_of
from docport.access_pages import last_reads
from docport.checklist import checklist, facts_of
from docport.erasure import erasure_of
from docport.in_step import InStep, in_step, local_to, syncs_of
from docport.preview import ProfilePreview, preview, preview_profile
from docport.today import today_of
from docport.why import why_not
from integrations.actions import push
from integrations.models import ProviderDoctorSync
from registry import actions
from registry.forms import SECTIONS, SectionForm
from registry.http import SignedInRequest, doctor_of
from registry.models import Doctor, InsuranceProvider, User
from registry.views import CHECKED_SECTIONS, form_page, page


@login_not_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    user = request.user
    if not isinstance(user, User):
        return render(request, "docport/welcome.html")
    if user.role == User.Role.ADMIN:
        return redirect("admin:index")
    if user.doctor is None:
        return render(request, "docport/insurer.html", {"provider": user.insurance_provider})
    today = today_of(user.doctor, at=now())
    is_doctor = user.role == User.Role.DOCTOR
    return render(
        request,
        "docport/today.html",
        {
            "today": today,
            "is_doctor": is_doctor,
            "sees_appointments": is_doctor
            or user.has_perm("registry.manage_appointments", user.doctor),
            "sees_schedule": is_doctor or user.has_perm("registry.manage_schedule", user.doctor),
            "undo": request.GET.get("undo", ""),
        },
    )


@require_safe
def setup(request: SignedInRequest) -> HttpResponse:
    doctor = doctor_of(request)
    tasks = checklist(facts_of(doctor, at=now()))
    return render(request, "docport/setup.html", {"checklist": tasks, "doctor": doctor})


@require_safe
def insurers(request: SignedInRequest) -> HttpResponse:
    doctor, at = doctor_of(request), now()
    standings = standings_of(doctor, insurers_for(doctor), at=at, language=request.user.language)
    syncs, local, read = syncs_of(doctor), local_to(doctor, at), last_reads(doctor)
    context = {
        "doctor": doctor,
        "standings": standings,
        "asking": [standing for standing in standings if standing.request],
        "others": [
            (standing, _in_step(standing, syncs, local), read.get(standing.provider.pk))
            for standing in standings
            if not standing.request
        ],
        "seeing": sum(standing.is_seeing for standing in standings),
    }
    return render(request, "docport/insurers.html", context)


def _in_step(
    standing: Standing, syncs: Mapping[UUID, ProviderDoctorSync], local: datetime
) -> InStep | None:
    provider = standing.provider
    return in_step(provider, syncs.get(provider.pk), local=local) if standing.is_seeing else None


@require_safe
def insurer(request: SignedInRequest, slug: str) -> HttpResponse:
    doctor, at = doctor_of(request), now()
    provider = get_object_or_404(insurers_for(doctor), slug=slug)
    standing = standing_with(doctor, provider, at=at, language=request.user.language)
    history = ConsentEvent.objects.between(doctor, provider).select_related("by")
    syncs = syncs_of(doctor) if standing.is_seeing else {}
    context = {
        "doctor": doctor,
        "standing": standing,
        "sync": _in_step(standing, syncs, local_to(doctor, at)),
        "last_read_at": last_reads(doctor).get(provider.pk),
        "erasure": erasure_of(standing.consent, at=at),
        "history": history.order_by("-at", "-id"),
    }
    return render(request, "docport/insurer_detail.html", context)


@require_POST
def insurer_send_again(request: SignedInRequest, slug: str) -> HttpResponse:
    mine = ProviderDoctorSync.objects.filter(doctor=doctor_of(request))
    sync = get_object_or_404(mine, insurance_provider__slug=slug)
    try:
        push.try_now(sync=sync, by=request.user, at=now())
    except push.NothingWaits as refusal:
        messages.info(request, str(refusal))
    else:
        messages.success(
            request, gettext("It is being sent again. This page shows what comes of it.")
        )
    return redirect("docport:insurer", slug)


@require_safe
def insurer_preview(request: SignedInRequest, slug: str) -> HttpResponse:
    doctor, at = doctor_of(request), now()
    provider = get_object_or_404(insurers_for(doctor), slug=slug)
    standing = standing_with(doctor, provider, at=at, language=request.user.language)
    in_force = standing.consent if standing.status == ConsentStatus.ACTIVE else None
    wanted = request.GET.getlist("classes") or (in_force.data_classes if in_force else [])
    chosen = [code for code in DataClass.values if code in {*wanted, DataClass.PROFILE}]
    context = {
        "standing": standing,
        "pieces": [(piece, piece.code in chosen) for piece in standing.notice.data_classes],
        "answers": preview(doctor, provider, in_force, chosen, at=at),
    }
    return render(request, "docport/preview.html", context)


@form_page
def profile_preview(request: SignedInRequest, section: str) -> HttpResponse:
    """Show the form of a section again, with what saving it would change."""
    doctor = doctor_of(request)
    if section not in SECTIONS:
        raise Http404
    if request.method != "POST":
        return redirect("registry:profile_edit", section)
    form = SECTIONS[section](request.POST, doctor=doctor)
    context = {
        "form": form,
        "doctor": doctor,
        "section": section,
        "checked_again": section in CHECKED_SECTIONS,
        "preview": _profile_preview(request, doctor, form) if form.is_valid() else None,
    }
    return page(request, "registry/profile_edit.html", context)


def _profile_preview(
    request: SignedInRequest, doctor: Doctor, form: SectionForm
) -> ProfilePreview | None:
    try:
        return preview_profile(doctor, form.cleaned_data, by=request.user, at=now())
    except actions.AlreadyTaken as refusal:
        form.add_error(refusal.field, str(refusal))
        return None


@require_safe
def why_insurer(request: SignedInRequest, slug: str) -> HttpResponse:
    doctor = doctor_of(request)
    provider = get_object_or_404(insurers_for(doctor), slug=slug)
    (why,) = why_not(doctor, [provider], at=now())
    return render(request, "docport/why_insurer.html", {"doctor": doctor, "why": why})


@require_safe
def why_doctor(request: HttpRequest, doctor_id: UUID) -> HttpResponse:
    """Show an admin, whom the admin site has let in, the same for every insurer."""
    doctor = get_object_or_404(Doctor, pk=doctor_id)
    whys = why_not(doctor, InsuranceProvider.objects.order_by("name"), at=now())
    context = {"title": "Who cannot see this doctor, and why", "doctor": doctor, "whys": whys}
    return render(request, "admin/docport/why.html", admin.site.each_context(request) | context)


@require_POST
def theme(request: SignedInRequest) -> HttpResponse:
    chosen = request.POST.get("theme", "")
    if chosen in User.Theme.values:
        actions.set_theme(user=request.user, theme=chosen, at=now())
    return _back(request)


@login_not_required
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Keep the language in the account, and in a cookie for when nobody is signed in."""
    chosen, answer = request.POST.get("language", ""), _back(request)
    if chosen not in User.UiLanguage.values:
        return answer
    if isinstance(request.user, User):
        actions.set_language(user=request.user, language=chosen, at=now())
    answer.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        chosen,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )
    return answer


def _back(request: HttpRequest) -> HttpResponse:
    """Lead back to the page that the form stands on."""
    page = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(page, allowed_hosts=None)
    return redirect(page if is_ours else "docport:home")
