"""The commands of the local stack: `python -m devtools.local_stack --help`."""

import sys
from pathlib import Path

# Parameters are checked by what the functions check them with.
sys.path.append(str(Path(__file__).parents[2] / "layers/longcode/python"))

from .cli import main

main()
