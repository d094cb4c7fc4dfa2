"""Which column of a file is what, and a text with placeholders."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from longcode_cli.problems import Problem
from longcode_cli.terminal import plain

# What a column of recipients and one of texts may be called, where no option names it.
_DEVICES = ("phone", "number", "mobile", "cell", "telephone", "recipient")
_TWO_WORDS = ("phone number", "mobile number", "mobile phone", "cell phone", "cell number", "recipient number")
RECIPIENT = frozenset(("to", "msisdn", "tel", *_DEVICES, *_TWO_WORDS))
TEXT = frozenset(("text", "message", "sms", "body"))
# Columns that have a meaning by their name.
_OWN = {"key": "key", "send_at": "send at", "timezone": "timezone"}
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def folded(name: str) -> str:
    """The name of a column without what people write differently: `First Name` is `first_name`.

    >>> folded(" First-Name "), folded("first_name")
    ('first name', 'first name')
    """
    return " ".join(re.sub(r"[_\-\s]+", " ", name).split()).casefold()


class Header:
    """A file's columns by their names. Raises Problem where two have one name."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = [" ".join(name.split()) for name in names]
        found = [folded(name) for name in names]
        twice = [name for name, many in Counter(found).items() if name and many > 1]
        if twice:
            shown = plain(self.names[found.index(twice[0])])
            raise Problem(f"Two columns are called {shown}.", "Rename one of them in the file's first row.")
        self._places = {name: place for place, name in enumerate(found) if name}

    def place(self, name: str) -> int | None:
        """Where the column is that a person names, from 0; None if there is none."""
        return self._places.get(folded(name))

    def needed(self, name: str, option: str) -> int:
        """The same. Raises Problem if there is none."""
        found = self.place(name)
        if found is None:
            raise Problem(f"{option}: there is no column {plain(name)}.", self.known())
        return found

    def one_of(self, names: frozenset[str], option: str) -> int | None:
        """Where the column is that has one of `names`, None if there is none. Raises Problem if there are more."""
        found = [place for name, place in self._places.items() if name in names]
        if len(found) > 1:
            shown = " and ".join(plain(self.names[place]) for place in found)
            raise Problem(f"More than one column may be meant: {shown}.", f"Name it: {option} NAME.")
        return found[0] if found else None

    def known(self) -> str:
        """The names of all columns, in a sentence."""
        return f"The file's first row has: {plain(', '.join(filter(None, self.names)))}."


class Template:
    """A text with `{placeholders}`, each a column; `{{` and `}}` are braces.

    Raises Problem where a placeholder has no column, or a brace is alone.
    """

    def __init__(self, text: str, header: Header) -> None:
        self._parts: list[str | int] = []
        end = 0
        for found in _BRACES.finditer(text):
            self._parts.append(text[end : found.start()])
            self._parts.append(self._part(found, header))
            end = found.end()
        self._parts.append(text[end:])
        self._names = header.names

    @staticmethod
    def _part(found: re.Match[str], header: Header) -> str | int:
        if found[0] in ("{{", "}}"):
            return found[0][0]
        if found[1] is None:
            raise Problem(f"--text has a {found[0]} alone.", "A brace in the text itself is written twice.")
        place = header.place(found[1])
        if place is None:
            raise Problem(f"--text: there is no column for {plain(found[0])}.", header.known())
        return place

    @property
    def places(self) -> tuple[int, ...]:
        """The columns that it needs."""
        return tuple(part for part in self._parts if isinstance(part, int))

    def filled(self, cells: Sequence[str]) -> str:
        """The text of one row. Raises ValueError that names the column in which there is nothing."""
        values = list[str]()
        for part in self._parts:
            value = part if isinstance(part, str) else cells[part].strip()
            if not value and isinstance(part, int):
                raise ValueError(f"no value for {{{plain(self._names[part])}}}")
            values.append(value)
        return "".join(values)


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the parts of a text are in a row. The text is a template's, or a column's."""

    to: int
    template: Template | None
    text: int | None
    own: dict[str, int]
    width: int

    @classmethod
    def find(cls, header: Header, to_column: str | None, text: str | None, text_column: str | None) -> "Columns":
        """Those that the options name, or that are called so. Raises Problem where one is missing."""
        if to_column is None:
            to = header.one_of(RECIPIENT, "--to-column")
        else:
            to = header.needed(to_column, "--to-column")
        if to is None:
            raise Problem(
                "No column is called to, phone, number or mobile.", f"Name it: --to-column NAME. {header.known()}"
            )
        template = None if text is None else Template(text, header)
        place = None
        if template is None:
            place = header.one_of(TEXT, "--text-column")
            if text_column is not None:
                place = header.needed(text_column, "--text-column")
            if place is None:
                raise Problem("There is no text.", 'Add --text "Hi {name}, ...", or --text-column NAME.')
        own = {field: found for field, name in _OWN.items() if (found := header.place(name)) is not None}
        return cls(to, template, place, own, len(header.names))

    def words(self, cells: Sequence[str]) -> str:
        """The text of a row. Raises ValueError with what is wrong."""
        if self.template is not None:
            return self.template.filled(cells)
        assert self.text is not None
        if not cells[self.text].strip():
            raise ValueError("no text")
        return cells[self.text]
