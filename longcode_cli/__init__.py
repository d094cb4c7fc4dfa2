"""The operator's command: what became of a text, who waits and why, pause, resume, redrive and the like."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# It works on the tables and queues through the very adapters that the functions use.
sys.path.append(str(ROOT / "layers" / "longcode" / "python"))
