from django.contrib import admin
from django.urls import path

from docport import access_pages, activity_pages, health, metrics, views

app_name = "docport"
urlpatterns = [
    path("", views.home, name="home"),
    path("setup/", views.setup, name="setup"),
    path("insurers/", views.insurers, name="insurers"),
    path("insurers/<slug:slug>/", views.insurer, name="insurer"),
    path("insurers/<slug:slug>/preview/", views.insurer_preview, name="preview"),
    path("insurers/<slug:slug>/why/", views.why_insurer, name="why_insurer"),
    path("insurers/<slug:slug>/again/", views.insurer_send_again, name="send_again"),
    path(
        "admin/why/<uuid:doctor_id>/",
        admin.site.admin_view(views.why_doctor),
        name="why_doctor",
    ),
    path("profile/<str:section>/preview/", views.profile_preview, name="profile_preview"),
    path("access/", access_pages.access_list, name="access"),
    path("access.csv", access_pages.access_csv, name="access_csv"),
    path("activity/", activity_pages.activity_list, name="activity"),
    path("activity.csv", activity_pages.activity_csv, name="activity_csv"),
    path("language/", views.language, name="language"),
    path("theme/", views.theme, name="theme"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
]
