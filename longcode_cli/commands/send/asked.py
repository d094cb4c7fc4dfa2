"""What `longcode send` may be asked for: its options, and what they come to."""

import re
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from longcode.domain.message import is_tag, iso
from longcode.domain.priority import Priority
from longcode_cli import numbers
from longcode_cli.commands.send.sheet import Encoding
from longcode_cli.options import moment

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


class Category(StrEnum):
    """What a text is called, by which quiet hours go."""

    TRANSACTIONAL = "transactional"
    MARKETING = "marketing"


FileOption = Annotated[
    str | None,
    typer.Argument(metavar="FILE", help="A CSV file, or - for the standard input.", show_default=False),
]
ToOption = Annotated[str | None, typer.Option("--to", metavar="NUMBER", help="Send one text, to this number.")]
TextOption = Annotated[
    str | None,
    typer.Option("--text", metavar="TEXT", help="The text; {name} is what the column name has. {{ is a brace."),
]
TextColumnOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The column of the texts.  [default: text, message, sms or body]"),
]
ToColumnOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The column of the recipients.  [default: to, phone, number, mobile, …]"),
]
TagOption = Annotated[
    str | None,
    typer.Option(metavar="TAG", help="The tag of all texts.  [default of a file: send- and a part of its hash]"),
]
AtOption = Annotated[
    str | None,
    typer.Option("--send-at", "--at", metavar="TIME", help="When to send, as 2026-12-01T09:30:00-05:00."),
]
CategoryOption = Annotated[
    Category | None, typer.Option(help="Texts of marketing keep quiet hours.", show_default=False)
]
PriorityOption = Annotated[
    Priority | None, typer.Option(help="[default: bulk, and transactional of one text]", show_default=False)
]
CountryOption = Annotated[
    str, typer.Option("--default-country", metavar="XX", help="The country of numbers without a plus.")
]
EncodingOption = Annotated[
    Encoding | None,
    typer.Option(help="How the file is encoded.  [default: UTF-8 or UTF-16, as it is]", show_default=False),
]
DelimiterOption = Annotated[
    str | None, typer.Option(metavar="CHAR", help="What parts the columns.  [default: , ; | or tab, as it is]")
]
AgainOption = Annotated[
    str, typer.Option(metavar="NAME", help="Send what was sent before once more, on purpose, under this name.")
]
ResultsOption = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="The result file.  [default: FILE.results.csv beside FILE.csv]"),
]
SkipOption = Annotated[
    bool, typer.Option("--skip-problems", help="Send the rows that are right, without the others.")
]
PatienceOption = Annotated[
    float, typer.Option(min=1, metavar="SECONDS", help="How long an API that does not answer is asked again.")
]


@dataclass(frozen=True, slots=True)
class OfFile:
    """The options that only a file has, in the place of one text."""

    file: str | None
    to_column: str | None
    text_column: str | None
    encoding: Encoding | None
    delimiter: str | None
    again: str
    results: Path | None
    skip_problems: bool

    def expect_none(self) -> None:
        """Raises BadParameter if any was given."""
        for option in fields(self):
            if getattr(self, option.name):
                name = "FILE" if option.name == "file" else f"--{option.name.replace('_', '-')}"
                raise typer.BadParameter("does not go with --to, which is for one text.", param_hint=name)

    def expect_whole(self, text: str | None) -> str:
        """The file. Raises BadParameter where there is none, or options do not go together."""
        if self.file is None:
            raise typer.BadParameter("Give a CSV file, or --to NUMBER and --text TEXT.", param_hint="FILE")
        if text is not None and self.text_column is not None:
            raise typer.BadParameter("Give one of --text and --text-column.", param_hint="--text")
        if text is not None and not text.strip():
            raise typer.BadParameter("is empty.", param_hint="--text")
        if self.again and not _NAME.fullmatch(self.again):
            raise typer.BadParameter("must be of letters, digits, - and _, up to 40.", param_hint="--again")
        return self.file


# Any: JSON.
def shared_fields(tag: str | None, at: str | None, category: Category | None, country: str) -> dict[str, Any]:
    """The fields that all texts have. Raises BadParameter for what can be none."""
    if not numbers.is_region(country.upper()):
        raise typer.BadParameter("must be the two letters of a country, as US.", param_hint="--default-country")
    fields: dict[str, Any] = {}
    if tag is not None:
        if not is_tag(tag):
            raise typer.BadParameter("must have 1 to 64 visible characters.", param_hint="--tag")
        fields["metadata"] = {"tag": tag}
    if at is not None:
        fields["send_at"] = iso(moment(at, "--send-at"))
    if category is not None:
        fields["category"] = category.value
    return fields


# Any: JSON.
def one_text(
    to: str, text: str | None, shared: dict[str, Any], country: str, priority: Priority | None
) -> dict[str, Any]:
    """The body of one text. Raises BadParameter for what can be none."""
    if not text:
        raise typer.BadParameter("is what is sent: give it.", param_hint="--text")
    try:
        number = numbers.e164(to, country.upper())
    except ValueError as exc:
        raise typer.BadParameter(f"{exc}.", param_hint="--to") from None
    return {"to": number, "message": text} | shared | ({"priority": priority.value} if priority else {})
