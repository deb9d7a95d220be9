from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from registry.http import SignedInRequest


@login_not_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "docport/welcome.html")


@require_safe
def setup(request: SignedInRequest) -> HttpResponse:
    return render(request, "docport/setup.html")
