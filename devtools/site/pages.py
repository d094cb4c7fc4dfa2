"""Which files of the repository are pages of the site, and where on it each stands."""

import posixpath
import re
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[2]
DOCS = "docs/"
# Pages that do not lie in docs/: the file in the repository, and its place on the site.
ELSEWHERE = {
    "README.md": "index.md",
    "docs/README.md": "contents.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "SECURITY.md": "project/security.md",
    "bench/README.md": "project/benchmarks.md",
    "events/README.md": "project/sample-events.md",
    "examples/reminders/README.md": "project/reminders.md",
}
DECISIONS = "docs/decisions"
_PICTURES = {".svg", ".png", ".gif", ".webp", ".jpg", ".avif", ".apng"}
_FILES = {".json", *_PICTURES}


def pages() -> dict[str, str]:
    """Each page's file in the repository, and its place on the site; the list of decisions has no file."""
    found = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")}
    return {name: place(name) or name for name in sorted({*found, *ELSEWHERE})}


def place(name: str) -> str | None:
    """Where a file or folder of the repository stands on the site; None for one that is not on it."""
    path = ROOT / name
    if name == DECISIONS:
        return "decisions/index.md"
    if path.is_dir():
        return place(f"{name}/README.md") if f"{name}/README.md" in ELSEWHERE else None
    if name in ELSEWHERE:
        return ELSEWHERE[name]
    if not path.is_file():
        return None
    if name.startswith(DOCS) and path.suffix in {".md", *_FILES}:
        return name.removeprefix(DOCS)
    return f"pictures/{path.name}" if path.suffix in _PICTURES else None


def named(page: str, target: str) -> tuple[str, str]:
    """The file that a link of a page names, from the repository's root, and its anchor with the `#`."""
    file, mark, anchor = target.partition("#")
    folder = posixpath.dirname(page)
    name = posixpath.normpath(posixpath.join(folder, unquote(file))) if file else page
    return name, f"#{anchor}" if mark else ""


def resolved(page: str, target: str) -> str | None:
    """A link of a page as the site's; None where what it names is not on the site."""
    name, anchor = named(page, target)
    goal, here = place(name), place(page)
    if goal is None or here is None:
        return None
    if goal == here:
        return anchor or posixpath.basename(goal)
    return posixpath.relpath(goal, posixpath.dirname(here) or ".") + anchor


def title(name: str) -> str:
    """A page's first heading."""
    found = re.search(r"^# +(.+?)\s*$", (ROOT / name).read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"{name} has no heading.")
    return found[1].replace("`", "")
