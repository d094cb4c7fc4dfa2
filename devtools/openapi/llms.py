"""llms.txt: what this is and where to read on, for programs that read (llmstxt.org)."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_HEAD = """\
# Long Code SMS

> A serverless SMS service over one Telnyx long code, in your own AWS account: texts are paced for each recipient
> and carrier, never sent twice, and followed to their end. A JSON API with an OpenAPI 3.1 document.

- Every `/sms/*` route needs the header `x-api-key`. An error is `{"error": "a sentence", "code": "a_word"}`.
- Send `Idempotency-Key` with each text: a request that is repeated with it sends nothing twice.
- `POST /sms/queue` stores a text and sends it in its turn; `POST /sms/send` sends it now or says why not.
- What became of a text: `GET /sms/status/{id}`, or events. A 504 `outcome_unknown` is no failure.
"""


def text(root: Path, document: Mapping[str, Any]) -> str:
    """The whole file. `root` is the repository's."""
    parts = [
        _HEAD,
        "## API\n",
        "- [OpenAPI document](docs/openapi.json): every route, field, answer and error, with examples",
    ]
    parts += _routes(document)
    parts.append("")
    parts += _pages((root / "docs/README.md").read_text())
    return "\n".join(parts).rstrip() + "\n"


def _routes(document: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            scope = f" (scope `{operation['x-scope']}`)" if "x-scope" in operation else ""
            yield f"- `{method.upper()} {path}`: {operation['summary']}{scope}"


def _pages(index: str) -> Iterator[str]:
    """The pages of the index under its headings, each with its line."""
    for line in index.splitlines():
        if line.startswith("## "):
            yield line
        elif row := re.match(r"\| \[(.+?)\]\((.+?)\) \| (.+?) \|$", line):
            name, target, words = row.groups()
            words = re.sub(r"\[(.+?)\]\(.+?\)", r"\1", words)
            path = target.removeprefix("../") if target.startswith("../") else f"docs/{target}"
            yield f"- [{name}]({path}): {words}"
        elif not line:
            yield ""
