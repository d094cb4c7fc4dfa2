"""The part of CloudWatch's metric math that this project uses."""

# What is not known here raises, and names the expression: no alarm must pass a test because half of it was
# skipped. Missing data are treated as CloudWatch's guide says: as 0 in arithmetic and comparisons of two series
# where one of them has a value; there is no point where both have none, or where something is divided by 0.

import ast
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .series import Grid, MetricKey, Points, Telemetry

Value = float | Points | list[Points]


class BadExpression(ValueError):
    """An expression that can't be read, or that uses what is not known here."""


@dataclass(frozen=True, slots=True)
class Query:
    """A metric with its statistic, or an expression over the others of its request."""

    id: str
    key: MetricKey | None = None
    statistic: str = ""
    expression: str = ""


@dataclass(slots=True)
class Request:
    """Metrics and expressions that know each other by their ids, over one stretch of time."""

    queries: Sequence[Query]
    telemetry: Telemetry
    grid: Grid
    _known: dict[str, Value] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)

    def series(self, ident: str) -> list[Points]:
        """The series that a metric or an expression comes to. Raises BadExpression."""
        value = self.value(ident)
        if isinstance(value, float):
            raise BadExpression(f"{self._query(ident).expression!r} is one number, and must be a series.")
        return value if isinstance(value, list) else [value]

    def value(self, ident: str) -> Value:
        """The same, or a number. Raises BadExpression."""
        if ident not in self._known:
            query = self._query(ident)
            if ident in self._open:
                raise BadExpression(f"{query.expression!r} needs itself.")
            self._open.append(ident)
            self._known[ident] = (
                self.telemetry.points(query.key, query.statistic, self.grid)
                if query.key
                else _Reader(query.expression, self).read()
            )
            self._open.remove(ident)
        return self._known[ident]

    def metrics(self, part: str) -> list[Points]:
        """The metrics, and none of the expressions, that have `part` in their ids."""
        found = (self.value(query.id) for query in self.queries if query.key and part in query.id)
        return [value for value in found if isinstance(value, dict)]

    def _query(self, ident: str) -> Query:
        for query in self.queries:
            if query.id == ident:
                return query
        raise BadExpression(f"There is no metric or expression {ident!r}.")


def names(expression: str) -> set[str]:
    """The ids that an expression uses. Raises BadExpression."""
    tree = _tree(expression)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and id(node) not in called and not node.id.isupper()
    }


def _tree(expression: str) -> ast.expr:
    """The expression as a tree of Python's, whose grammar has all of it but the words for and and or."""
    python = re.sub(r"&&|\bAND\b", " and ", re.sub(r"\|\||\bOR\b", " or ", expression))
    try:
        return ast.parse(python.strip(), mode="eval").body
    except SyntaxError as exc:
        raise BadExpression(f"{expression!r} can't be read: {exc.msg}.") from exc


class _Reader:
    """Works out one expression."""

    def __init__(self, expression: str, request: Request) -> None:
        self._expression = expression
        self._request = request

    def read(self) -> Value:
        return self._value(_tree(self._expression))

    def _bad(self, what: str) -> BadExpression:
        return BadExpression(f"{self._expression!r}: {what} is not known here.")

    def _value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=ident):
                return self._request.value(ident)
            case ast.List(elts=elements):
                return [points for element in elements for points in self._series(element)]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return _each(lambda value: -value, self._value(operand))
            case (
                ast.BinOp(left=left, op=operator, right=right)
                | ast.Compare(left=left, ops=[operator], comparators=[right])
            ) if type(operator) in _BINARY:
                return _both(_BINARY[type(operator)], self._value(left), self._value(right))
            case ast.BoolOp(op=operator, values=[first, *others]):
                value = self._value(first)
                for other in others:
                    value = _both(_LOGIC[type(operator)], value, self._value(other))
                return value
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
                return _FUNCTIONS[name](self, arguments)
            case ast.Call(func=ast.Name(id=name)):
                raise self._bad(f"{name}()")
        raise self._bad(ast.unparse(node))

    def _series(self, node: ast.expr) -> list[Points]:
        value = self._value(node)
        if isinstance(value, float):
            raise BadExpression(f"{self._expression!r}: {ast.unparse(node)} must be a series.")
        return value if isinstance(value, list) else [value]

    # ------------------------------------------------------------------------------------- functions

    def _metrics(self, arguments: list[ast.expr]) -> Value:
        match arguments:
            case []:
                return self._request.metrics("")
            case [ast.Constant(value=str() as part)]:
                return self._request.metrics(part)
        raise self._bad("this use of METRICS()")

    def _fill(self, arguments: list[ast.expr]) -> Value:
        match arguments:
            case [of, ast.Name(id="REPEAT")]:
                filled = [self._repeated(points) for points in self._series(of)]
            case [of, filler]:
                filler_value = self._value(filler)
                filled = [self._filled(points, filler_value) for points in self._series(of)]
            case _:
                raise self._bad("this use of FILL()")
        return filled if isinstance(self._value(arguments[0]), list) else filled[0]

    def _filled(self, points: Points, filler: Value) -> Points:
        if isinstance(filler, list):
            raise self._bad("an array to fill with")
        more = dict.fromkeys(self._request.grid, filler) if isinstance(filler, float) else filler
        return dict(sorted((more | points).items()))

    def _repeated(self, points: Points) -> Points:
        filled: Points = {}
        last: float | None = None
        for at in self._request.grid:
            last = points.get(at, last)
            if last is not None:
                filled[at] = last
        return filled

    def _if(self, arguments: list[ast.expr]) -> Value:
        if len(arguments) not in (2, 3):
            raise self._bad("IF() with other than two or three arguments")
        condition = self._value(arguments[0])
        then = self._value(arguments[1])
        otherwise: Value = self._value(arguments[2]) if len(arguments) == 3 else {}
        if isinstance(condition, float):
            return then if condition else otherwise
        if isinstance(condition, list) or isinstance(then, list) or isinstance(otherwise, list):
            raise self._bad("IF() of an array")
        chosen: Points = {}
        for at, true in condition.items():
            if true:
                chosen[at] = then if isinstance(then, float) else then.get(at, 0.0)
            elif isinstance(otherwise, float):
                chosen[at] = otherwise
            elif at in otherwise:
                chosen[at] = otherwise[at]
        return chosen

    def _period(self, arguments: list[ast.expr]) -> Value:
        match arguments:
            case [ast.Name()]:
                return float(self._request.grid.period_s)
        raise self._bad("this use of PERIOD()")

    def _running_sum(self, arguments: list[ast.expr]) -> Value:
        if len(arguments) != 1 or isinstance(points := self._value(arguments[0]), float | list):
            raise self._bad("this use of RUNNING_SUM()")
        total, sums = 0.0, {}
        for at, value in points.items():
            total += value
            sums[at] = total
        return sums


def _aggregate(reduce: Callable[[list[float]], float], *, missing_is_zero: bool) -> "_Function":
    """SUM and its like: of one series a number, of an array a series."""

    def work(reader: _Reader, arguments: list[ast.expr]) -> Value:
        if len(arguments) != 1:
            raise reader._bad("an aggregate of other than one argument")
        value = reader._value(arguments[0])
        if isinstance(value, float):
            return value
        if isinstance(value, dict):
            return reduce(list(value.values())) if value else 0.0
        combined: Points = {}
        for at in sorted({at for points in value for at in points}):
            found = [points[at] for points in value if at in points]
            if missing_is_zero:
                found += [0.0] * (len(value) - len(found))
            combined[at] = reduce(found)
        return combined

    return work


_Function = Callable[[_Reader, list[ast.expr]], Value]
_FUNCTIONS: dict[str, _Function] = {
    "SUM": _aggregate(sum, missing_is_zero=True),
    "AVG": _aggregate(lambda values: sum(values) / len(values), missing_is_zero=True),
    "MAX": _aggregate(max, missing_is_zero=False),
    "MIN": _aggregate(min, missing_is_zero=False),
    "METRICS": _Reader._metrics,
    "FILL": _Reader._fill,
    "IF": _Reader._if,
    "PERIOD": _Reader._period,
    "RUNNING_SUM": _Reader._running_sum,
}

# None: there is no such point.
_Operator = Callable[[float, float], float | None]
_BINARY: Mapping[type[ast.operator | ast.cmpop], _Operator] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b if b else None,
    ast.Lt: lambda a, b: float(a < b),
    ast.LtE: lambda a, b: float(a <= b),
    ast.Gt: lambda a, b: float(a > b),
    ast.GtE: lambda a, b: float(a >= b),
    ast.Eq: lambda a, b: float(a == b),
    ast.NotEq: lambda a, b: float(a != b),
}
_LOGIC: Mapping[type[ast.boolop], _Operator] = {
    ast.And: lambda a, b: float(bool(a) and bool(b)),
    ast.Or: lambda a, b: float(bool(a) or bool(b)),
}


def _each(work: Callable[[float], float], value: Value) -> Value:
    if isinstance(value, float):
        return work(value)
    if isinstance(value, dict):
        return {at: work(number) for at, number in value.items()}
    return [{at: work(number) for at, number in points.items()} for points in value]


def _both(work: _Operator, left: Value, right: Value) -> Value:
    if isinstance(left, list):
        others = right if isinstance(right, list) else [right] * len(left)
        return [_pair(work, points, other) for points, other in zip(left, others, strict=True)]
    if isinstance(right, list):
        return [_pair(work, left, points) for points in right]
    if isinstance(left, float) and isinstance(right, float):
        result = work(left, right)
        if result is None:
            raise BadExpression("A number is divided by 0.")
        return result
    return _pair(work, left, right)


def _pair(work: _Operator, left: float | Points, right: float | Points) -> Points:
    moments: Iterable[int] = {at for side in (left, right) if isinstance(side, dict) for at in side}
    found = {
        at: work(
            left.get(at, 0.0) if isinstance(left, dict) else left,
            right.get(at, 0.0) if isinstance(right, dict) else right,
        )
        for at in sorted(moments)
    }
    return {at: value for at, value in found.items() if value is not None}
