"""The site, built once for all tests of this folder."""

from pathlib import Path

import pytest

from devtools.site import build
from tests.site.html import Page, read


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the site was built. Four seconds: the generator reads 95 pages."""
    return build.build(tmp_path_factory.mktemp("site") / "site")


@pytest.fixture(scope="session")
def html(site: Path) -> dict[str, Page]:
    """Each page of the built site, by its path."""
    return {path.relative_to(site).as_posix(): read(path) for path in sorted(site.rglob("*.html"))}
