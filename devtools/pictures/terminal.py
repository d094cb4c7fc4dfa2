"""The film of the terminal: what `make demo` prints, as a terminal of so many columns shows it."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pyte
from playwright.sync_api import Browser
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

from .film import Film

COLUMNS, ROWS = 100, 33
FRAME_S = 0.2
# The end of the demo on a terminal, which waits for a key.
ASKS = "press Enter"
# Without the fonts that rich would load from a network.
_FRAME = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def film(browser: Browser, command: list[str], shown: str, folder: Path) -> Film:
    """Run the command in a terminal and film it; Enter answers what the demo asks last."""
    page = browser.new_page(viewport={"width": 1240, "height": 860})
    made = Film(900)
    # The demo waits for no picture: all of it is read before the first is drawn.
    for at_s, screen in list(_screens(command, shown, folder)):
        page.set_content(_svg(screen, shown))
        made.add(page.locator("svg").screenshot(), at_s)
    page.close()
    return made


def _screens(command: list[str], shown: str, folder: Path) -> Iterator[tuple[float, list[Text]]]:
    """The screen after each moment in which something came, and when that was."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    stream.feed(f"\x1b[32m$\x1b[0m {shown}\r\n".encode())
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")},
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
    }
    process = subprocess.Popen(command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    began, answered = time.monotonic(), False
    yield 0.0, _lines(screen)
    while _read(ours, stream):
        yield time.monotonic() - began, _lines(screen)
        if not answered and any(ASKS in line for line in screen.display):
            answered = True
            os.write(ours, b"\r")
    yield time.monotonic() - began, _lines(screen)
    process.wait()
    os.close(ours)
    if process.returncode:
        raise RuntimeError("\n".join(screen.display).rstrip())


def _read(terminal: int, stream: pyte.ByteStream) -> bool:
    """Feed what comes in the next moment; False at the end of it."""
    until = time.monotonic() + FRAME_S
    while (left := until - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            try:
                content = os.read(terminal, 65536)
            except OSError:  # Linux says so that the other end is closed.
                return False
            if not content:
                return False
            stream.feed(content)
    return True


def _lines(screen: pyte.Screen) -> list[Text]:
    lines = []
    for row in range(ROWS):
        line = Text()
        for column in range(COLUMNS):
            char = screen.buffer[row][column]
            colour = None if char.fg == "default" else _colour(char.fg)
            line.append(char.data, Style(color=colour, bold=char.bold, italic=char.italics))
        lines.append(line)
    return lines


def _colour(name: str) -> str:
    """The terminal's name of a colour as rich has it."""
    if len(name) == 6 and all(digit in "0123456789abcdef" for digit in name):
        return f"#{name}"
    return name.replace("brightbrown", "bright_yellow").replace("brown", "yellow").replace("bright", "bright_", 1)


def _svg(lines: list[Text], title: str) -> str:
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    for line in lines:
        console.print(line, no_wrap=True, crop=True)
    return console.export_svg(title=title, theme=MONOKAI, code_format=_FRAME)
