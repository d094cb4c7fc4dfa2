"""What `make demo` ends with, on a terminal and elsewhere."""

import io
import sys
from collections.abc import Callable, Iterable

import pytest
from rich.console import Console

from devtools.local_stack import offer

URL = "http://127.0.0.1:3"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def typed(lines: Iterable[str | type[BaseException]]) -> Callable[[], str]:
    """Answers one line after the other; a class is raised. A question too many fails the test."""
    left = iter(lines)

    def ask() -> str:
        line = next(left)
        if isinstance(line, str):
            return line
        raise line

    return ask


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setattr(sys, "stdin", Terminal())
    return Console(file=Terminal(), force_terminal=True, width=120, color_system=None)


def said(console: Console) -> str:
    shown = console.file
    assert isinstance(shown, io.StringIO)
    return shown.getvalue()


@pytest.mark.parametrize(
    ("answers", "opened"),
    [(["", ""], [f"{URL}/"]), (["n", ""], []), ([EOFError, EOFError], []), (["", KeyboardInterrupt], [f"{URL}/"])],
)
def test_enter_opens_the_console_and_the_next_one_ends(
    at_a_terminal: Console, answers: list[str | type[BaseException]], opened: list[str]
) -> None:
    seen: list[str] = []
    ask = typed(answers)

    def browse(url: str) -> bool:
        seen.append(url)
        return True

    offer.console_of(URL, at_a_terminal, stays=False, ask=ask, browse=browse)

    assert seen == opened
    assert f"{URL}/" in said(at_a_terminal)
    assert "To have it for longer: make up" in said(at_a_terminal)
    with pytest.raises(StopIteration):
        ask()


def test_a_stack_that_was_up_stays_and_nothing_is_waited_for(at_a_terminal: Console) -> None:
    offer.console_of(URL, at_a_terminal, stays=True, ask=typed([""]), browse=lambda _url: True)

    assert "make down stops it" in said(at_a_terminal)


def test_without_windows_only_the_address_is_said(at_a_terminal: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    offer.console_of(URL, at_a_terminal, stays=False, ask=typed([""]))

    assert "browser" not in said(at_a_terminal)
    assert f"{URL}/" in said(at_a_terminal)


@pytest.mark.parametrize(("stays", "words"), [(True, f"{URL}/"), (False, "make up")])
def test_elsewhere_than_on_a_terminal_nothing_is_asked(
    stays: bool, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    console = Console(file=io.StringIO(), width=120)
    offer.console_of(URL, console, stays=stays, ask=typed([]))

    assert words in said(console)
    assert said(console).count("\n") == 1
