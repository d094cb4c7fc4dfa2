"""The console as one application: its pages, their data, and the files that they load."""

import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from longcode_cli.problems import Problem

from . import dashboard, handset, recorder, reference
from .context import Context
from .pages import refuse
from .security import Guard

STATIC = Path(__file__).with_name("static")
PAGES = (handset, recorder, dashboard, reference)


def make_app(context: Context) -> Starlette:
    """The application over one stack."""
    routes = [route for page in PAGES for route in page.routes(context)]
    return Starlette(
        routes=[
            *routes,
            Route("/api/process", _process),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Guard)],
        exception_handlers={HTTPException: _not_found, Problem: _unavailable},
    )


async def _process(_request: Request) -> Response:
    """Which process answers, so that the one who starts it can be certain."""
    return JSONResponse({"pid": os.getpid()})


async def _not_found(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    return refuse(exc.detail, exc.status_code)


async def _unavailable(_request: Request, exc: Exception) -> Response:
    return refuse(str(exc), 503)
