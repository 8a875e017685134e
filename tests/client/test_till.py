"""What was served is on disk before it is served, and never above what was promised."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.test_tower import CHANNEL, PAYER
from watchtower.client.till import Tab, Till
from watchtower.units import Address, ChannelId, Drops

NEW = Tab(
    channel=CHANNEL,
    destination=Address("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"),
    public_key=PAYER.public_key,
    served=Drops(0),
    best=Drops(0),
)


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    """A till with one channel."""
    made = Till(tmp_path / "till")
    made.begin(NEW)
    yield made
    made.close()


def tab(till: Till) -> tuple[int, int]:
    """What was served, and the best claim."""
    found = till.find(CHANNEL)
    assert found is not None
    return found.served, found.best


def test_charge_is_within_the_claim(till: Till) -> None:
    """To the drop: what was served so far and the price."""
    assert till.charge(CHANNEL, Drops(10), Drops(10))
    assert not till.charge(CHANNEL, Drops(10), Drops(19))
    assert till.charge(CHANNEL, Drops(10), Drops(20))
    assert tab(till) == (20, 20)


def test_nothing_is_charged_to_a_channel_that_was_never_begun(till: Till) -> None:
    """Nobody knows what was served for it."""
    assert not till.charge(ChannelId("AB" * 32), Drops(1), Drops(100))


def test_channel_is_begun_once(till: Till) -> None:
    """The second process takes what the first one wrote."""
    till.charge(CHANNEL, Drops(10), Drops(10))
    assert till.begin(NEW).served == 10


def test_charge_can_be_taken_back_and_not_more(till: Till) -> None:
    """What was served never falls below nothing."""
    till.charge(CHANNEL, Drops(10), Drops(30))
    till.give_back(CHANNEL, Drops(10))
    till.give_back(CHANNEL, Drops(10))
    assert tab(till) == (0, 30)


def test_till_is_as_it_was_when_it_is_opened_again(tmp_path: Path) -> None:
    """With its secret: challenges hold over a restart, and for every process."""
    first = Till(tmp_path / "till")
    first.begin(NEW)
    first.charge(CHANNEL, Drops(10), Drops(10))
    second = Till(tmp_path / "till")
    assert second.secret == first.secret
    assert len(first.secret) == 32
    assert tab(second) == (10, 10)
    first.close()
    second.close()


@given(st.lists(st.tuples(st.sampled_from(["charge", "back", "note"]), st.integers(1, 40))))
def test_served_is_never_above_the_best_claim(steps: list[tuple[str, int]]) -> None:
    """Whatever happens in whatever order."""
    price, charged = Drops(7), 0
    with TemporaryDirectory() as folder:
        till = Till(Path(folder) / "till")
        till.begin(NEW)
        for step, drops in steps:
            if step == "charge":
                charged += till.charge(CHANNEL, price, Drops(drops))
            elif step == "note":
                till.note(CHANNEL, Drops(drops))
            elif charged:
                till.give_back(CHANNEL, price)
                charged -= 1
            served, best = tab(till)
            assert served == charged * price <= best
        till.close()


RACER = """
import sys
from pathlib import Path
from tests.client.test_tower import CHANNEL
from watchtower.client.till import Till
till = Till(Path(sys.argv[1]))
print(sum(till.charge(CHANNEL, 10, amount) for amount in range(10, 1001, 10)))
"""


def test_processes_that_race_charge_once(till: Till, tmp_path: Path) -> None:
    """Three processes with the same hundred claims: a hundred charges in all, at most."""
    root = Path(__file__).parents[2]

    def race(_: int) -> int:
        told = subprocess.run(
            [sys.executable, "-c", RACER, str(tmp_path / "till")],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": str(root)},
            cwd=root,
        )
        return int(told.stdout)

    with ThreadPoolExecutor(3) as threads:
        charged = sum(threads.map(race, range(3)))
    served, best = tab(till)
    assert served == charged * 10 <= best <= 1_000


FORKED = """
import os, sys
from pathlib import Path
from tests.client.test_till import CHANNEL, NEW
from watchtower.client.till import Till
from watchtower.errors import ClientFileError
till = Till(Path(sys.argv[1]))
till.begin(NEW)
if os.fork() == 0:
    try:
        till.charge(CHANNEL, 1, 1)
    except ClientFileError as problem:
        print(problem, flush=True)
    os._exit(0)
os.wait()
print(till.charge(CHANNEL, 1, 1))
"""


def test_till_that_was_opened_before_a_fork_does_not_work(tmp_path: Path) -> None:
    """Two processes with one of SQLite's connections break the file, and nobody would notice."""
    root = Path(__file__).parents[2]
    told = subprocess.run(
        [sys.executable, "-c", FORKED, str(tmp_path / "till")],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
        cwd=root,
    )
    first, second = told.stdout.splitlines()
    assert "open it in each worker" in first
    assert second == "True"
