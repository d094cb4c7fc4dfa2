"""The documents' links, and the table of where to change what, lead somewhere."""

import re
from pathlib import Path

import pytest

from tests.support.fakes import ROOT

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "bench").glob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
    )
)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ +(.+?)\s*$", text, re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading).lower()).replace(" ", "-") for heading in headings
    }


@pytest.mark.parametrize("name", PAGES)
def test_each_link_of_a_page_leads_to_a_file_and_a_heading(name: str) -> None:
    page = ROOT / name
    broken = []
    for target in LINK.findall(page.read_text()):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        if not found.exists() or (anchor and found.suffix == ".md" and anchor not in anchors(found)):
            broken.append(target)

    assert broken == []


def test_the_index_has_each_page() -> None:
    index = (ROOT / "docs/README.md").read_text()

    missing = [
        path.name for path in (ROOT / "docs").glob("*.md") if path.name != "README.md" and path.name not in index
    ]
    assert missing == []


def test_the_files_that_the_table_of_changes_names_exist() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    table = page[page.index("## Where do I change") :].split("\n## ")[0]
    rows = [row for row in table.splitlines() if row.startswith("| ") and not row.startswith(("| I want", "|---"))]
    package = "layers/longcode/python/longcode"
    named = {path.replace("…", package) for row in rows for path in re.findall(r"`([…\w./-]+\.\w+)`", row)}

    assert len(rows) >= 10
    assert len(named) >= len(rows)
    assert [path for path in sorted(named) if not (ROOT / path).is_file()] == []
