"""The animated pictures of the README are there, move, and are small; `make pictures` takes them."""

import io

import pytest
from PIL import Image

from devtools.local_stack.layout import ROOT
from devtools.pictures.film import LAST_MS, LONGEST_MS, SHORTEST_MS, Film

PICTURES = ("console.webp", "terminal.webp")


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_moves_and_is_small(name: str) -> None:
    path = ROOT / "docs" / name
    with Image.open(path) as picture:
        assert getattr(picture, "n_frames", 1) > 20
        assert picture.width >= 800
    assert f"docs/{name}" in (ROOT / "README.md").read_text("utf-8")
    assert path.stat().st_size < 1_500_000


def png(colour: str) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (100, 50), colour).save(made, "PNG")
    return made.getvalue()


def test_a_frame_is_shown_until_the_next_that_looks_different() -> None:
    film = Film(50)
    for at_s, colour in ((0.0, "red"), (0.2, "red"), (0.5, "blue"), (0.51, "green"), (60.0, "white")):
        film.add(png(colour), at_s)
    path = io.BytesIO()
    film.write(path, 60)

    with Image.open(path) as picture:
        assert picture.size == (50, 25)
        lasts = []
        for frame in range(picture.n_frames):  # type: ignore[attr-defined]
            picture.seek(frame)
            picture.load()
            lasts.append(picture.info["duration"])
    assert lasts == [500, SHORTEST_MS, LONGEST_MS, LAST_MS]
