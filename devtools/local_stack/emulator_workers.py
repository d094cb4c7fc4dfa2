"""How the emulator's functions are started, on a machine of two cores as on a larger one."""

# The emulator unpacks the function and its layers for each further worker, thousands of files, and starts one for
# each invocation that finds no idle one. Under load that is all it does. Here every archive is unpacked once, and
# an invocation waits a moment for a worker that is warm already before it starts another, one at a time for a
# function.

import hashlib
import os
import threading
import time
import zipfile
from collections import defaultdict, deque
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, Self

# A start takes most of a second of a core, and a call mostly less than a tenth: waiting is quicker, up to here.
PATIENCE_S = 0.3
# Of one function. No fewer than the mappings that the queue may have, each of which keeps a worker busy.
WORKERS = 12
LOOK_EVERY_S = 0.05


class Unpacked:
    """Archives, each unpacked once into `home` under the name of its content."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()

    def folder(self, archive: Path) -> Path:
        """Where the content of `archive` lies."""
        target = self._home / hashlib.sha256(archive.read_bytes()).hexdigest()
        with self._lock:
            if not target.exists():
                partial = target.with_suffix(".partial")
                with zipfile.ZipFile(archive) as content:
                    content.extractall(partial)
                partial.rename(target)
        return target

    def as_module(self) -> SimpleNamespace:
        """What stands in the place of `zipfile` where the emulator unpacks for a worker."""
        return SimpleNamespace(
            ZipFile=lambda archive: SharedArchive(self, Path(archive)),
            BadZipFile=zipfile.BadZipFile,
            LargeFileError=zipfile.LargeZipFile,
        )


class SharedArchive:
    """A zip file that is not unpacked where it is asked for: a link leads to the one copy."""

    def __init__(self, unpacked: Unpacked, archive: Path) -> None:
        self._unpacked = unpacked
        self._archive = archive

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        return None

    def namelist(self) -> list[str]:
        """Nothing: the emulator looks for names that lead out of its folder, and `extractall` lets none do so."""
        return []

    def extractall(self, target: str) -> None:
        """Put a link in the place of `target`, an empty folder."""
        shared = self._unpacked.folder(self._archive)
        os.rmdir(target)
        os.symlink(shared, target)


# Any: the emulator's workers, and what it leases them with.
Lease = Callable[..., Any]


class Turns:
    """Leases the workers of each function in the order of asking, and is slow to start further ones."""

    def __init__(
        self,
        pools: Callable[[str], list[Any]],
        lease: Lease,
        release: Callable[[Any], None],
        *,
        patience_s: float = PATIENCE_S,
        workers: int = WORKERS,
    ) -> None:
        self._pools = pools
        self._lease = lease
        self._release = release
        self._patience_s = patience_s
        self._workers = workers
        self._changed = threading.Condition()
        self._lines: defaultdict[str, deque[object]] = defaultdict(deque)

    def acquire(self, key: str, *arguments: Any, **options: Any) -> Any:
        """A worker of the function `key`, as `lease` answers it, as soon as it is this call's turn."""
        ticket, since = object(), time.monotonic()
        with self._changed:
            line = self._lines[key]
            line.append(ticket)
            try:
                while line[0] is not ticket or not self._may(key, time.monotonic() - since):
                    self._changed.wait(LOOK_EVERY_S)
                return self._lease(*arguments, **options)
            finally:
                line.remove(ticket)
                self._changed.notify_all()

    def release(self, worker: Any) -> None:
        """Give a worker back."""
        with self._changed:
            self._release(worker)
            self._changed.notify_all()

    def _may(self, key: str, waited_s: float) -> bool:
        pool = self._pools(key)
        if not pool or any(not worker.in_use for worker in pool):
            return True
        starting = any(worker._cold for worker in pool)
        return waited_s >= self._patience_s and not starting and len(pool) < self._workers


def install(runtime: Any, service: Any, home: Path) -> None:
    """Let the emulator's `lambda_runtime` and `lambda_svc` work in this way; `home` is for what is unpacked."""
    runtime.zipfile = Unpacked(home).as_module()
    lease = service.acquire_worker
    turns = Turns(lambda key: runtime._workers.get(key, []), lease, service.release_worker)

    def acquire(
        func_name: str, config: dict[str, Any], code_zip: bytes, qualifier: str = "$LATEST", **options: Any
    ) -> Any:
        key = runtime._worker_key(func_name, config, qualifier)
        return turns.acquire(key, func_name, config, code_zip, qualifier=qualifier, **options)

    service.acquire_worker = acquire
    service.release_worker = turns.release
