"""Where the files of the service are: those of a checkout, or the copies that were installed with the command."""

from pathlib import Path

from longcode_cli.problems import Problem

_PACKAGE = Path(__file__).resolve().parent
_PARENT = _PACKAGE.parent

# None where the command was installed as a package of its own.
ROOT = _PARENT if (_PARENT / "template.yaml").is_file() else None
TEMPLATE = (ROOT or _PACKAGE) / "template.yaml"


def needed_for(what: str, hint: str = "") -> Path:
    """The checkout's directory. Raises Problem where there is none; `what` needs it, and `hint` is another way."""
    if ROOT is None:
        raise Problem(
            f"There is no checkout of the service, which {what} needs: this longcode was installed by itself.",
            f"{hint}Run ./longcode in a checkout.",
        )
    return ROOT
