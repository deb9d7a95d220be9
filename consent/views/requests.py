from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.timezone import now
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from consent import actions
from consent.models import ConsentRequest, insurers_for
from registry.http import SignedInRequest, doctor_of


@require_POST
def request_decline(request: SignedInRequest, slug: str) -> HttpResponse:
    doctor, at = doctor_of(request), now()
    provider = get_object_or_404(insurers_for(doctor), slug=slug)
    asked = ConsentRequest.objects.put_to(doctor, at=at).filter(insurance_provider=provider)
    try:
        event = actions.decline(request=asked.get(), doctor=doctor, by=request.user, at=at)
    except (ConsentRequest.DoesNotExist, actions.NotAsked):
        messages.info(request, actions.NotAsked.text)
        return redirect("docport:insurer", slug)
    messages.success(
        request,
        gettext("You said no. %(name)s is not told. This is your receipt.")
        % {"name": provider.name},
    )
    return redirect("consent:receipt", event.pk)
