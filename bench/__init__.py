"""Measures the pacing of the queue, in virtual time and on the local stack, and the functions' cold starts."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What is measured is the layer itself.
sys.path.append(str(ROOT / "layers" / "longcode" / "python"))
