"""The console as one application: its pages, their data, and the files that they load."""

import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from longcode_cli.problems import Problem

from . import dashboard, handset, recorder, reference
from .context import Context
from .pages import refuse
from .security import Guard

STATIC = Path(__file__).with_name("static")
PAGES = (handset, recorder, dashboard, reference)


def make_app(context: Context) -> ASGIApp:
    """The application over one stack."""
    routes = [route for page in PAGES for route in page.routes(context)]
    app = Starlette(
        routes=[
            *routes,
            Route("/api/process", _process),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        exception_handlers={HTTPException: _not_found, Problem: _unavailable, Exception: _broken},
    )
    # Around all of it: as a middleware it would not see the answer to an error of our own.
    return Guard(app)


async def _process(_request: Request) -> Response:
    """Which process answers, so that the one who starts it can be certain."""
    return JSONResponse({"pid": os.getpid()})


async def _not_found(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    return refuse(exc.detail, exc.status_code)


async def _unavailable(_request: Request, exc: Exception) -> Response:
    return refuse(str(exc), 503)


async def _broken(_request: Request, _exc: Exception) -> Response:
    # What it was is in the console's log.
    return refuse("The console failed: console.log in the stack's logs says why.", 500)
