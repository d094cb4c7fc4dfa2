"""The commands of the local stack: `python -m devtools.local_stack --help`."""

import sys
from pathlib import Path

# Parameters are checked by what the functions check them with.
sys.path.append(str(Path(__file__).parents[2] / "layers/longcode/python"))

from .problems import HALF_INSTALLED

try:
    from .cli import main
except ImportError as exc:
    # What is ours is in the checkout, and its faults are for the one who makes them.
    if (exc.name or "").partition(".")[0] in ("devtools", "longcode", "longcode_cli"):
        raise
    print(f"{exc}.\nWhat to do: {HALF_INSTALLED}", file=sys.stderr)
    sys.exit(1)

main()
