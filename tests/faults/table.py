"""`python -m tests.faults.table` runs the fault matrix and writes docs/guarantees.md."""

import sys
from pathlib import Path


def main() -> None:
    """Write the page."""
    # Outside pytest the layer is not on the path.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "layers" / "longcode" / "python"))
    from tests.faults import guarantees

    guarantees.DOCUMENT.write_text(guarantees.document())


if __name__ == "__main__":
    main()
