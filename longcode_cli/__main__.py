"""The entry point of `longcode`."""

from longcode_cli.app import app

app(prog_name="longcode")
