"""The emulator's functions: unpacked once, and started no more often than the work needs."""

import threading
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from devtools.local_stack.emulator_workers import Turns, Unpacked, install


@dataclass(slots=True, eq=False)
class Worker:
    in_use: bool = False
    _cold: bool = True


@dataclass(slots=True)
class Emulator:
    """Its own way: any idle worker, else another one."""

    pool: list[Worker] = field(default_factory=list)

    def lease(self) -> Worker:
        for worker in self.pool:
            if not worker.in_use:
                break
        else:
            worker = Worker()
            self.pool.append(worker)
        worker.in_use = True
        return worker

    def release(self, worker: Worker) -> None:
        worker.in_use = False

    def turns(self, patience_s: float, workers: int = 12) -> Turns:
        return Turns(lambda _key: self.pool, self.lease, self.release, patience_s=patience_s, workers=workers)


def asking(turns: Turns, got: list[Any], name: object = None) -> threading.Thread:
    """A call that asks for a worker on a thread of its own."""

    def ask() -> None:
        worker = turns.acquire("queue")
        got.append(worker if name is None else name)
        if name is not None:
            turns.release(worker)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def waiting(turns: Turns, count: int) -> None:
    """Until so many calls stand in the line."""
    while len(turns._lines["queue"]) < count:
        pass


def warm(turns: Turns) -> Worker:
    worker: Worker = turns.acquire("queue")
    worker._cold = False
    return worker


def test_a_call_waits_for_a_warm_worker_before_it_starts_another() -> None:
    emulator, got = Emulator(), list[Any]()
    turns = emulator.turns(patience_s=60)
    busy = warm(turns)
    thread = asking(turns, got)
    waiting(turns, 1)

    turns.release(busy)
    thread.join()

    assert got == [busy]
    assert emulator.pool == [busy]


def test_a_call_that_has_waited_long_enough_starts_another_worker() -> None:
    emulator = Emulator()
    turns = emulator.turns(patience_s=0)

    first, second = warm(turns), warm(turns)

    assert emulator.pool == [first, second]


def test_no_worker_is_started_while_another_of_the_same_function_starts() -> None:
    emulator, got = Emulator(), list[Any]()
    turns = emulator.turns(patience_s=0)
    starting = turns.acquire("queue")
    thread = asking(turns, got)
    waiting(turns, 1)
    assert emulator.pool == [starting]

    starting._cold = False
    thread.join()

    assert len(emulator.pool) == 2


def test_a_function_has_no_more_workers_than_it_may() -> None:
    emulator, got = Emulator(), list[Any]()
    turns = emulator.turns(patience_s=0, workers=2)
    first, second = warm(turns), warm(turns)
    thread = asking(turns, got)
    waiting(turns, 1)

    turns.release(second)
    thread.join()

    assert got == [second]
    assert emulator.pool == [first, second]


def test_who_asks_first_is_served_first() -> None:
    emulator, got = Emulator(), list[Any]()
    turns = emulator.turns(patience_s=60)
    busy = warm(turns)
    threads = []
    for name in range(5):
        threads.append(asking(turns, got, name))
        waiting(turns, name + 1)

    turns.release(busy)
    for thread in threads:
        thread.join()

    assert got == [0, 1, 2, 3, 4]


def _archive(path: Path, text: str) -> Path:
    with zipfile.ZipFile(path, "w") as content:
        content.writestr("python/module.py", text)
    return path


def test_an_archive_is_unpacked_once_for_all_who_ask_for_it(tmp_path: Path) -> None:
    module = Unpacked(tmp_path / "unpacked").as_module()
    targets = []
    for name, text in (("a", "one"), ("b", "one"), ("c", "two")):
        target = tmp_path / name
        target.mkdir()
        with module.ZipFile(_archive(tmp_path / f"{name}.zip", "# " + text)) as archive:
            assert archive.namelist() == []
            archive.extractall(str(target))
        targets.append(target)

    assert [(target / "python/module.py").read_text() for target in targets] == ["# one", "# one", "# two"]
    assert targets[0].resolve() == targets[1].resolve() != targets[2].resolve()
    assert len(list((tmp_path / "unpacked").iterdir())) == 2


def test_the_emulator_leases_its_workers_this_way(tmp_path: Path) -> None:
    asked: list[tuple[Any, ...]] = []
    worker = Worker()

    def lease(name: str, config: dict[str, Any], code: bytes, qualifier: str) -> tuple[Worker, str]:
        asked.append((name, config, code, qualifier))
        return worker, "spawn"

    runtime = SimpleNamespace(_workers={}, _worker_key=lambda name, _config, qualifier: f"{name}:{qualifier}")
    service = SimpleNamespace(acquire_worker=lease, release_worker=lambda worker: asked.append((worker,)))

    install(runtime, service, tmp_path)
    got = service.acquire_worker("queue", {"Version": "1"}, b"code", qualifier="1")
    service.release_worker(worker)

    assert got == (worker, "spawn")
    assert asked == [("queue", {"Version": "1"}, b"code", "1"), (worker,)]
    assert runtime.zipfile.ZipFile(tmp_path / "a.zip").namelist() == []
