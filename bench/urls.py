from django.urls import include, path

from bench.floor import Floor

urlpatterns = [
    path("bench/floor/<uuid:doctor_id>", Floor.as_view()),
    path("", include("docport.urls")),
]
