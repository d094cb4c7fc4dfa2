"""What the messages table has lost, put back from a restored copy of it.

Only what is missing is written, so that nothing newer is overwritten, and nothing that is written is ever sent:
of a text that waited at the time of the copy nobody knows whether it left afterwards.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from longcode.aws import message_codec
from longcode.aws.restore import TableRestore
from longcode.domain.status import Status
from longcode_cli.target import Target

_WORKERS = 10
_BATCH = 200
# Counters and what they stand for: the publisher counts anew what is put back.
_COUNTED = ("S#", "B#", "H#")


@dataclass(slots=True)
class Restored:
    """How far a restore has come: items read, those that were there, and those put back by what they are."""

    read: int = 0
    there: int = 0
    expired: int = 0
    texts: Counter[Status] = field(default_factory=Counter)
    others: int = 0

    @property
    def put_back(self) -> int:
        """Items of all kinds."""
        return sum(self.texts.values()) + self.others

    @property
    def in_doubt(self) -> int:
        """Texts that had not left, as far as the copy knows."""
        return sum(many for status, many in self.texts.items() if status.rank < Status.SUBMITTED.rank)


def restore(target: Target, table: str, now_ms: int, *, dry_run: bool) -> Iterator[Restored]:
    """Put back what only `table` has, and say after each batch how far it is. It may be run again."""
    done, restoring = Restored(), TableRestore(target.messages.table)
    act: Callable[[Any], bool] = restoring.lacks if dry_run else (lambda item: restoring.put_back(item, now_ms))
    items = (item for item in restoring.copies(table) if not item["pk"]["S"].startswith(_COUNTED))
    with ThreadPoolExecutor(_WORKERS) as pool:
        while batch := list(islice(items, _BATCH)):
            done.read += len(batch)
            alive = [item for item in batch if not _expired(item)]
            done.expired += len(batch) - len(alive)
            for item, missing in zip(alive, pool.map(act, alive), strict=True):
                message = message_codec.image(item)
                if not missing:
                    done.there += 1
                elif message:
                    done.texts[message.status] += 1
                else:
                    done.others += 1
            yield done


def _expired(item: dict[str, Any]) -> bool:
    """Whether DynamoDB would remove it again."""
    return "expires_at" in item and int(item["expires_at"]["N"]) <= time.time()
