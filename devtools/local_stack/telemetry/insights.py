"""The part of the CloudWatch Logs Insights language that this project's queries use, over log lines in memory."""

# What is not known here raises, and names the query.

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .series import percentile


class BadQuery(ValueError):
    """A query that can't be read, or that uses what is not known here."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a log group."""

    at_ms: int
    group: str
    message: str

    # Any: what JSON may hold.
    def json(self) -> dict[str, Any] | None:
        """What the line holds, if it is an object in JSON."""
        try:
            found = json.loads(self.message)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def fields(self) -> dict[str, Any]:
        """What Insights discovers in it: JSON under dotted names, and its own fields with an @."""
        found: dict[str, Any] = {"@timestamp": self.at_ms, "@message": self.message, "@log": self.group}
        found.update(_flat("", self.json() or {}))
        return found


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(f"{prefix}.{name}" if prefix else name, inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _flat(f"{prefix}.{number}", inner)
    else:
        yield prefix, value


Row = dict[str, Any]
_Value = Callable[[Row], Any]
_Aggregate = Callable[[Sequence[Row]], Any]
_Step = Callable[[list[Row]], list[Row]]


@dataclass(slots=True)
class Query:
    """A query that was read."""

    sources: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)  # every field of a log line that it names
    _first: list[_Step] = field(default_factory=list)  # filters and fields before anything else, row by row
    _steps: list[_Step] = field(default_factory=list)

    def run(self, lines: Sequence[LogLine]) -> list[Row]:
        """The rows that it answers, with its columns in them."""
        return self.answer(self.keep([line.fields() for line in lines]))

    def keep(self, rows: list[Row]) -> list[Row]:
        """Those of a part of the log that the query looks at: what its filters let pass, each row for itself."""
        rows = [row for row in rows if not self.sources or row["@log"] in self.sources]
        for step in self._first:
            rows = step(rows)
        return rows

    def answer(self, kept: Sequence[Row]) -> list[Row]:
        """The rows that it answers, from all that it kept."""
        # Insights answers the latest first unless a query says otherwise.
        rows = sorted(kept, key=lambda row: -row["@timestamp"])
        for step in self._steps:
            rows = step(rows)
        return rows

    def _each(self, step: _Step) -> None:
        (self._steps or self._first).append(step)


def read(text: str) -> Query:
    """Read a query. Raises BadQuery."""
    return _Reader(text).read()


_TOKEN = re.compile(
    r"""\s*(?:
        (?P<regex>/(?:\\.|[^/\\])+/i?)            # only where a pattern may stand
      | (?P<text>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")
      | (?P<span>\d+(?:ms|s|m|h|d)\b)
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<name>@?[A-Za-z_][\w@]*(?:\.\w+)*|`[^`]+`)
      | (?P<sign>=~|!=|<=|>=|[=<>(),|*\[\]+\-])
    )""",
    re.VERBOSE,
)
_SPANS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class _Reader:
    """A recursive descent over the tokens of one query."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._split(re.sub(r"(?m)^\s*#.*$", "", text)))
        self._at = 0
        self._query = Query()
        self._made: set[str] = set()

    def _split(self, text: str) -> Iterator[tuple[str, str]]:
        at = 0
        text = text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self._bad(text[at : at + 20].strip())
            assert found.lastgroup
            yield found.lastgroup, found[found.lastgroup]
            at = found.end()

    def _bad(self, what: str) -> BadQuery:
        return BadQuery(f"{what!r} is not known here, in {' '.join(self._text.split())!r}.")

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _next(self, kind: str | None = None) -> str:
        if self._at >= len(self._tokens) or (kind and self._tokens[self._at][0] != kind):
            raise self._bad(self._peek() or "the end")
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _take(self, *words: str) -> bool:
        """Whether these are the next words; if so, they are passed."""
        ahead = [token[1].lower() for token in self._tokens[self._at : self._at + len(words)]]
        if ahead != list(words):
            return False
        self._at += len(words)
        return True

    def read(self) -> Query:
        while True:
            command = self._next("name").lower()
            work = getattr(self, f"_{command}_command", None)
            if work is None:
                raise self._bad(command)
            work()
            if self._at == len(self._tokens):
                break
            if not self._take("|"):
                raise self._bad(self._peek())
        if not self._query.columns:
            self._query.columns = ["@timestamp", "@message"]
        return self._query

    def _listed(self, one: Callable[[], Any]) -> list[Any]:
        found = [one()]
        while self._take(","):
            found.append(one())
        return found

    # -------------------------------------------------------------------------------------- commands

    def _source_command(self) -> None:
        self._query.sources += self._listed(lambda: self._next("text")[1:-1])

    def _fields_command(self) -> None:
        named = self._listed(lambda: self._named(self._value))
        self._query.columns += [name for name, _ in named]
        self._query._each(lambda rows: [row | {name: value(row) for name, value in named} for row in rows])

    def _display_command(self) -> None:
        self._query.columns = self._listed(self._field)

    def _filter_command(self) -> None:
        wanted = self._either()
        self._query._each(lambda rows: [row for row in rows if wanted(row)])

    def _stats_command(self) -> None:
        aggregates: list[tuple[str, _Aggregate]] = self._listed(lambda: self._named(self._aggregate))
        groups: list[tuple[str, _Value]] = []
        if self._take("by"):
            groups = self._listed(lambda: self._named(self._value))
        self._query.columns = [name for name, _ in [*groups, *aggregates]]
        self._made.update(self._query.columns)

        def work(rows: list[Row]) -> list[Row]:
            gathered: dict[tuple[Any, ...], list[Row]] = {}
            for row in rows:
                gathered.setdefault(tuple(value(row) for _, value in groups), []).append(row)
            return [
                {name: part for (name, _), part in zip(groups, key, strict=True)}
                | {name: aggregate(members) for name, aggregate in aggregates}
                for key, members in gathered.items()
            ]

        self._query._steps.append(work)

    def _sort_command(self) -> None:
        keys = self._listed(lambda: (self._field(), self._descending()))

        def work(rows: list[Row]) -> list[Row]:
            for name, descending in reversed(keys):
                rows = sorted(rows, key=lambda row: _order(row.get(name)), reverse=descending)
            return rows

        self._query._steps.append(work)

    def _descending(self) -> bool:
        if self._take("desc"):
            return True
        self._take("asc")
        return False

    def _limit_command(self) -> None:
        most = int(self._next("number"))
        self._query._steps.append(lambda rows: rows[:most])

    def _dedup_command(self) -> None:
        names = self._listed(self._field)

        def work(rows: list[Row]) -> list[Row]:
            first: dict[tuple[Any, ...], Row] = {}
            for row in rows:
                first.setdefault(tuple(row.get(name) for name in names), row)
            return list(first.values())

        self._query._steps.append(work)

    # ---------------------------------------------------------------------------------------- values

    def _named(self, one: Callable[[], Any]) -> tuple[str, Any]:
        start = self._at
        value = one()
        name = "".join(token for _, token in self._tokens[start : self._at]).strip("`")
        if self._take("as"):
            name = self._next("name").strip("`")
            self._made.add(name)
        return name, value

    def _field(self) -> str:
        name = self._next("name").strip("`")
        if name not in self._made:
            self._query.used.add(name)
        return name

    def _value(self) -> _Value:
        kind, token = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        if kind == "text":
            self._at += 1
            text = token[1:-1]
            return lambda _row: text
        if kind == "number":
            self._at += 1
            number = float(token)
            return lambda _row: number
        if self._take("bin", "("):
            width = self._span()
            self._close()
            return lambda row: row["@timestamp"] // width * width
        name = self._field()
        if self._peek() == "(":
            raise self._bad(f"{name}()")
        return lambda row: row.get(name)

    def _span(self) -> int:
        found = re.fullmatch(r"(\d+)(\w+)", self._next("span"))
        assert found
        return int(found[1]) * _SPANS[found[2]]

    def _close(self) -> None:
        if not self._take(")"):
            raise self._bad(self._peek())

    def _aggregate(self) -> _Aggregate:
        name = self._next("name").lower()
        if not self._take("(") or name not in _AGGREGATES:
            raise self._bad(name)
        share = 0.0
        of: _Value | None = None
        if not self._take("*") and self._peek() != ")":
            of = self._value()
            if self._take(","):
                share = float(self._next("number")) / 100
        self._close()
        if of is None:
            if name != "count":
                raise self._bad(f"{name}()")
            return lambda rows: len(rows)
        value, reduce = of, _AGGREGATES[name]

        def work(rows: Sequence[Row]) -> Any:
            found = [value(row) for row in rows]
            present = [one for one in found if one is not None]
            return reduce(present, share) if present or name in ("count", "count_distinct") else None

        return work

    # ------------------------------------------------------------------------------------ conditions

    def _either(self) -> _Value:
        parts = [self._all()]
        while self._take("or"):
            parts.append(self._all())
        return lambda row: any(part(row) for part in parts)

    def _all(self) -> _Value:
        parts = [self._one()]
        while self._take("and"):
            parts.append(self._one())
        return lambda row: all(part(row) for part in parts)

    def _one(self) -> _Value:
        if self._take("not"):
            inner = self._one()
            return lambda row: not inner(row)
        if self._take("("):
            inner = self._either()
            self._close()
            return inner
        if self._take("ispresent", "("):
            name = self._field()
            self._close()
            return lambda row: row.get(name) is not None
        left = self._value()
        if self._take("not", "like"):
            like = self._like()
            return lambda row: not like(left(row))
        if self._take("like") or self._take("=~"):
            like = self._like()
            return lambda row: like(left(row))
        if self._take("in", "["):
            among = [value({}) for value in self._listed(self._value)]
            if not self._take("]"):
                raise self._bad(self._peek())
            return lambda row: left(row) in among
        return self._compared(left)

    def _compared(self, left: _Value) -> _Value:
        sign = self._next("sign")
        if sign not in _COMPARISONS:
            raise self._bad(sign)
        compare, right = _COMPARISONS[sign], self._value()

        def work(row: Row) -> bool:
            try:
                return compare(left(row), right(row))
            except TypeError:
                return False  # one of them is not there, or they are of two kinds

        return work

    def _like(self) -> Callable[[Any], bool]:
        kind, token = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        self._at += 1
        if kind == "regex":
            pattern = re.compile(token.rstrip("i")[1:-1], re.IGNORECASE if token.endswith("i") else 0)
            return lambda value: value is not None and pattern.search(str(value)) is not None
        if kind == "text":
            return lambda value: value is not None and token[1:-1] in str(value)
        raise self._bad(token or "the end")


_AGGREGATES: Mapping[str, Callable[[list[Any], float], Any]] = {
    "count": lambda values, _: len(values),
    "count_distinct": lambda values, _: len(set(values)),
    "sum": lambda values, _: sum(values),
    "avg": lambda values, _: sum(values) / len(values),
    "min": lambda values, _: min(values),
    "max": lambda values, _: max(values),
    "pct": lambda values, share: percentile(values, share),
    # Rows come latest first.
    "latest": lambda values, _: values[0],
    "earliest": lambda values, _: values[-1],
}


def _order(value: Any) -> tuple[int, Any]:
    if value is None:
        return (0, 0)
    return (1, value) if isinstance(value, int | float) else (2, str(value))
