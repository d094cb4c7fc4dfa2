"""Builds the site: the pages in a folder of their own, and Zensical over them."""

import fcntl
import functools
import json
import re
import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from devtools.site import markdown
from devtools.site.pages import DECISIONS, ROOT, named, pages, place, resolved, title

HERE = Path(__file__).resolve().parent
SETTINGS = HERE / "zensical.toml"
ZENSICAL = ROOT / ".local/venv-site/bin/zensical"
OUT = ROOT / ".local/site"
_EVERY_DECISION = '"decisions/*"'
_ASSETS = ("iframe-worker.js", "site.css")


class SiteError(Exception):
    """The site could not be built; the message is for people."""


def build(out: Path = OUT) -> Path:
    """Build the site into `out`, in whose place nothing half built is ever seen.

    Raises:
        SiteError: the generator warned, failed or is not installed.
    """
    if not ZENSICAL.exists():
        raise SiteError("The site's generator is not installed. What to do: make site, which installs it")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".site-") as folder, open(f"{out}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        work = Path(folder)
        stage(work)
        generate(work)
        shutil.rmtree(out, ignore_errors=True)
        (work / "site").rename(out)
    return out


def generate(work: Path) -> None:
    """Run the generator over a folder that has settings and pages; a warning is an error."""
    done = subprocess.run(
        [str(ZENSICAL), "build", "--strict", "--clean"],
        cwd=work,
        env={"PATH": "/usr/bin:/bin", "NO_COLOR": "1", "HOME": str(work)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SiteError(_plain(done.stdout + done.stderr))


def _plain(output: str) -> str:
    """What the generator printed, without colours and without the trace of its own code."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", output)
    return text.partition("Traceback (most recent call last)")[0].strip() or text.strip()


def stage(work: Path) -> None:
    """Write the generator's settings and each page, as it reads them, into `work`."""
    target = work / "pages"
    for name, goal in pages().items():
        text = (ROOT / name).read_text()
        _write(target / goal, markdown.converted(text, functools.partial(resolved, name)))
        for link in markdown.targets(text):
            file, _ = named(name, link)
            if (found := place(file)) and not found.endswith(".md"):
                _copy(ROOT / file, target / found)
    _write(target / "decisions/index.md", _list_of_decisions())
    for asset in _ASSETS:
        _copy(HERE / asset, target / "assets" / asset)
    items = {"All decisions": "decisions/index.md"} | {title(name): place(name) for name in decisions()}
    inline = ", ".join(f"{{ {json.dumps(name)} = {json.dumps(goal)} }}" for name, goal in items.items())
    _write(work / "zensical.toml", SETTINGS.read_text().replace(_EVERY_DECISION, inline))


def navigation() -> list[str]:
    """Each page of the site's navigation, in order."""
    return list(_leaves(tomllib.loads(SETTINGS.read_text())["project"]["nav"]))


def _leaves(item: Any) -> list[str]:
    if isinstance(item, str):
        return [item]
    inner = item.values() if isinstance(item, dict) else item
    return [leaf for one in inner for leaf in _leaves(one)]


def decisions() -> list[str]:
    """The records, the first one first."""
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / DECISIONS).glob("*.md"))


def _list_of_decisions() -> str:
    lines = [f"- [{title(name)}]({Path(name).name})" for name in decisions()]
    head = "# Decisions\n\nWhy it is built like this, and how to undo each choice. A record is not changed later: "
    return head + "a later one says that it takes its place.\n\n" + _escaped("\n".join(lines)) + "\n"


def _escaped(text: str) -> str:
    """`12. A title` at the beginning of an item would begin a list in it."""
    return re.sub(r"^- \[(\d+)\. ", r"- [\1: ", text, flags=re.MULTILINE)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
