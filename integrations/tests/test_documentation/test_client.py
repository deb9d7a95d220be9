"""The generated client: made from the document as the guide says, it does the main job."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.utils.timezone import now

from integrations.tests.test_documentation.documents import blocks, shell
from integrations.tests.test_documentation.live import make_insurers, tell
from scheduling.models import Appointment

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_generated_client_does_the_main_job(
    web: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insurer = make_insurers(at=now())[0]
    generate, job = blocks("clients", **{"https://docport.example": web})
    monkeypatch.chdir(tmp_path)
    # What this Python runs with, as in a reader's own environment; nothing is fetched for it.
    tools = str(Path(sys.executable).parent)
    values = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}", "DOCPORT_KEY": insurer.key}

    with shell(values | {"PIP_NO_INDEX": "1"}) as session:
        session.run(generate.code)
    done = subprocess.run(
        [sys.executable, "-c", job.code],
        env=values,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert f"I am {insurer.provider.name}" in done.stdout
    assert "Now CANCELLED" in done.stdout
    assert "consent.granted" in done.stdout
    tell(at=now())
    (made,) = Appointment.objects.filter(status="CANCELLED")
    assert f"Booked {made.pk}" in done.stdout
