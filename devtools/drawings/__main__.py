"""`python -m devtools.drawings`: write the drawings of docs/concepts/."""

from devtools.drawings import never_twice, outcomes, pacing
from devtools.drawings.svg import FOLDER

DRAWINGS = {
    "pacing.svg": pacing.drawing,
    "outcomes.svg": outcomes.drawing,
    "never-twice.svg": never_twice.drawing,
}


def main() -> None:
    """Write each drawing to its file."""
    for name, draw in DRAWINGS.items():
        (FOLDER / name).write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
