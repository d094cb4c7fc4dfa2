"""The API keys of a stack: what API Gateway has of them, and what the table says that each may do."""

import secrets
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from longcode.domain.api_keys import ApiKey, KeyKind, Scope
from longcode.domain.message import utc
from longcode_cli.problems import Problem
from longcode_cli.stack import Stack
from longcode_cli.terminal import now_ms

_LETTERS, _VALUE_LETTERS = string.ascii_letters + string.digits, 40
# So far back it is looked up when a key was used.
_USED_DAYS = 30


@dataclass(frozen=True, slots=True)
class Row:
    """One key. `rights` is None where the table says nothing of it; a key outside of the plan opens nothing.

    `made_here` is whether `longcode keys` made it, `own` whether it is the stack's own.
    """

    id: str
    name: str
    rights: ApiKey | None
    in_plan: bool
    made_here: bool
    own: bool = False

    def half_made(self, now_ms: int) -> bool:
        """Whether the command that made it was stopped, or the one that revoked it: it may do nothing."""
        return self.made_here and not (self.in_plan and self.rights and not self.rights.ended(now_ms))


class Keyring:
    """The keys of `stack`.

    A key works only when the table knows it and the usage plan has it. The plan comes last when one is made, and
    the table first when one is revoked, so that a command which is stopped half way leaves none that works.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._store = stack.api_keys
        # Any: a boto3 client, as Stack.client makes it.
        self._gateway: Any = stack.client("apigateway")
        self._plan = stack.outputs["UsagePlanId"]

    @cached_property
    def _mark(self) -> str:
        return f"Made by longcode keys for {self._stack.stack_name}."

    def _full_name(self, name: str) -> str:
        return f"{self._stack.stack_name}-{name}"

    # -------------------------------------------------------------------------------------- reading

    def rows(self) -> list[Row]:
        """Every key of the usage plan, and every one that was made here; the stack's own first."""
        own = self._stack.outputs["ApiKeyId"]
        in_plan = self._in_plan()
        made = {
            one["id"]: str(one.get("name", ""))
            for one in self._pages("get_api_keys", nameQuery=self._full_name(""), includeValues=False)
            if one.get("description") == self._mark
        }
        everything = ApiKey(own, "", KeyKind.LIVE, frozenset(Scope), 0)
        found = [Row(own, "stack's own", everything, in_plan=True, made_here=False, own=True)]
        for key_id, full_name in sorted({**in_plan, **made}.items(), key=lambda one: (one[1], one[0])):
            if key_id == own:
                continue
            rights = self._store.get(key_id)
            name = full_name.removeprefix(self._full_name("")) if key_id in made else full_name
            found.append(Row(key_id, name, rights, key_id in in_plan, key_id in made))
        return found

    def _in_plan(self) -> dict[str, str]:
        """The name of each key of the plan by its id."""
        of_plan = self._pages("get_usage_plan_keys", usagePlanId=self._plan)
        return {one["id"]: str(one.get("name", "")) for one in of_plan}

    def row(self, key_id: str) -> Row:
        """One of them. Raises Problem if there is none of that id, or it is the stack's own."""
        for row in self.rows():
            if row.id == key_id:
                if row.own:
                    raise Problem(
                        "This is the stack's own key, which CloudFormation keeps.",
                        "docs/operations.md (Changing keys) says how to get another.",
                    )
                return row
        raise Problem(
            f"{self._stack.title} has no API key {key_id}.", "longcode keys list names those that it has."
        )

    def last_used(self, now_ms: int) -> dict[str, str]:
        """The last day (UTC) on which each key was used, as far as API Gateway says; none where it does not."""
        end = utc(now_ms).date()
        span = {"startDate": f"{end - timedelta(days=_USED_DAYS - 1)}", "endDate": f"{end}"}
        try:
            answer = self._gateway.get_usage(usagePlanId=self._plan, **span)
        except ClientError:
            return {}
        found: dict[str, str] = {}
        for key_id, days in (answer.get("items") or {}).items():
            used = [place for place, day in enumerate(days) if day and day[0]]
            if used:
                found[key_id] = f"{end - timedelta(days=len(days) - 1 - used[-1])}"
        return found

    # -------------------------------------------------------------------------------------- changing

    def create(self, rights: ApiKey, before: Callable[[], None] = lambda: None) -> tuple[ApiKey, str]:
        """Make a key with these rights, under an id of its own; it and its value, which no one has yet.

        `before` is called right before it works. Whatever goes wrong, it is gone again.
        """
        # A value of our own: where only the answer is lost, another call makes no second key.
        value = "".join(secrets.choice(_LETTERS) for _ in range(_VALUE_LETTERS))
        name = self._full_name(rights.name)
        made = self._gateway.create_api_key(name=name, description=self._mark, enabled=True, value=value)
        key = replace(rights, id=made["id"])
        try:
            if not self._store.create(key):
                raise Problem(f"The table has a key {key.id} already.", "Run the same command again.")
            before()
            self._gateway.create_usage_plan_key(usagePlanId=self._plan, keyId=key.id, keyType="API_KEY")
        except BaseException:
            # Also where a person stops it.
            self.discard(key.id)
            raise
        return key, value

    def rotate(self, row: Row, ends_ms: int, now_ms: int) -> tuple[ApiKey, str]:
        """Make a key with the rights of another, which ends then; the new one and its value."""
        old = row.rights
        if old is None or old.ended(now_ms) or not row.in_plan:
            raise Problem(f"The key {row.id} does not work.", "longcode keys create makes one.")
        self._expect_last(row, old, now_ms)
        new = replace(old, created_ms=now_ms, expires_ms=None, owner_id=old.owner)
        try:
            # In this order there are never two that work for good.
            return self.create(new, lambda: self._end(old.id, ends_ms))
        except BaseException:
            self._end(old.id, old.expires_ms)
            raise

    def _expect_last(self, row: Row, old: ApiKey, now_ms: int) -> None:
        """Raise Problem for a key that was rotated already; delete what such a command left half done."""
        for other in self.rows():
            if other.id == row.id or other.name != row.name:
                continue
            if other.half_made(now_ms):
                self.discard(other.id)
            elif old.expires_ms is not None and other.rights and other.rights.owner == old.owner:
                raise Problem(
                    f"The key {row.id} was rotated already.",
                    f"Rotate {other.id}, its successor.",
                )

    def _end(self, key_id: str, at_ms: int | None) -> None:
        self._store.end(key_id, at_ms)

    def discard(self, key_id: str) -> None:
        """Take a key's rights, and delete it in API Gateway; one that is gone is no error."""
        self._store.end(key_id, now_ms())
        if key_id in self._in_plan():
            self._leave_plan(key_id)
        with _gone_is_fine():
            self._gateway.delete_api_key(apiKey=key_id)

    def _leave_plan(self, key_id: str) -> None:
        self._gateway.delete_usage_plan_key(usagePlanId=self._plan, keyId=key_id)

    def clean(self, now_ms: int) -> list[Row]:
        """Delete those in API Gateway whose time is over; the rest."""
        left: list[Row] = []
        for row in self.rows():
            if row.made_here and row.rights and row.rights.ended(now_ms):
                self.discard(row.id)
            else:
                left.append(row)
        return left

    def family(self, row: Row) -> list[Row]:
        """A key and those that it was rotated from or into, with the same rights."""
        owner = row.rights.owner if row.rights else row.id
        return [other for other in self.rows() if other.rights and other.rights.owner == owner]

    def take_all(self) -> int:
        """Take all keys but the stack's own from the plan, and delete those that were made here; how many."""
        taken = 0
        for row in self.rows():
            if row.own:
                continue
            taken += 1
            if row.made_here:
                self.discard(row.id)
            else:
                self._leave_plan(row.id)
        return taken

    # Any: JSON of API Gateway.
    def _pages(self, operation: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        for page in self._gateway.get_paginator(operation).paginate(**arguments):
            yield from page.get("items", [])


@contextmanager
def _gone_is_fine() -> Iterator[None]:
    """What is to be deleted may be gone."""
    try:
        yield
    except ClientError as exc:
        if exc.response["Error"]["Code"] != "NotFoundException":
            raise
