from django.urls import path

from consent import views

app_name = "consent"
urlpatterns = [
    path("insurers/", views.consent_list, name="list"),
    path("insurers/<slug:slug>/", views.consent_detail, name="detail"),
    path("insurers/<slug:slug>/give/", views.consent_give, name="give"),
    path("insurers/receipts/<uuid:event_id>/", views.consent_receipt, name="receipt"),
    path("insurers/receipts/<uuid:event_id>.json", views.consent_receipt_json, name="receipt_json"),
    path(".well-known/jwks.json", views.jwks, name="jwks"),
]
