"""Plotly's script, as its Python package ships it."""

import re
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse

SCRIPT = "/vendor/plotly.min.js"
_FILE = Path(str(distribution("plotly").locate_file("plotly/package_data/plotly.min.js")))
# Plotly's script adds its rules to the style sheet with this id; the page has a file in its place.
RULES_ID = "plotly.js-style-global"
_OWN_SHEET = re.compile(r'getElementById\("([0-9a-f]{64})"\)')


async def script(_request: Request) -> FileResponse:
    """The endpoint of the script; the browser asks again whether it is still the same."""
    return FileResponse(_FILE, media_type="text/javascript", headers={"cache-control": "no-cache"})


@cache
def style_ids() -> list[str]:
    """The ids of elements in whose absence the script writes an inline style, which the page's policy forbids.

    It is the style of maps, which no page here shows.
    """
    return sorted(set(_OWN_SHEET.findall(_FILE.read_text("utf-8"))))
