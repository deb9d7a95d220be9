"""The whole of it, in brief: real processes that are really killed."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.site import CHECKOUT
from faults.names import IN_BRIEF


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
