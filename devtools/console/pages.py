"""What the pages have in common: their frame, and answers in JSON."""

from pathlib import Path
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.templating import Jinja2Templates

TEMPLATES = Jinja2Templates(directory=Path(__file__).with_name("templates"))


# Any: what the template takes.
def page(request: Request, template: str, **values: Any) -> Response:
    """A page, made of its template."""
    return TEMPLATES.TemplateResponse(request, template, values)


def refuse(problem: str, status: int = 400, field: str | None = None) -> Response:
    """A refusal of the console itself, in the shape of the API's."""
    return JSONResponse({"error": problem, "field": field}, status)


def passed_on(answer: httpx.Response) -> Response:
    """An answer of the deployed API or of the simulator, as it is."""
    headers = {name: answer.headers[name] for name in ("content-type", "retry-after") if name in answer.headers}
    return Response(answer.content, answer.status_code, headers)
