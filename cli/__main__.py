"""The entry point of `longcode`."""

from cli.app import app

app(prog_name="longcode")
