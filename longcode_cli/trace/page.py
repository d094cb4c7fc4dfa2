"""A trace as one HTML file, which needs no network and lets nothing run but its own script."""

import base64
import hashlib
import json
import re
from importlib import resources
from pathlib import Path
from string import Template

from longcode_cli.trace.model import Trace

# In the order in which they use each other.
_SCRIPTS = ("scale.js", "parts.js", "trace.js")
_STATIC = resources.files(__package__) / "static"
_IMPORT = re.compile(r"^import .*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


def page(trace: Trace) -> str:
    """The file. What is in the trace is data in it, and never markup."""
    script, style = script_text(), asset("trace.css")
    return Template(asset("trace.html")).substitute(
        csp=policy(script, style), title=trace.ident[:8], style=style, script=script, data=data(trace)
    )


def asset(name: str) -> str:
    """One of the readable files that the page is made of; the console serves the same."""
    return (_STATIC / name).read_text()


def script_text() -> str:
    """The modules of the page as one: a file has no other to import."""
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", asset(name))) for name in _SCRIPTS)


def policy(script: str, style: str) -> str:
    """The content security policy: this script and this style by their hashes, and nothing else from anywhere."""
    own = f"script-src {_hash(script)}; style-src {_hash(style)}"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"


def data(trace: Trace) -> str:
    """The trace as JSON that can stand in a script element: without `<` nothing in it ends that element."""
    return json.dumps(trace.fields(), ensure_ascii=True).replace("<", "\\u003c").replace(">", "\\u003e")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def path(name: str) -> Path:
    """Where one of the readable files is."""
    return Path(str(_STATIC / name))
