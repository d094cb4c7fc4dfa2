"""Serves the console of a local stack: python -m devtools.console."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from devtools.local_stack.layout import Layout

from .app import make_app
from .context import context_of

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=1, max=65535, help="On 127.0.0.1.")],
    home: Annotated[Path | None, typer.Option("--dir", help="The stack's directory.  [.local]")] = None,
) -> None:
    """Serve the pages of the stack in a directory, until it is asked to end."""
    asyncio.run(_serve(Layout.of(home), port))


async def _serve(layout: Layout, port: int) -> None:
    async with context_of(layout) as context:
        config = uvicorn.Config(
            make_app(context),
            host="127.0.0.1",
            port=port,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    app(prog_name="python -m devtools.console")
