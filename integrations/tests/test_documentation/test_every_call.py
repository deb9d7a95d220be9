"""Calls that a machine makes up from the OpenAPI document, against processes run in earnest."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.utils.timezone import now

from integrations.tests.test_documentation.live import Insurer, make_insurers
from integrations.tests.web import errors_in_the_log
from registry.models import AuditLog

pytestmark = pytest.mark.django_db(transaction=True)

FUZZ = Path(__file__).parent / "fuzz"
FEW = 10
# `FUZZ_EXAMPLES=500` looks for hours, before a release.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", FEW))
WITHIN_SECONDS = 180


def test_every_answer_to_every_call_is_as_described(web: str, tmp_path: Path) -> None:
    at = now()
    insurers = make_insurers(at=at)
    config = tmp_path / "schemathesis.toml"
    config.write_text((FUZZ / "schemathesis.toml").read_text() + _who_and_what(insurers, tmp_path))

    run = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"),
            *(f"{web}/api/v1/openapi.json", "--checks", "all", "--max-examples", str(EXAMPLES)),
        ],
        env=os.environ | {"SCHEMATHESIS_HOOKS": str(FUZZ / "hooks.py")},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=WITHIN_SECONDS if EXAMPLES == FEW else None,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert not errors_in_the_log()
    done = AuditLog.objects.filter(timestamp__gt=at).values_list("action", flat=True)
    # What it made up was good enough to change something.
    assert {"appointment.held", "appointment.cancelled"} <= set(done)


def _who_and_what(insurers: list[Insurer], folder: Path) -> str:
    names = ["first", "second"]
    people = [
        {
            "name": name,
            "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {insurer.key}"}],
        }
        for name, insurer in zip(names, insurers, strict=True)
    ]
    (folder / "keys.json").write_text(json.dumps({"auth": people}))
    first = insurers[0]
    own, place = first.doctors[1].pk, first.places[1].pk
    doctors = [str(one.pk) for insurer in insurers for one in insurer.doctors]
    booked = [str(one) for insurer in insurers for one in insurer.appointments]
    starts = [slot.starts_at.isoformat() for slot in first.free(at=now())]
    return f"""
[auth.wfc]
path = {json.dumps(str(folder / "keys.json"))}
user = "first"
peers = ["first", "second"]

[dictionaries]
all_doctors.values = {json.dumps(doctors)}
all_appointments.values = {json.dumps(booked)}
doctor.values = ["{own}"]
starts.values = {json.dumps(starts)}
addresses.values = ["http://127.0.0.1:9/first", "http://127.0.0.1:9/second"]
versions.values = ['"1"', "*"]
place.values = ["{place}"]

[parameters]
"path.doctor_id" = {{ dictionary = "all_doctors", probability = 0.7 }}
"path.appointment_id" = {{ dictionary = "all_appointments", probability = 0.5 }}
"query.doctor_id" = {{ dictionary = "all_doctors", probability = 0.7 }}
"header.If-Match" = {{ dictionary = "versions", probability = 0.9 }}
"body.doctor_id" = {{ dictionary = "doctor", probability = 0.9 }}
"body.location_id" = {{ dictionary = "place", probability = 0.9 }}
"body.url" = {{ dictionary = "addresses", probability = 1.0 }}
"body.start" = {{ dictionary = "starts", probability = 0.8 }}
"query.location_id" = {{ dictionary = "place", probability = 0.7 }}
"""
