from django.urls import path

from consent.views import giving, receipts, requests

app_name = "consent"
urlpatterns = [
    path("insurers/<slug:slug>/give/", giving.consent_give, name="give"),
    path("insurers/<slug:slug>/decline/", requests.request_decline, name="decline"),
    path("insurers/receipts/<uuid:event_id>/", receipts.consent_receipt, name="receipt"),
    path(
        "insurers/receipts/<uuid:event_id>.json",
        receipts.consent_receipt_json,
        name="receipt_json",
    ),
    path(".well-known/jwks.json", receipts.jwks, name="jwks"),
]
