from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    # First, as most requests are insurers'.
    path("api/", include("integrations.urls")),
    path("", include("docport.page_urls")),
    path("accounts/", include("allauth.account.urls")),
    path("admin/", admin.site.urls),
    path("", include("registry.urls")),
    path("", include("consent.urls")),
    path("", include("scheduling.urls")),
]
