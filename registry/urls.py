from django.urls import path

from registry import views

app_name = "registry"
urlpatterns = [
    path("profile/", views.profile, name="profile"),
    path("profile/send/", views.profile_submit, name="submit"),
    path("profile/history/", views.profile_history, name="profile_history"),
    path("profile/<str:section>/", views.profile_edit, name="profile_edit"),
    path("places/add/", views.place_add, name="place_add"),
    path("places/<uuid:location_id>/", views.place_edit, name="place_edit"),
    path("credentials/", views.credential_list, name="credential_list"),
    path("credentials/add/", views.credential_add, name="credential_add"),
    path("credentials/<uuid:credential_id>/file/", views.credential_file, name="credential_file"),
]
