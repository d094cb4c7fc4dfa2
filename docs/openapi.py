"""Write docs/openapi.json, what is served of it, docs/api-reference.md and llms.txt: `python docs/openapi.py`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "layers/longcode/python")]

from devtools.openapi import llms, reference  # noqa: E402 (run as a script, it has to find these)
from devtools.openapi.document import document, packed, text  # noqa: E402 (run as a script, it has to find these)
from tests.support.recording import recorded  # noqa: E402


def files() -> dict[Path, str]:
    """Each file with what it is to hold."""
    found = document(recorded())
    return {
        HERE / "openapi.json": text(found),
        # What is served: GET /openapi.json.
        ROOT / "functions/fallback/openapi.json": packed(found),
        HERE / "api-reference.md": reference.page(found),
        ROOT / "llms.txt": llms.text(ROOT, found),
    }


def write() -> None:
    """Write them."""
    for path, words in files().items():
        path.write_text(words, encoding="utf-8")


if __name__ == "__main__":
    write()
