"""Runs the AWS emulator; its functions run on a Python that has nothing but the standard library.

Executed by the emulator's own interpreter, which knows nothing of this package. The emulator starts
functions with `sys.executable`, so an import that no layer declares would find the emulator's own
packages. `-S` hides them, and a function that works here works in Lambda as far as imports go.
"""

import stat
import sys
from pathlib import Path


def main() -> None:
    python = Path(sys.argv.pop(1))
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    sys.executable = str(python)

    from ministack.app import main as emulator  # type: ignore[import-not-found, unused-ignore]

    emulator()


if __name__ == "__main__":
    main()
