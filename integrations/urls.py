from django.urls import include, path, re_path

from integrations.api.views import docs
from integrations.api.views.account import UnknownPath

app_name = "integrations"
urlpatterns = [
    path("v1/", include("integrations.api.urls")),
    path("docs/", docs.reference, name="docs"),
    path("docs/try/", docs.try_out, name="try"),
    path("docs/guides/<slug:slug>/", docs.guide, name="guide"),
    # The last: everything else under /api/ is the API's own 404, never a page or a redirect.
    re_path(r"^(?!docs)", UnknownPath.as_view(), name="unknown"),
]
