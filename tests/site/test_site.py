"""The documentation's site: complete, whole in its links, and nothing in it comes from a network."""

import json
import re
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
import pytest

from devtools.site import build, pages
from devtools.site.__main__ import listening
from tests.site.browser import CHROMIUM, search
from tests.site.html import Page, read, styled
from tests.support.fakes import ROOT
from tests.unit.test_documentation import anchors

pytestmark = pytest.mark.slow


def foreign(target: str) -> bool:
    """Whether a browser would ask another machine for it."""
    return bool(urlsplit(target).netloc) or urlsplit(target).scheme not in ("", "data")


def broken_links(html: dict[str, Page], site: Path) -> list[str]:
    """Each link into the site that leads to no file, or to no anchor of it."""
    found = []
    for name, page in html.items():
        for target in {*page.links, *page.loads}:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            # Only a server shows the page of what is missing, so its links begin at the root.
            folder = site if parts.path.startswith("/") and name == "404.html" else (site / name).parent
            file = folder / unquote(parts.path).lstrip("/") if parts.path else site / name
            goal = file.resolve()
            goal = goal / "index.html" if goal.is_dir() else goal
            inside = goal.relative_to(site.resolve()).as_posix() if goal.is_relative_to(site.resolve()) else ""
            anchor = unquote(parts.fragment)
            missing = inside.endswith(".html") and anchor and anchor not in html[inside].anchors
            if not inside or not goal.is_file() or missing:
                found.append(f"{name}: {target}")
    return found


def test_each_page_of_the_repository_is_on_the_site(html: dict[str, Page]) -> None:
    places = {goal.removesuffix(".md") + ".html" for goal in pages.pages().values()}

    assert len(places) > 90
    assert {*places, "decisions/index.html", "404.html"} == set(html)


def test_the_navigation_has_each_page_and_no_other() -> None:
    shown = [page for page in build.navigation() if page != "decisions/*"]
    there = [page for page in pages.pages().values() if not page.startswith("decisions/")]

    assert sorted(shown) == sorted(there)


def test_each_link_and_each_anchor_of_the_built_site_resolves(html: dict[str, Page], site: Path) -> None:
    assert sum(len(page.links) for page in html.values()) > 5_000
    assert broken_links(html, site) == []


def test_no_page_shows_markdown_that_was_not_understood(html: dict[str, Page]) -> None:
    left = re.compile(r"\|---|\]\(|\*\*|```|^\s*\| .*\|$|^- \w|`", re.MULTILINE)
    found = {name: seen[0] for name, page in html.items() if (seen := left.search(page.prose))}

    assert found == {}
    assert [name for name, page in html.items() if "\\|" in page.words] == []


def test_a_heading_has_the_anchor_that_github_gives_it(html: dict[str, Page]) -> None:
    missing = {
        name: left
        for name, goal in pages.pages().items()
        if (left := anchors(ROOT / name) - html[goal.removesuffix(".md") + ".html"].anchors)
    }

    assert missing == {}


def test_a_link_to_nowhere_and_an_anchor_that_is_missing_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<h2 id="x">X</h2><a href="a.html#x"></a><a href="#y"></a><a href="b.html"></a>'
    )

    found = broken_links({"a.html": read(tmp_path / "a.html")}, tmp_path)

    assert sorted(found) == ["a.html: #y", "a.html: b.html"]


def test_a_link_that_leaves_the_site_is_text_there(html: dict[str, Page]) -> None:
    assert "quiet_states.json" in html["quiet-hours.html"].words
    assert not any("quiet_states" in link for page in html.values() for link in page.links)


def test_no_page_loads_anything_from_another_machine(html: dict[str, Page], site: Path) -> None:
    loads = [load for page in html.values() for load in page.loads]
    styles = [load for path in site.rglob("*.css") for load in styled(path.read_text())]

    assert len(loads) > 500
    assert [load for load in (*loads, *styles) if foreign(load)] == []


@pytest.mark.parametrize(
    "markup",
    [
        '<script src="https://example.com/a.js"></script>',
        '<link rel="stylesheet" href="//example.com/a.css">',
        '<link rel="preconnect" href="https://example.com">',
        "<style>@import 'https://example.com/a.css';</style>",
        '<p style="background: url(https://example.com/a.png)"></p>',
        '<img srcset="a.png 1x, https://example.com/b.png 2x">',
    ],
)
def test_what_is_loaded_from_elsewhere_would_be_seen(markup: str, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(markup)

    assert any(map(foreign, read(tmp_path / "a.html").loads))


def test_the_index_of_the_search_has_each_page_in_a_script_that_a_page_can_load_from_the_disk(
    html: dict[str, Page], site: Path
) -> None:
    script = (site / "search.js").read_text()
    index = json.loads(script.removeprefix("var __index = ").rstrip(";\n"))
    found = {item["location"].partition("#")[0] for item in index["items"]}

    assert found >= set(html) - {"404.html"}
    assert "./assets/iframe-worker.js" in html["index.html"].loads


@pytest.mark.parametrize(
    ("page", "problem"),
    [("[x](missing.md)", "page does not exist"), ("[x](#nowhere)", "anchor does not exist")],
)
def test_a_warning_of_the_generator_ends_the_build(page: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/index.md").write_text(f"# Page\n\n{page}\n")
    (tmp_path / "zensical.toml").write_text('[project]\nsite_name = "x"\ndocs_dir = "pages"\n')

    with pytest.raises(build.SiteError, match=problem) as raised:
        build.generate(tmp_path)
    assert "Traceback" not in str(raised.value)


def test_a_build_that_fails_leaves_the_site_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "site"
    out.mkdir()
    (out / "index.html").write_text("before")
    monkeypatch.setattr(build, "SETTINGS", tmp_path / "zensical.toml")
    (tmp_path / "zensical.toml").write_text("[project]\nsite_name = 1\n")

    with pytest.raises(build.SiteError):
        build.build(out)
    assert (out / "index.html").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".site-")] == []


@pytest.mark.enable_socket
def test_the_site_is_served_on_this_machine_alone(site: Path) -> None:
    with listening(site, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host, port = server.server_address[:2]
        answer = httpx.get(f"http://127.0.0.1:{port}/concepts/pacing.html")
        server.shutdown()

    assert host == "127.0.0.1"
    assert answer.status_code == 200
    assert "When texts leave" not in answer.text
    assert "<h1" in answer.text


@pytest.mark.enable_socket
@pytest.mark.skipif(not CHROMIUM, reason="The site was not searched in a browser: there is no Chromium here.")
def test_the_search_finds_a_page_from_the_disk_and_from_a_server_without_a_network(site: Path) -> None:
    from_disk = search(site, "quiet hours")
    with listening(site, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_address[1]}"
        served = search(site, "quiet hours", base)
        server.shutdown()

    assert from_disk[0].startswith(f"{site.as_uri()}/quiet-hours.html")
    assert served[0].startswith(f"{base}/quiet-hours.html")


def test_the_script_for_the_disk_says_where_it_is_from() -> None:
    text = (ROOT / "devtools/site/iframe-worker.js").read_text()

    assert "MIT License" in text
    assert "1.0.4" in text
