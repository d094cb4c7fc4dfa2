"""Counts what each call to AWS is billed as, by the hooks of botocore's clients."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from devtools.cost import units

# Any: botocore's clients and parameters are made at run time.
Client = Any
Params = Mapping[str, Any]

_CHUNK = 64 * 1024


@dataclass
class Counts:
    """What is billed, in AWS's own units; `calls`, `wait_ms` and `provider_calls` only make up the duration."""

    api_requests: float = 0
    invocations: float = 0
    memory_mb: float = 0
    calls: float = 0
    provider_calls: float = 0
    wait_ms: float = 0
    table_writes: float = 0
    index_writes: float = 0
    failed_writes: float = 0
    reads: float = 0
    queue_requests: float = 0
    events: float = 0
    log_bytes: float = 0
    log_lines: float = 0

    def plus(self, other: "Counts", times: float = 1) -> "Counts":
        """The sum of both, the other one `times` over. The memory is the larger."""
        sums = {f.name: getattr(self, f.name) + times * getattr(other, f.name) for f in fields(self)}
        return Counts(**sums | {"memory_mb": max(self.memory_mb, other.memory_mb)})


class Counter:
    """Watches clients and adds up in `now`; `written` is what the table's stream would have."""

    def __init__(self, indexes: Mapping[str, list[dict[str, Any]]], tables: Client) -> None:
        # Table name → its global indexes, as the template declares them.
        self._indexes = indexes
        # Another client of the same tables, which is not watched.
        self._tables = tables
        self.now = Counts()
        self.written: list[tuple[Any, Any]] = []
        self._before: list[tuple[str, Params, Any]] = []

    def watch(self, client: Client) -> None:
        """Count the calls of this client from now on."""
        service = client.meta.service_model.service_name
        client.meta.events.register(f"provide-client-params.{service}", self._provide)
        client.meta.events.register(f"after-call.{service}", self._after)

    def _provide(self, params: dict[str, Any], model: Any, **_more: object) -> None:
        self._params = params
        self._before = [(table, key, self._item(table, key)) for table, key in _written_keys(model.name, params)]

    def _after(self, parsed: dict[str, Any], model: Any, http_response: Any, **_more: object) -> None:
        self.now.calls += 1
        count = getattr(self, f"_{model.name}", None)
        if count is None:
            raise AssertionError(f"What {model.name} is billed as is unknown: add it to devtools/cost/count.py.")
        self._ok = http_response.status_code < 300
        count(self._params, parsed)

    def _item(self, table: str, key: Params) -> Any:
        return self._tables.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")

    def _write(self, *, times: int = 1) -> None:
        for table, key, before in self._before:
            after = self._item(table, key)
            if not self._ok:
                self.now.failed_writes += times * units.writes(before, None)
                continue
            self.now.table_writes += times * units.writes(before, after)
            for index in self._indexes[table]:
                self.now.index_writes += units.index_writes(index, "pk", before, after)
            if before != after:
                self.written.append((before, after))

    def _PutItem(self, _params: Params, _parsed: Params) -> None:
        self._write()

    _UpdateItem = _DeleteItem = _PutItem

    def _TransactWriteItems(self, _params: Params, _parsed: Params) -> None:
        self._write(times=2)

    def _GetItem(self, params: Params, parsed: Params) -> None:
        found = units.size(parsed.get("Item", {}))
        self.now.reads += units.reads(found, consistent=params.get("ConsistentRead", False))

    def _BatchGetItem(self, params: Params, parsed: Params) -> None:
        for table, wanted in params["RequestItems"].items():
            consistent = wanted.get("ConsistentRead", False)
            found = [units.size(item) for item in parsed["Responses"].get(table, [])]
            # Each item is rounded up by itself, also one that is not there.
            missing = len(wanted["Keys"]) - len(found)
            self.now.reads += sum(units.reads(size, consistent=consistent) for size in found + [0] * missing)

    def _Query(self, params: Params, parsed: Params) -> None:
        items = parsed.get("Items")
        if items is None:
            # A count reads what it counts.
            plain = {name: value for name, value in params.items() if name != "Select"}
            items = self._tables.query(**plain)["Items"]
        self.now.reads += units.reads(sum(map(units.size, items)), consistent=params.get("ConsistentRead", False))

    def _Scan(self, params: Params, parsed: Params) -> None:
        # No scan of ours filters, so what it reads is what it answers.
        self.now.reads += units.reads(
            sum(map(units.size, parsed["Items"])), consistent=params.get("ConsistentRead", False)
        )

    def _SendMessageBatch(self, params: Params, _parsed: Params) -> None:
        length = sum(len(row["MessageBody"].encode()) for row in params["Entries"])
        self.now.queue_requests += max(1, math.ceil(length / _CHUNK))

    def _queue_request(self, _params: Params, _parsed: Params) -> None:
        self.now.queue_requests += 1

    _DeleteMessageBatch = _ChangeMessageVisibilityBatch = _GetQueueAttributes = _queue_request

    def _PutEvents(self, params: Params, _parsed: Params) -> None:
        for row in params["Entries"]:
            length = 14 + sum(len(str(row[name]).encode()) for name in ("Source", "DetailType", "Detail"))
            self.now.events += max(1, math.ceil(length / _CHUNK))


def _written_keys(operation: str, params: Params) -> list[tuple[str, Params]]:
    """Table and key of each item that a call may change."""
    if operation == "TransactWriteItems":
        parts = [(kind.title(), part) for row in params["TransactItems"] for kind, part in row.items()]
    elif operation in ("PutItem", "UpdateItem", "DeleteItem"):
        parts = [(operation.removesuffix("Item"), params)]
    else:
        return []
    return [
        (part["TableName"], {"pk": part["Item"]["pk"]} if kind == "Put" else part["Key"]) for kind, part in parts
    ]
