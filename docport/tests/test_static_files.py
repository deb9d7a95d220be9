from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from pytest_django import Settings

from docport.static_files import StaticFilesStorage

STYLES = "body { color: inherit; }\n" * 200


def _kept(folder: Path) -> set[str]:
    storage = StaticFilesStorage(location=folder, base_url="/static/")
    storage.save("page.css", ContentFile(STYLES))
    for outcome in storage.post_process({"page.css": (storage, "page.css")}):
        assert not isinstance(outcome[2], Exception)
    return {path.suffix for path in folder.iterdir()}


@pytest.mark.parametrize(("production", "brotli"), [(True, True), (False, False)])
def test_brotli_is_made_for_production_only(
    settings: Settings, tmp_path: Path, *, production: bool, brotli: bool
) -> None:
    settings.PRODUCTION = production

    suffixes = _kept(tmp_path)

    assert ".gz" in suffixes
    assert (".br" in suffixes) is brotli
