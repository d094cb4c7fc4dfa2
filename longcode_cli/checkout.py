"""Where the files of the service are: those of a checkout, or the copies that were installed with the command."""

from pathlib import Path

from longcode_cli.problems import Problem

_PACKAGE = Path(__file__).resolve().parent
_PARENT = _PACKAGE.parent

# None where the command was installed as a package of its own.
ROOT = _PARENT if (_PARENT / "template.yaml").is_file() else None
TEMPLATE = (ROOT or _PACKAGE) / "template.yaml"


def needed_for(what: str) -> Path:
    """The checkout's directory. Raises Problem where there is none; `what` needs it."""
    if ROOT is None:
        raise Problem(
            f"{what} needs a checkout of the service, and this longcode was installed without one.",
            "Run ./longcode in a checkout.",
        )
    return ROOT
