from pathlib import Path

from django.conf import settings

from integrations.conformance import CHECKS

GUIDE: Path = settings.BASE_DIR / "docs" / "guides" / "going-live.md"


def test_the_guide_names_every_check_in_order() -> None:
    rows = [line for line in GUIDE.read_text().splitlines() if line.startswith("| `")]

    assert [row.split("`")[1] for row in rows] == [check.name for check in CHECKS]
