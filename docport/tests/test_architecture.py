"""What no single review sees: the house style's rules about the site as a whole."""

import ast
import re
from collections.abc import Iterator
from http import HTTPStatus
from io import StringIO
from pathlib import Path
from uuid import UUID

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, models
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

from registry.models import User

CHECKOUT = Path(__file__).resolve().parents[2]
# From the bottom up: a package may link to and import what stands before it.
LAYERS = ["registry", "consent", "scheduling", "integrations", "docport"]
OURS = [model for label in LAYERS for model in apps.get_app_config(label).get_models()]
SOURCES = sorted(
    path
    for label in LAYERS
    for path in (CHECKOUT / label).rglob("*.py")
    if not {"tests", "migrations"} & set(path.parts)
)
PAGES = sorted((CHECKOUT / "templates").rglob("*.html"))
MOST_LINES = {"module": 400, "template": 150}

ID = UUID("0e3b8a52-6a5c-4a5e-8f6e-6e1c7c1f0001")
# Something for every kind of variable part of a path; the first that fits is taken.
SAMPLES = [str(ID), "2026-11-23", "nila", "1"]
# Patterns of libraries that are regular expressions, each with a path that it takes.
REGEX_SAMPLES = {
    r"^confirm-email/(?P<key>[-:\w]+)/$": "confirm-email/abc/",
    r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": "password/reset/key/1-abc/",
    r"(?P<url>.*)$": "nothing-here/",
    r"^(?!docs)": "nothing-here",
}
# What people need before they have signed in, what machines ask, and what proves a receipt.
OPEN_TO_STRANGERS = {
    "docport:home": "says what DocPort is",
    "docport:healthz": "for the machine that watches the process",
    "docport:readyz": "for the machine that watches the site",
    "docport:metrics": "for the machine that watches the site and shows its token",
    "consent:jwks": "proves receipts offline",
    "docport:language": "a stranger chooses the language of the pages",
    "integrations:docs": "the public reference",
    "integrations:guide": "the public reference",
    "integrations:try": "the public reference",
    "integrations:openapi": "the public reference",
    "integrations:token": "a client shows its secret or an assertion there",
    "integrations:unknown": "says 404 as the API does",
    "account_login": "",
    "mfa_authenticate": "leads back to the sign-in, unless the password was shown",
    "account_logout": "shows nothing, and is harmless",
    "account_confirm_login_code": "leads back to the sign-in; codes are not used",
    "account_signup": "",
    "account_inactive": "",
    "account_email_verification_sent": "",
    "account_confirm_email": "from a mail",
    "account_reset_password": "",
    "account_reset_password_done": "",
    "account_reset_password_from_key": "from a mail",
    "account_reset_password_from_key_done": "",
    "admin:login": "",
}
# Rows that are only ever added, and counters: one time of their own says all.
WITHOUT_BOTH_TIMES = {
    "doctor_revisions": "append-only, changed_at",
    "audit_logs": "append-only, timestamp",
    "audit_seals": "append-only, sealed_at",
    "outbox_events": "created_at, then sequenced_at",
    "consent_events": "append-only, at",
    "feed_heads": "a counter",
    "open_days": "made from other rows",
    "open_day_heads": "made from other rows",
    "feed_entries": "append-only, created_at",
    "webhook_attempts": "append-only, started_at",
    "idempotency_records": "append-only, created_at",
    "spent_assertions": "append-only, created_at",
    "webhook_leases": "gone once the send has ended; until",
    "accesses": "only grow, first_at and last_at",
}
# The schema of the design names this time so.
TIME_OF_WHO = {"audit_logs.performed_by": "timestamp", "consent_events.by": "at"}
# Table by table of the design: what the database itself holds true.
HELD_BY_THE_DATABASE = {
    "users": {"user_email_once", "user_role_known", "user_role_matches_link"},
    "doctors": {
        "doctor_email_once", "doctors_phone_key", "doctors_registration_number_key",
        "doctor_phone_is_e164", "doctor_registration_canonical", "doctor_hpr_id_is_14_digits",
        "doctor_status_known", "doctor_active_is_complete",
    },
    "doctor_revisions": {
        "revision_version_once", "doctor_revisions_append_only", "doctor_revisions_no_truncate",
    },
    "doctor_credentials": {
        "credential_verified_is_its_status", "credential_verified_pair",
        "credential_verified_at_a_time", "credential_file_or_url", "credential_status_known",
    },
    "doctor_locations": {"location_pin_is_6_digits", "location_point_pair", "location_state_known"},
    "insurance_providers": {
        "insurance_providers_slug_key", "provider_status_known",
        "provider_live_after_pass_or_reason",
    },
    "conformance_runs": {
        "conformance_status_known", "conformance_finished_at", "conformance_one_at_a_time",
    },
    "audit_logs": {"audit_logs_append_only", "audit_logs_no_truncate", "audit_one_actor"},
    "outbox_events": {"outbox_event_once", "outbox_unsequenced"},
    "doctor_insurance_consent": {
        "consent_once_per_pair", "consent_status_known", "consent_revoked_at_its_time",
        "consent_expires_after_grant", "consent_data_classes_known",
    },
    "consent_requests": {
        "consent_request_one_at_a_time", "consent_request_number_is_canonical",
        "consent_request_answered_at", "consent_request_asks_who",
    },
    "consent_mails": {"consent_mail_reminds_once", "consent_mail_tells_of_a_request"},
    "consent_events": {
        "consent_events_append_only", "consent_events_no_truncate", "consent_event_is_signed",
        "consent_event_declines_a_request",
    },
    "doctor_availability": {
        "availability_windows_apart", "availability_slot_5_to_240_minutes",
        "availability_ends_after_start",
    },
    "availability_exceptions": {"exception_starts_before_ends", "exception_kind_known"},
    "appointments": {
        "appointment_lane_once", "appointment_at_one_place", "appointment_external_id_once",
        "appointment_lane_below_capacity",
        "appointment_ends_after_start", "appointment_status_known", "appointment_cancelled_at",
    },
    "open_days": {
        "open_day_by_city", "open_day_by_specialization", "open_day_begins_before_its_last",
    },
    "open_day_heads": {"open_day_head_covers_days"},
    "provider_doctor_sync": {"sync_once_per_pair", "sync_status_known"},
    "feed_entries": {"feed_seq_once", "feed_event_once"},
    "webhook_endpoints": {
        "endpoint_status_known", "endpoint_verified_before_events",
        "endpoint_pending_until_verified", "endpoint_disabled_at", "endpoint_deleted_at",
    },
    "webhook_deliveries": {
        "delivery_once_per_endpoint", "delivery_status_known", "delivery_of_an_event_or_our_own",
        "delivery_delivered_at", "delivery_by_time", "delivery_given_up",
    },
    "webhook_attempts": {"attempt_by_delivery"},
    "api_keys": {"api_keys_sha256_key", "api_key_is_hashed", "api_key_has_scopes"},
    "api_clients": {"api_clients_oauth_id_key", "api_client_keys_from_one_place"},
    "spent_assertions": {"assertion_spent_once"},
    "accesses": {"access_once_an_hour", "accesses_only_grow", "accesses_no_truncate"},
    "idempotency_records": {"idempotency_key_once", "idempotency_keeps_final_answers"},
}  # fmt: skip


def links() -> Iterator["models.ForeignKey[models.Model, models.Model]"]:
    for model in OURS:
        for field in model._meta.local_fields:
            if isinstance(field, models.ForeignKey):
                yield field


def place(field: "models.ForeignKey[models.Model, models.Model]") -> str:
    return f"{field.model._meta.db_table}.{field.name}"


def test_links_point_down_and_leave_no_trace() -> None:
    for field in links():
        target = field.related_model
        own, other = field.model._meta.app_label, target._meta.app_label

        is_ours = other in LAYERS
        assert not is_ours or LAYERS.index(other) <= LAYERS.index(own), f"{place(field)} points up"
        assert field.remote_field.related_name == "+", f"{place(field)} leads back up"


def test_each_who_has_its_when() -> None:
    for field in links():
        if field.related_model is User and (field.name.endswith("_by") or field.name == "by"):
            when = TIME_OF_WHO.get(place(field), f"{field.name.removesuffix('_by')}_at")
            names = {other.name for other in field.model._meta.local_fields}

            assert when in names, f"{place(field)} has no {when}"


def test_rows_know_when_they_came_and_last_changed() -> None:
    lacking = {
        model._meta.db_table
        for model in OURS
        if not {"created_at", "updated_at"} <= {field.name for field in model._meta.local_fields}
    }

    assert lacking == set(WITHOUT_BOTH_TIMES)


@pytest.mark.django_db
def test_migrations_are_complete() -> None:
    said = StringIO()

    call_command("makemigrations", dry_run=True, stdout=said)

    assert said.getvalue() == "No changes detected\n"


@pytest.mark.django_db
def test_every_link_can_be_followed_back_quickly() -> None:
    tables = [model._meta.db_table for model in OURS]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT link.conrelid::regclass::text || '.' || link.conname
            FROM pg_constraint AS link
            WHERE link.contype = 'f' AND link.conrelid::regclass::text = ANY(%s) AND NOT EXISTS (
                SELECT FROM pg_index
                WHERE indrelid = link.conrelid AND indkey[0] = link.conkey[1] AND indpred IS NULL
            )
            """,
            [tables],
        )

        assert cursor.fetchall() == [], "without an index"


@pytest.mark.django_db
@pytest.mark.parametrize("table", HELD_BY_THE_DATABASE)
def test_the_database_holds_what_the_design_says(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT conname FROM pg_constraint WHERE conrelid = %(table)s::regclass
            UNION SELECT indexname FROM pg_indexes WHERE tablename = %(table)s
            UNION SELECT tgname FROM pg_trigger WHERE tgrelid = %(table)s::regclass
            """,
            {"table": table},
        )
        held = {row[0] for row in cursor.fetchall()}

    assert HELD_BY_THE_DATABASE[table] <= held


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return {name.partition(".")[0] for name in found}


def test_only_the_guarded_transport_speaks_http_to_others() -> None:
    speakers = {
        str(path.relative_to(CHECKOUT))
        for path in SOURCES
        if {"requests", "httpx", "aiohttp", "urllib3"} & imports(path)
        and "mock_insurer" not in path.parts
    }

    assert speakers == {"integrations/outgoing/transport.py"}


def test_modules_and_templates_stay_small() -> None:
    limits = dict.fromkeys(SOURCES, MOST_LINES["module"])
    limits |= dict.fromkeys(PAGES, MOST_LINES["template"])

    assert [
        str(path.relative_to(CHECKOUT))
        for path, most in limits.items()
        if len(path.read_text(encoding="utf-8").splitlines()) > most
    ] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_templates_have_no_inline_script_or_style(path: Path) -> None:
    text = re.sub(r"{#.*?#}|{% comment .*?endcomment %}", "", path.read_text(), flags=re.DOTALL)

    assert not re.search(r"<style\b|\sstyle\s*=", text), "style belongs in static/css"
    assert not re.search(r"\son[a-z]+\s*=", text), "handlers belong in static/js"
    for script in re.findall(r"<script\b[^>]*>", text):
        assert " src=" in script, "script belongs in static/js"


def routes(resolver: URLResolver, prefix: str = "", names: str = "") -> Iterator[tuple[str, str]]:
    """Give the name and a sample path of every route of the site."""
    for entry in resolver.url_patterns:
        path = prefix + sample(entry)
        if isinstance(entry, URLResolver):
            inside = f"{names}{entry.namespace}:" if entry.namespace else names
            yield from routes(entry, path, inside)
        else:
            yield f"{names}{entry.name}", path


def sample(entry: URLPattern | URLResolver) -> str:
    pattern = entry.pattern
    if isinstance(pattern, RoutePattern):
        template = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern))
        parts = {name: fitting(kind.regex) for name, kind in pattern.converters.items()}
        return template.format(**parts)
    if str(pattern).startswith("^(?P<app_label>"):
        # The admin's list of apps, which grows with them.
        return "registry/"
    return REGEX_SAMPLES[str(pattern)]


def fitting(regex: str) -> str:
    return next(text for text in SAMPLES if re.fullmatch(regex, text))


ROUTES = sorted(set(routes(get_resolver())))


def test_the_samples_reach_every_route() -> None:
    reached = [get_resolver().resolve(f"/{path}") for _, path in ROUTES]

    assert len(ROUTES) > 50
    assert {match.view_name for match in reached} >= OPEN_TO_STRANGERS.keys()


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "path"), ROUTES)
@pytest.mark.parametrize("method", ["get", "post"])
def test_strangers_reach_no_route(client: Client, name: str, path: str, method: str) -> None:
    response = getattr(client, method)(f"/{path}")

    if name in OPEN_TO_STRANGERS:
        assert response.status_code != HTTPStatus.INTERNAL_SERVER_ERROR
    elif response.status_code == HTTPStatus.FOUND:
        assert re.match(r"/(accounts|admin)/login/\?next=", response["Location"])
    else:
        assert response.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
