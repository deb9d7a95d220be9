from allauth.mfa.recovery_codes.views import view_recovery_codes
from allauth.mfa.totp.views import activate_totp
from csp.decorators import csp_update
from django.contrib import admin
from django.urls import include, path
from django.views.decorators.cache import never_cache

# The only page with an image of its own making: the QR code of a seed.
_with_qr_code = csp_update({"img-src": ["data:"]})

urlpatterns = [
    # First, as most requests are insurers'.
    path("api/", include("integrations.urls")),
    path("", include("docport.page_urls")),
    path("accounts/", include("allauth.account.urls")),
    path(
        "accounts/2fa/totp/activate/",
        never_cache(_with_qr_code(activate_totp)),
        name="mfa_activate_totp",
    ),
    path(
        "accounts/2fa/recovery-codes/",
        never_cache(view_recovery_codes),
        name="mfa_view_recovery_codes",
    ),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("admin/", admin.site.urls),
    path("", include("registry.urls")),
    path("", include("consent.urls")),
    path("", include("scheduling.urls")),
]
