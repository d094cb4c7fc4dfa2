"""The documents' links, and the table of where to change what, lead somewhere."""

import re
from pathlib import Path

import pytest

from longcode.domain.campaign import (
    ATT_PER_MINUTE,
    T_MOBILE_PER_DAY,
    CampaignFacts,
    CampaignSettings,
    departures,
    limits,
)
from longcode.domain.carriers import Carrier
from tests.support.fakes import ROOT

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "bench").glob("*.md"),
        *(ROOT / "events").glob("*.md"),
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

    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    missing = [
        name
        for name in pages
        if name != "README.md" and not name.startswith("decisions/") and f"]({name})" not in index
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


def rows(page: str, header: str) -> list[list[str]]:
    """The cells of the table that begins with this header."""
    table = (ROOT / page).read_text().partition(header)[2].partition("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]


def in_words(seconds: int) -> str:
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"


def test_the_page_on_10dlc_says_how_long_texts_take_by_each_class_of_att() -> None:
    found = rows("docs/10dlc.md", "| AT&T's class |")

    assert len(found) == 5
    for name, per_minute, takes in found:
        limit = ATT_PER_MINUTE[name[0]]
        seconds = -(-departures([1] * 1_000, limit).offsets_ms[-1] // 1_000)
        assert (per_minute, takes) == (f"{limit:,}", in_words(seconds))


def test_the_page_on_10dlc_says_what_is_used_of_each_tier_of_t_mobile() -> None:
    found = rows("docs/10dlc.md", "| T-Mobile's tier |")

    assert len(found) == 5
    for name, per_day, used in found:
        tier = name.lower().replace(" ", "_")
        holds = limits(CampaignSettings(), CampaignFacts(0, t_mobile_tier=tier)).per_day[Carrier.T_MOBILE]
        assert (per_day, used) == (f"{T_MOBILE_PER_DAY[tier]:,}", f"{holds:,}")
