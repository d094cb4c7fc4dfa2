"""Runs the command: `python -m longcode_cli`."""

from longcode_cli.main import main

main()
