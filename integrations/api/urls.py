from django.urls import path

from integrations.api.views.account import Me
from integrations.api.views.appointments import Appointments, CancelAppointment, OneAppointment
from integrations.api.views.consents import Consents, Erasure, OneConsent
from integrations.api.views.deliveries import Deliveries, OneDelivery, ResendOne, ResendRange
from integrations.api.views.doctors import (
    Credentials,
    DoctorAvailability,
    Doctors,
    OneDoctor,
    Slots,
)
from integrations.api.views.endpoints import Endpoints, OneEndpoint, RotateSecret, SendTest
from integrations.api.views.events import Events
from integrations.api.views.holds import Holds, OneHold, RenewHold
from integrations.api.views.schema import Schema
from integrations.api.views.search import Search
from integrations.api.views.tokens import AccessTokens

# An id that is no UUID must be the same 404 as one that names nothing, so it is read by the view.
urlpatterns = [
    path("me", Me.as_view(), name="me"),
    path("doctors", Doctors.as_view(), name="doctors"),
    path("doctors/<str:doctor_id>", OneDoctor.as_view(), name="doctor"),
    path("doctors/<str:doctor_id>/credentials", Credentials.as_view(), name="credentials"),
    path("doctors/<str:doctor_id>/availability", DoctorAvailability.as_view(), name="availability"),
    path("doctors/<str:doctor_id>/slots", Slots.as_view(), name="slots"),
    path("slots", Search.as_view(), name="search"),
    path("holds", Holds.as_view(), name="holds"),
    path("holds/<str:hold_id>", OneHold.as_view(), name="hold"),
    path("holds/<str:hold_id>/renew", RenewHold.as_view(), name="hold_renew"),
    path("appointments", Appointments.as_view(), name="appointments"),
    path("appointments/<str:appointment_id>", OneAppointment.as_view(), name="appointment"),
    path(
        "appointments/<str:appointment_id>/cancel",
        CancelAppointment.as_view(),
        name="appointment_cancel",
    ),
    path("consents", Consents.as_view(), name="consents"),
    path("consents/<str:consent_id>", OneConsent.as_view(), name="consent"),
    path("consents/<str:consent_id>/erasure", Erasure.as_view(), name="consent_erasure"),
    path("events", Events.as_view(), name="events"),
    path("webhook-endpoints", Endpoints.as_view(), name="endpoints"),
    path("webhook-endpoints/<str:endpoint_id>", OneEndpoint.as_view(), name="endpoint"),
    path(
        "webhook-endpoints/<str:endpoint_id>/rotate-secret",
        RotateSecret.as_view(),
        name="endpoint_rotate_secret",
    ),
    path("webhook-endpoints/<str:endpoint_id>/test", SendTest.as_view(), name="endpoint_test"),
    path("deliveries", Deliveries.as_view(), name="deliveries"),
    path("deliveries/resend", ResendRange.as_view(), name="deliveries_resend"),
    path("deliveries/<str:delivery_id>", OneDelivery.as_view(), name="delivery"),
    path("deliveries/<str:delivery_id>/resend", ResendOne.as_view(), name="delivery_resend"),
    path("oauth/token", AccessTokens.as_view(), name="token"),
    path("openapi.json", Schema.as_view(), name="openapi"),
]
