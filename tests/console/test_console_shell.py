"""What all pages of the console have in common: who may call it, and what they may load."""

import re
from pathlib import Path

import pytest

from devtools.console.app import STATIC
from devtools.console.security import POLICY
from tests.console.conftest import ADDRESS, Pages

SCRIPTS = sorted(STATIC.rglob("*.js"))
MARKUP = [*sorted(STATIC.parent.rglob("templates/*.html")), *SCRIPTS]


@pytest.mark.parametrize("path", ["/", "/reference", "/static/shell.js", "/nothing"])
def test_every_answer_says_what_a_page_may_load(console: Pages, path: str) -> None:
    headers = console.get(path).headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_it_answers_to_the_names_of_this_machine_only(console: Pages) -> None:
    assert [
        console.get("/", headers={"host": host}).status_code for host in ("127.0.0.1:8080", "localhost:1")
    ] == [200, 200]
    for host in (
        "console.example",
        "127.0.0.1.console.example",
        "127.0.0.1@console.example",
        "",
        "[::1",
        "[::1]:80",
    ):
        assert console.get("/", headers={"host": host}).status_code == 403, host


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://console.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
    ],
)
def test_another_sites_page_changes_nothing(console: Pages, headers: dict[str, str]) -> None:
    answer = console.post("/api/process", headers=headers, content="{}")
    assert answer.status_code == 403
    assert answer.json()["error"]


def test_its_own_page_gets_through(console: Pages) -> None:
    own = {"origin": ADDRESS, "sec-fetch-site": "same-origin"}
    # 405, as there is nothing to change here: it came as far as the routes.
    assert console.post("/api/process", headers=own, json={}).status_code == 405
    named = {"content-type": "Application/JSON ; charset=utf-8"}
    assert console.post("/api/process", headers=own | named, content="{}").status_code == 405


def test_a_file_outside_of_the_static_ones_is_not_served(console: Pages) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py"):
        assert console.get(path).status_code == 404, path


def test_no_page_loads_anything_from_elsewhere_or_has_code_or_style_in_its_markup() -> None:
    for path in STATIC.parent.rglob("templates/*.html"):
        text = path.read_text("utf-8")
        assert re.findall(r"""(?:src|href)=["'](?:https?:)?//|<style|\sstyle=|\son[a-z]+=""", text) == [], path
        assert re.findall(r"<script(?![^>]*\ssrc=)", text) == [], path
    for path in STATIC.rglob("*.css"):
        assert re.findall(r"@import|url\(\s*['\"]?(?:https?:)?//", path.read_text("utf-8")) == [], path


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_turns_a_text_into_markup_or_code(path: Path) -> None:
    found = re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|setHTML|\beval\(|Function\(",
        path.read_text("utf-8"),
    )
    assert found == []


@pytest.mark.parametrize(
    "path", [path for path in STATIC.rglob("*") if path.suffix in (".js", ".css")], ids=lambda path: path.name
)
def test_each_file_is_one_to_read(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) <= 300
    assert max((len(line) for line in lines), default=0) <= 140


def test_the_api_reference_is_a_page_whose_links_lead_somewhere(console: Pages) -> None:
    answer = console.get("/reference")

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    document = answer.text.partition("<main")[2]
    ids, links = (set(re.findall(found, document)) for found in (r' id="([^"]+)"', r' href="([^"]+)"'))
    links.discard("/static/shell.js")
    assert {"post-smsqueue", "get-openapijson", "message"} <= ids
    assert len(links) > 40
    assert {link.removeprefix("#") for link in links} <= ids
