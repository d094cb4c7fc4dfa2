"""The commands of the local stack: `python -m devtools.local_stack --help`."""

from .cli import main

main()
