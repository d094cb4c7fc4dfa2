"""An animated picture: frames with the time that each is shown, written as WebP."""

import io
from itertools import pairwise
from pathlib import Path
from typing import IO

from PIL import Image

# In milliseconds. What waits for a machine is shown for a moment only.
SHORTEST_MS = 40
LONGEST_MS = 2500
LAST_MS = 4000


class Film:
    """Frames in the order in which they were seen, each shown until the next that looks different."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._frames: list[Image.Image] = []
        self._at_s: list[float] = []
        self._last = b""

    def add(self, png: bytes, at_s: float) -> None:
        """A frame: a PNG, and the second at which it was seen."""
        if png == self._last:
            return
        self._last = png
        picture = Image.open(io.BytesIO(png)).convert("RGB")
        height = round(picture.height * self._width / picture.width)
        self._frames.append(picture.resize((self._width, height), Image.Resampling.LANCZOS))
        self._at_s.append(at_s)

    def write(self, path: Path | IO[bytes], quality: int) -> None:
        """Write it, repeated without end."""
        lasts = [round((then - now) * 1000) for now, then in pairwise(self._at_s)]
        first, *others = self._frames
        first.save(
            path,
            "WEBP",
            save_all=True,
            append_images=others,
            duration=[*(min(LONGEST_MS, max(SHORTEST_MS, ms)) for ms in lasts), LAST_MS],
            loop=0,
            quality=quality,
            method=4,
            minimize_size=True,
        )
