"""Read the environment once; a missing value stops the start and is named.

In development the checkout's private PostgreSQL, Redis and generated secrets fill what the
environment lacks. Production takes nothing for granted: see `docs/running.md`.
"""

import json
import os
import tomllib
from pathlib import Path
from typing import Any

from environs import FileAwareEnv
from whitenoise.compress import Compressor

from docport import embedded

BASE_DIR = Path(__file__).resolve().parent.parent

# `FIELD_KEYS_FILE=/run/secrets/field_keys` is read for FIELD_KEYS, and so for every name.
env = FileAwareEnv(strip_whitespace=True)
ENVIRONMENT = env.str("DOCPORT_ENV", "development")
PRODUCTION = ENVIRONMENT == "production"
if not PRODUCTION:
    for name, value in embedded.development_environment().items():
        os.environ.setdefault(name, value)

PROJECT = tomllib.loads((BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DOCPORT_VERSION: str = PROJECT["version"]
VAR_DIR = env.path("DOCPORT_VAR", BASE_DIR / "var")
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY")
FIELD_KEYS: list[str] = env.list("FIELD_KEYS")
RECEIPT_KEYS = json.loads(env.str("RECEIPT_KEYS"))
PORT = env.int("PORT", 8000)
# Opens /metrics to a Prometheus; without one, nobody sees that there is such a page.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")

if PRODUCTION:
    if DEBUG:
        raise SystemExit("DEBUG must not be on in production: remove it from the environment.")
    BASE_URL = env.str("BASE_URL").rstrip("/")
    ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
    DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL")
    email = env.dj_email_url("EMAIL_URL")
else:
    BASE_URL = env.str("BASE_URL", f"http://127.0.0.1:{PORT}").rstrip("/")
    ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
    DEFAULT_FROM_EMAIL = "DocPort <docport@localhost>"
    email = env.dj_email_url("EMAIL_URL", "console:")
EMAIL_BACKEND = email["EMAIL_BACKEND"]
EMAIL_HOST = email["EMAIL_HOST"]
EMAIL_PORT = email["EMAIL_PORT"]
EMAIL_HOST_USER = email["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = email["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS = email["EMAIL_USE_TLS"]
EMAIL_USE_SSL = email["EMAIL_USE_SSL"]
# A worker waits no longer for the mail server; what it could not send is tried again.
EMAIL_TIMEOUT = 10
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# How many proxies of ours add to X-Forwarded-For. What stands before them anybody can write.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", 0)

# A sandbox holds synthetic doctors and insurers' test keys; nothing in it is real.
SANDBOX = env.bool("SANDBOX", default=not PRODUCTION)
# Plain http to this machine, for the mock insurers. Production never sends there.
LOOPBACK_TARGETS = not PRODUCTION
# Ports besides 443 where insurers may listen.
OUTGOING_PORTS = env.list("OUTGOING_PORTS", [], subcast=int)

INSTALLED_APPS = [
    "docport.apps.DocportConfig",
    "integrations",
    "scheduling",
    "consent",
    "registry",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.idp.oidc",
    "guardian",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "heroicons",
    "csp",
    "django.forms",
    "registry.apps.AdminSiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "registry.http.RequestContextMiddleware",
    "docport.middleware.ApiProblemMiddleware",
    "docport.compression.PageCompressionMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "docport.middleware.LanguageMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "docport.middleware.InvalidFormMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "registry.http.BodyLimitMiddleware",
]

ROOT_URLCONF = "docport.urls"
WSGI_APPLICATION = "docport.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
FORM_RENDERER = "registry.forms.FormRenderer"

DATABASES = {"default": env.dj_db_url("DATABASE_URL")}
_given_options = DATABASES["default"].get("OPTIONS", {})
DATABASES["default"]["OPTIONS"] = {
    **_given_options,
    "pool": {"min_size": 1, "max_size": env.int("DATABASE_POOL_SIZE", 8), "timeout": 10},
    "application_name": "docport",
    # For `registry.statements` alone, which are few and planned well without their values.
    "prepare_threshold": 5,
    # Rows are found by an index as fast as side by side: on disks without moving parts, or cached.
    "options": f"{_given_options.get('options', '')} -c plan_cache_mode=force_generic_plan "
    "-c random_page_cost=1.1".strip(),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL")
_REDIS: dict[str, Any] = {
    "LOCATION": REDIS_URL,
    "KEY_PREFIX": "docport",
    "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
}
CACHES = {
    "default": _REDIS | {"BACKEND": "docport.cache.RedisOrMemoryCache"},
    # What only counts when every process sees it, such as the worker's heartbeat.
    "shared": _REDIS | {"BACKEND": "django.core.cache.backends.redis.RedisCache"},
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"

# Celery wants its own spelling of a Unix socket.
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
# A wake-up that finds no broker is dropped at once: the sweep looks anyway.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
    "max_retries": 0,
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

AUTH_USER_MODEL = "registry.User"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    # Of the secrets that insurers' clients are given; never of what people choose.
    "integrations.hashers.RandomSecretHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AUTHENTICATION_BACKENDS = [
    "allauth.account.auth_backends.AuthenticationBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None
GUARDIAN_RAISE_403 = False

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "docport:home"
ACCOUNT_ADAPTER = "registry.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "add_email": "docport.forms.AddEmailForm",
    "change_password": "docport.forms.ChangePasswordForm",
    "login": "docport.forms.LoginForm",
    "reauthenticate": "docport.forms.ReauthenticateForm",
    "reset_password": "docport.forms.ResetPasswordForm",
    "reset_password_from_key": "docport.forms.ResetPasswordKeyForm",
    "set_password": "docport.forms.SetPasswordForm",
    "signup": "docport.forms.SignupForm",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# In production nobody learns from the sign-up page who has an account, which needs a confirmed
# address before the first sign-in. In development a new doctor lands on the checklist at once.
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if PRODUCTION else "optional"
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = False
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SIGNUP_REDIRECT_URL = "docport:setup"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if PRODUCTION else "http"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""

MFA_ADAPTER = "registry.adapters.SecondStepAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "DocPort"
# A used code is remembered for one period; with more tolerance it would be good a second time.
MFA_TOTP_TOLERANCE = 0
MFA_FORMS = {
    "activate_totp": "docport.forms.ActivateTOTPForm",
    "authenticate": "docport.forms.AuthenticateForm",
    "reauthenticate": "docport.forms.ReauthenticateByCodeForm",
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["integrations.api.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["integrations.api.limits.CallLimit"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["integrations.api.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "integrations.api.problems.problem_response",
    "UNAUTHENTICATED_USER": None,
    "DATETIME_FORMAT": "iso-8601",
}
# How often each key may call, and each address that shows none; an insurer may have its own hour.
CALLS_PER_SECOND = env.int("CALLS_PER_SECOND", 50)
CALLS_PER_HOUR = env.int("CALLS_PER_HOUR", 20_000)
CALLS_PER_MINUTE_WITHOUT_KEY = env.int("CALLS_PER_MINUTE_WITHOUT_KEY", 600)
# Every so many seconds each process writes down which doctors insurers were shown.
ACCESSES_WRITTEN_EVERY = env.float("ACCESSES_WRITTEN_EVERY", 1.0)
# While Redis is down, each of so many web processes counts its share by itself.
WEB_PROCESSES = env.int("WEB_PROCESSES", env.int("WEB_CONCURRENCY", 2))
SPECTACULAR_SETTINGS = {
    "TITLE": "DocPort insurers' API",
    "DESCRIPTION": "Doctors who opted in to you, their free times, and bookings. Version 1.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SORT_OPERATION_PARAMETERS": False,
    "SERVERS": [{"url": BASE_URL}],
    "ENUM_SUFFIX": "",
    "ENUM_NAME_OVERRIDES": {
        "AppointmentStatus": "integrations.api.shapes.BOOKED",
        "DataClass": "consent.models.DataClass",
        "Language": "registry.reference.Language",
        "Mode": "scheduling.models.Mode",
        "KeyMode": "integrations.api.shapes.KEY_MODES",
        "CancelReason": "scheduling.models.AppointmentCancelReason",
        "SlotReason": "integrations.api.shapes.REASONS",
        "Scope": "integrations.models.Scope",
        "ProblemCode": "integrations.api.shapes.PROBLEM_CODES",
        "EventType": "integrations.api.shapes.EVENT_TYPES",
        "MessageType": "integrations.api.shapes.webhooks.MESSAGES",
        "EndpointStatus": "integrations.api.shapes.webhooks.ENDPOINT_STATUSES",
        "EndpointSwitch": "integrations.api.shapes.webhooks.SWITCH",
        "DeliveryStatus": "integrations.api.shapes.webhooks.DELIVERY_STATUSES",
        "TokenError": "integrations.api.shapes.TOKEN_ERRORS",
    },
}

LANGUAGE_CODE = "en"
# Those of `registry.models.User.UiLanguage`.
LANGUAGES = [("en", "English"), ("hi", "हिन्दी")]
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SECURE = PRODUCTION
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
LOCALE_PATHS = [BASE_DIR / "locale"]

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env.path("STATIC_ROOT", VAR_DIR / "static")
MEDIA_ROOT = env.path("MEDIA_ROOT", VAR_DIR / "media")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "docport.static_files.StaticFilesStorage"},
}
# Source maps are two thirds of all static bytes, and no page asks for them.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
CERTIFICATE_MAX_BYTES = 10 * 1024 * 1024

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "manifest-src": ["'self'"],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [BASE_URL]
if PRODUCTION:
    SECURE_SSL_REDIRECT = True
    # An API never redirects http to https, and health checks come from inside.
    SECURE_REDIRECT_EXEMPT = [r"^api/(?!docs/)", r"^healthz$", r"^readyz$", r"^metrics$"]
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

LOG_JSON = env.bool("LOG_JSON", default=PRODUCTION)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"structlog": {"()": "docport.logs.formatter", "as_json": LOG_JSON}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "structlog"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "celery": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "django.server": {"level": "WARNING"},
    },
}
