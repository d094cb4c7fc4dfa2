"""The commands of the local stack: `python -m local --help`."""

from .cli import main

main()
