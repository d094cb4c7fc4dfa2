"""The drawings of the concepts: up to date, in two colourings, and of all that they are about."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from devtools.drawings import never_twice, outcomes, pacing
from devtools.drawings.__main__ import DRAWINGS
from devtools.drawings.svg import FOLDER
from longcode.domain.campaign import ATT_PER_MINUTE, CampaignSettings
from longcode.domain.outcomes import Verdict
from longcode.domain.status import Status
from tests.support.fakes import ROOT


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_drawing_is_what_the_code_draws(name: str) -> None:
    assert (FOLDER / name).read_text() == DRAWINGS[name](), "Run `make docs`."


@pytest.mark.parametrize("name", DRAWINGS)
def test_each_colour_has_a_dark_form_and_all_is_said_in_words(name: str) -> None:
    text = (FOLDER / name).read_text()
    root = ElementTree.fromstring(text)
    light, dark = text.split("@media (prefers-color-scheme: dark)")
    coloured = set(re.findall(r"^ +([.\w]+) {[^}]*#", light, re.MULTILINE))

    assert {"page", "text"} <= {one.removeprefix(".") for one in coloured}
    assert coloured <= set(re.findall(r"^ +([.\w]+) {", dark, re.MULTILINE))
    used = {name for one in root.iter() for name in one.get("class", "").split()}
    assert used <= set(re.findall(r"\.(\w+) {", light))
    assert len(root.findtext("{http://www.w3.org/2000/svg}desc") or "") > 200


@pytest.mark.parametrize("name", DRAWINGS)
def test_nothing_is_drawn_outside_of_the_page(name: str) -> None:
    root = ElementTree.fromstring((FOLDER / name).read_text())
    width, height = (float(one) for one in root.attrib["viewBox"].split()[2:])

    for one in root.iter():
        x, y = float(one.get("x", one.get("cx", 0))), float(one.get("y", one.get("cy", 0)))
        assert 0 <= x <= x + float(one.get("width", 0)) <= width, one.attrib
        assert 0 <= y <= height, one.attrib


def test_the_drawing_of_outcomes_has_each_status_and_each_verdict() -> None:
    words = " ".join(ElementTree.fromstring(outcomes.drawing()).itertext())

    assert [one for one in Status if not re.search(rf"\b{one}\b", words)] == []
    assert [one for one in Verdict if not re.search(rf"\b{one}\b", words)] == []


def test_in_the_drawing_of_pacing_each_person_keeps_the_interval_and_att_its_limit() -> None:
    limit = ATT_PER_MINUTE[pacing.ATT_CLASS]
    free, limited = (
        pacing.departures(CampaignSettings()),
        pacing.departures(CampaignSettings(campaign_class=pacing.ATT_CLASS)),
    )
    to_att = sorted(at for person, times in limited.items() if person.carrier == "att" for at in times)

    for times in (*free.values(), *limited.values()):
        assert all(after - before >= pacing.INTERVAL_MS for before, after in pairwise(times))
    assert all(after - before >= 60_000 / limit for before, after in pairwise(to_att))
    assert [free[one] for one in free if one.carrier != "att"] == [
        limited[one] for one in limited if one.carrier != "att"
    ]
    assert sum(map(len, free.values())) == sum(map(len, limited.values())) == 7


def test_the_drawing_of_crashes_has_the_numbers_of_the_page_of_guarantees() -> None:
    page = (ROOT / "docs/guarantees.md").read_text()
    found, ends = never_twice.crashes(page), never_twice.totals(page)

    assert set(re.findall(r"^### (Killed .+)$", page, re.MULTILINE)) == set(found)
    assert {one.resolve for one in found.values()} == {"1"}
    assert all(one.once + one.never + one.twice == one.all for one in ends.values())
    assert (ends["key honoured"].never, ends["key honoured"].twice, ends["hold, key ignored"].twice) == (0, 0, 0)
