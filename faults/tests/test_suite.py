"""The faults themselves, in brief: real processes that are really killed."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.site import CHECKOUT
from faults import names, suite
from faults.checker import judge
from faults.finding import Finding, table
from faults.names import IN_BRIEF
from faults.tests.histories import good_history, wrote


def test_every_fault_has_a_name_and_every_name_a_fault() -> None:
    assert [*names.FAULTS, IN_BRIEF] == list(suite.FAULTS)


def test_a_finding_is_as_good_as_its_verdict_and_what_else_must_hold() -> None:
    good = judge(good_history([wrote("asha", 1)]))
    lost = judge(good_history([wrote("asha", 1)])[:-1])

    findings = [
        Finding.of("none", "nothing lost", good, "0.1 s"),
        Finding.of("none", "at once", good, held=False),
        Finding.of("none", "nothing lost", lost),
    ]

    assert [finding.verdict for finding in findings] == ["passed", "FAILED", "FAILED"]
    assert findings[0].measured.endswith("leaked 0; 0.1 s")
    assert findings[2].details == (
        "endpoint of zen never heard doctor.updated doctor/asha version 1",
    )
    assert table(findings).count("FAILED") == 2


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the processes to kill in /proc")
def test_what_breaks_in_brief_loses_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "faults", "--only", IN_BRIEF, "--keep", str(tmp_path)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed: a worker, the beat and PostgreSQL killed" in done.stdout
