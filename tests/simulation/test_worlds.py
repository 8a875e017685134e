"""A hundred hostile worlds, and that the same number is the same world."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from simulation.draw import KINDS, RIGHTS, draw
from simulation.entitlement import MASTER_KEY_ONLY
from simulation.illness import ILLNESSES
from simulation.planted import PLANTED
from simulation.rights import CosignerIll, CosignerIllness, Rotate, Theft, Thieve
from simulation.script import ServerIll
from watchtower.keys.authority import Right

WORLDS = 100


def simulate(*arguments: str, hash_seed: str = "0") -> tuple[int, list[str]]:
    """Run the command; its exit code and its lines.

    Which lines of the tower it reaches is not measured: that would take as long as the worlds do.
    """
    environment = {n: v for n, v in os.environ.items() if not n.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-m", "simulation", *arguments],
        env={**environment, "PYTHONHASHSEED": hash_seed},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


def test_nothing_is_lost_that_could_have_been_saved() -> None:
    """In a hundred worlds; what was lost is told apart, and is a small part of it.

    By each right something is redeemed in them.
    """
    code, lines = simulate("--runs", str(WORLDS), "--seed", "0", "--jobs", "1")
    told: dict[str, Any] = json.loads(lines[-1])
    assert (code, told["lost_avoidable_drops"]) == (0, 0), "\n".join(lines)
    assert told["runs_with_wrong_books"] == 0
    assert told["runs"] == WORLDS
    assert told["kinds"][RIGHTS] > 10
    assert set(told["claims_by_right"]) == {right.value for right in Right}
    assert told["ledger_days"] > 10
    assert 0 < told["redeemed_drops"] < told["at_stake_drops"]
    lost = told["lost_unavoidable_drops"]
    assert told["at_stake_drops"] == told["redeemed_drops"] + lost


def test_nothing_is_demanded_while_somebody_else_keeps_the_store_locked() -> None:
    """The tower writes before it sends: in this world a lock lasts up to the channel's end."""
    code, lines = simulate("--runs", "1", "--seed", "502915", "--jobs", "1")
    told: dict[str, Any] = json.loads(lines[-1])
    assert code == 0, "\n".join(lines)
    assert told["faults"]["store_locked"] == 1
    assert told["lost_unavoidable_drops"] > 0


def test_a_daemon_that_refuses_servers_of_another_network_alone_has_not_failed() -> None:
    """In this world a power cut ends while the one server says that it is of another network."""
    code, lines = simulate("--runs", "1", "--seed", "801526", "--jobs", "1")
    told: dict[str, Any] = json.loads(lines[-1])
    assert code == 0, "\n".join(lines)
    assert told["faults"]["wrong_network"] == 1


def test_more_than_a_thousand_that_close_at_once_are_all_redeemed_by_a_daemon_that_is_killed() -> (
    None
):
    """One world of the rarest kind, in which nothing need be lost."""
    code, lines = simulate("--kind", "exodus", "--runs", "1", "--seed", "23", "--jobs", "1")
    told: dict[str, Any] = json.loads(lines[-1])
    assert code == 0, "\n".join(lines)
    assert told["faults"]["kills"] > 0
    assert told["at_stake_drops"] == told["redeemed_drops"] > 0
    assert len(draw(23, "exodus").channels) > 1_000


def test_same_number_is_the_same_world_to_the_last_line() -> None:
    """Else a world that was bad once could not be looked at again."""
    for seed in (4, 20):
        first, second = (simulate("--timeline", "--seed", str(seed)) for _ in range(2))
        # The folder of the store has another name every time.
        assert [cut(line) for line in first[1]] == [cut(line) for line in second[1]]
        assert len(first[1]) > 20


def cut(line: str) -> str:
    """A line without the store's path."""
    return " ".join(word for word in line.split(" ") if "/" not in word)


def test_scripts_are_drawn_of_every_kind_and_every_fault() -> None:
    """What is never drawn is never tried."""
    scripts = [draw(seed) for seed in range(2_000)]
    assert {script.kind for script in scripts} == set(KINDS)
    acts = [act for script in scripts for act in script.acts]
    ills = {act.kind for act in acts if isinstance(act, ServerIll)}
    assert ills == set(ILLNESSES)
    assert len({type(act).__name__ for act in acts}) == 32
    assert all(draw(seed) == draw(seed) for seed in range(20))


def test_rights_are_drawn_of_every_sort_and_every_trouble() -> None:
    """A right that never stands alone is never needed; one without trouble is never lost."""
    scripts = [script for script in map(draw, range(4_000)) if script.kind == RIGHTS]
    entitled = [script.entitled for script in scripts]
    alone = {one.rights[0] for one in entitled if len(one.rights) == 1}
    assert alone == {"presigned", "delegated", "signer_list", "regular_key"}
    assert {right for one in entitled for right in one.rights} == {*alone, "master_key"}
    # A master key that lies there and is not configured is what a downgrade would sign with.
    assert any(one.holds == "master" and not one.has("master_key") for one in entitled)
    acts = [act for script in scripts for act in script.acts]
    assert {act.what for act in acts if isinstance(act, Thieve)} == set(Theft)
    assert {act.ill for act in acts if isinstance(act, CosignerIll)} == set(CosignerIllness)
    assert any(isinstance(act, Rotate) and act.lives for act in acts)


def test_world_without_rights_of_its_own_is_what_its_number_always_made() -> None:
    """The luck of rights is another one: numbers that stand in documents keep their worlds."""
    for seed in (693, 30971, 103593, 200094, 300239, 506113, 600716, 502915, 801526):
        script = draw(seed)
        assert script.entitled == MASTER_KEY_ONLY, seed
        assert script == draw(seed, script.kind)


@pytest.mark.parametrize(
    ("bug", "kind", "runs"),
    [
        ("journal_dropped", "calm", 1),
        ("sent_before_the_journal", "killed", 4),
        ("fund_ignored", "crowd", 1),
        ("given_up_at_the_margin", "outage", 6),
        ("any_ledger_believed", "servers", 9),
        ("first_disk_error_is_the_last", "disk", 4),
        ("any_key_signs", "rights", 2),
    ],
)
def test_bug_that_is_planted_is_found(bug: str, kind: str, runs: int) -> None:
    """A simulation that finds nothing may as well be blind; docs/testing.md has all of them."""
    code, lines = simulate("--planted", bug, "--kind", kind, "--runs", str(runs), "--jobs", "1")
    assert code == 1, "\n".join(lines)
    assert bug in PLANTED
