"""The words that this project gave up for the field's own stay away. CHANGELOG.md lists what each became."""

import re
from pathlib import Path

from tests.support.fakes import ROOT

GONE = {
    "mend": "fix",
    "mends": "fixes",
    "mended": "fixed",
    "mending": "fixing",
    "nobody": "no one, or the subject itself",
    "somebody": "someone, or the subject itself",
    "whoever": "anyone who, or the subject itself",
    "told": "reported, published, said",
    "heed": "respect",
    "heeds": "respects",
    "heeded": "respected",
    "wish": "opt-out keyword",
    "wishes": "opt-out keywords",
    "lane": "recipient worker",
    "lanes": "recipient workers",
    "road": "gate",
    "roads": "gates",
    "desk": "dependencies",
    "outbox": "queue",
    "sweep": "reconcile",
    "sweeps": "reconciles",
    "sweeper": "reconciler",
    "in one hand": "dependencies",
    "found sound": "validated",
    "looks after": "settles, watches",
    "looked after": "settled, watched",
    "line_full": "recipient_queue_full",
    "carrier_unreachable": "provider_unreachable",
}
# A carrier is the recipient's mobile network. What the provider alone has is never a carrier's.
PROVIDERS = re.compile(
    r"carrier(?:s|'s)? (?:api|key|keys|records?|answers?|webhooks?|portal|account|receipts?|url|outage)\b"
    r"|\b(?:fake|sim|simulated) ?carrier\b|carrier (?:reports|acknowledges|bills)",
    re.IGNORECASE,
)
KINDS = {".py", ".md", ".toml", ".yaml", ".yml", ".html", ".svg", ".json", ".txt", ".sh", ".js", ""}
# The history of names, and what the tests of opt-outs must quote.
EXEMPT = {
    "CHANGELOG.md",
    "docs/decisions/0025-five-folders-and-the-fields-words.md",
    "tests/unit/opt_out_phrases.py",  # the words of people
    "tests/unit/test_words.py",
}
FOLDERS = (
    "layers", "functions", "longcode_cli", "devtools", "bench", "tests", "docs", "operations", "events",
    "examples", ".github", ".ci",
)  # fmt: skip


def texts() -> list[tuple[str, str]]:
    """The path and text of each file that people read."""
    paths = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in FOLDERS:
        paths += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    names = [(path, path.relative_to(ROOT).as_posix()) for path in paths if path.suffix in KINDS]
    return [
        (name, path.read_text())
        for path, name in names
        if name not in EXEMPT and "__pycache__" not in name and not name.startswith("bench/results/")
        and "egg-info" not in name
    ]  # fmt: skip


def plain(line: str) -> str:
    """A line with the parts of its identifiers as words: `_told` and `SqsOutbox` are "told" and "Sqs Outbox"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", line)


def test_a_word_that_went_does_not_come_back() -> None:
    words = re.compile(rf"\b(?:{'|'.join(GONE)})\b", re.IGNORECASE)

    found = [
        f"{name}:{number}: {word[0]!r}: say {GONE[word[0].lower()]}"
        for name, text in texts()
        for number, line in enumerate([name, *text.splitlines()])
        for word in (*words.finditer(line), *words.finditer(plain(line)))
    ]

    assert found == []


def test_carrier_is_the_recipients_network_and_telnyx_is_the_provider() -> None:
    found = [
        f"{name}:{number}: {line.strip()[:80]}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if PROVIDERS.search(line)
    ]

    assert found == []


def test_the_files_that_are_read_are_those_of_the_project() -> None:
    names = {name for name, _ in texts()}

    assert {"README.md", "template.yaml", "docs/api.md", "Makefile"} <= names
    assert len([name for name in names if Path(name).suffix == ".py"]) > 200
