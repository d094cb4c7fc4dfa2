"""`longcode send` killed at any moment, with an API that dies and loses answers: the same command goes on."""

import random
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.chance import FULL, SEED, drawn
from tests.longcode_cli.campaigns import Campaign, number, program, results, rows
from tests.support.batch_api import Answer, BatchApi, Died, serving

pytestmark = pytest.mark.slow

# Each start of the program takes a second, so a run has few of them.
ROWS, KILLS = (10_000, 20) if FULL else (2_000, 5)
TEXT = "Hi {first_name}"


def start(file: Path, home: Path) -> subprocess.Popen[str]:
    arguments = ["send", str(file), "--text", TEXT, "--yes", "--dir", str(home)]
    return program(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


class Moments:
    """Lets a test wait for a moment of the API: while it handles one of its next requests."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._left: int | None = None
        self.now = threading.Event()

    def choose(self, within: int) -> None:
        self.now.clear()
        self._left = self._chance.randint(1, within)

    def pass_by(self, _number: int, _path: str, fields: dict[str, Any]) -> Answer | None:
        """One of the points of a request that a kill may fall on."""
        if self._left is not None and not fields.get("dry_run"):
            self._left -= 1
            if self._left == 0:
                self.now.set()
                if self._chance.random() < 0.5:
                    # The client is killed while it waits for this answer; or the answer is on its way.
                    time.sleep(0.05)
        return None


def test_killed_at_any_moment_it_sends_nothing_twice_and_loses_nothing(tmp_path: Path) -> None:
    chance = drawn("kills of send")
    moments = Moments(chance)
    api = BatchApi(before=moments.pass_by, half_way=moments.pass_by, after=moments.pass_by)
    file, out = tmp_path / "list.csv", tmp_path / "list.results.csv"
    file.write_text(rows(ROWS))
    killed = 0
    with serving(api, tmp_path / "stack"):
        while killed < KILLS:
            # Three points of a request, and a batch or two until it is killed.
            moments.choose(within=max(3, ROWS // 500 * 3 // KILLS))
            process = start(file, tmp_path / "stack")
            while not moments.now.wait(0.01) and process.poll() is None:
                pass
            if process.poll() is not None:
                break
            # As long as it may take to write a result down.
            moments.now.clear()
            moments.now.wait(chance.random() * 0.01)
            process.kill()
            process.communicate()
            killed += 1
            if chance.random() < 0.3 and out.exists():
                # The disk lost what came last.
                content = out.read_bytes()
                out.write_bytes(content[: chance.randint(0, len(content))])
        moments.choose(within=10**9)
        process = start(file, tmp_path / "stack")
        said, _ = process.communicate(timeout=60)

    assert process.returncode == 0, f"TEST_SEED={SEED}: {said}"
    assert killed >= KILLS * 3 // 4
    assert api.sent() == Counter({(number(place), f"Hi Name{place}"): 1 for place in range(ROWS)})
    found = results(out)
    assert {int(row["row"]) for row in found} == set(range(2, ROWS + 2))
    assert {row["message_id"] for row in found} == set(api.texts)


@pytest.mark.parametrize("trouble", ["before", "half_way", "after"])
def test_a_network_that_dies_at_any_point_of_a_request_is_waited_for(tmp_path: Path, trouble: str) -> None:
    died = list[int]()

    def die(number: int, _path: str, _fields: dict[str, Any]) -> Answer | None:
        if len(died) < 2 and number % 2:
            died.append(number)
            raise Died
        return None

    api = BatchApi()
    setattr(api, trouble, die)
    with serving(api, tmp_path / "stack"):
        campaign = Campaign(tmp_path, api)
        result = campaign.send(campaign.file(rows(1_200)), "--text", TEXT, "--yes")

    assert result.exit_code == 0, result.output
    assert len(died) == 2
    assert "does not answer" in result.stderr
    assert api.sent() == Counter({(number(place), f"Hi Name{place}"): 1 for place in range(1_200)})
