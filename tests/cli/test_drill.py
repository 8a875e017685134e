"""`watchtower drill` as a person uses it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import PAYEE, Run
from watchtower.sandbox.people import Person
from watchtower.store.database import Store

CANARY = Person.named("a canary")
PASSED: dict[str, Any] = {
    "at": 1_700_000_000,
    "place": "network",
    "network_id": 1,
    "seconds": 9.0,
    "ledgers": 2,
    "paid": True,
    "why": None,
    "window_seconds": 3600,
}


def keep(home: Path, *drills: dict[str, Any]) -> None:
    """Write drills into the store, as earlier ones have."""

    async def write() -> None:
        path = home / "watchtower.db"
        async with await Store.open(path, "correct horse") as store, store.write() as work:
            await work.notes.put("drills", list(drills))

    asyncio.run(write())


def test_a_drill_in_a_box_needs_nothing_and_holds_by_the_operators_policy(
    run: Run, ready: Path
) -> None:
    """The real daemon redeems the canary there; hastened it measures nothing, and is not kept."""
    config = ready / "watchtower.toml"
    config.write_text(config.read_text() + "[policy]\nmin_settle_delay_seconds = 7200\n")

    ended = run("drill", "--sandbox", "--fast", "--json")

    assert ended.code == 0, ended.err
    (record,) = ended.json()
    assert record["paid"]
    assert record["place"] == "sandbox"
    assert record["window_seconds"] == 7200
    assert run("drill", "show", "--json").json()[0]["drills"] == 0


def test_the_level_and_the_last_drill_are_shown(run: Run, ready: Path) -> None:
    """In words, and for programs; a failed one says which step was late."""
    failed = {**PASSED, "paid": False, "why": "the daemon has sent nothing within 300 s"}
    keep(ready, PASSED, failed)

    text, report = run("drill", "show").out, run("drill", "show", "--json").json()[0]

    assert "2 drills, 50.0 % paid" in text
    assert "FAILED: the daemon has sent nothing within 300 s" in text
    assert report["levels"][0]["p95_seconds"] == 9.0
    assert report["levels"][0]["p95_share"] == 0.0025
    assert report["last"] == failed
    assert report["last_age_seconds"] > 0


def test_without_any_drill_it_says_how_to_make_one(run: Run, ready: Path) -> None:
    """No level is made up of nothing."""
    assert ready.exists()
    assert "No drill was made yet" in run("drill", "show").out


def test_the_canary_is_set_up_once_and_told_again(run: Run, ready: Path) -> None:
    """Its address is what goes into the configuration; another seed does not take its place."""
    assert ready.exists()
    first = run("drill", "setup", "--seed-file", "-", "--json", stdin=CANARY.seed)
    again = run("drill", "setup", "--seed-file", "-", stdin=CANARY.seed)
    other = run("drill", "setup", "--seed-file", "-", stdin=Person.named("another").seed)

    assert first.json()[0]["payer"] == CANARY.address
    assert f'payer = "{CANARY.address}"' in again.out
    assert other.code == 100
    assert CANARY.seed not in first.out + again.out
    assert run("key", "list", "--json").json() == []


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (f'payer = "{PAYEE}"', "guarded account"),
        (f'payee = "{CANARY.address}"', "none of the accounts"),
        (f'payer = "{CANARY.address}"\nsettle_delay_seconds = 600', "min_settle_delay_seconds"),
        ('payer = "nobody"', "not an address"),
    ],
)
def test_a_canary_that_cannot_be_is_refused_by_the_configuration(
    run: Run, ready: Path, table: str, why: str
) -> None:
    """Before anything is opened, by whatever command."""
    config = ready / "watchtower.toml"
    config.write_text(f"{config.read_text()}[drill]\n{table}\n")

    ended = run("drill", "show")

    assert ended.code in {10, 16}
    assert why in ended.err


def test_a_canary_that_would_be_redeemed_unasked_is_refused(run: Run, ready: Path) -> None:
    """The exposure limit would have it paid before anybody asks to close it."""
    config = ready / "watchtower.toml"
    config.write_text(
        f'{config.read_text()}[drill]\npayer = "{CANARY.address}"\n'
        "[policy]\nexposure_limit_drops = 1000000\n"
    )

    assert "drill.amount_drops" in run("drill", "show").err


@pytest.mark.parametrize("options", [("--sandbox", "--network"), ("--network", "--fast")])
def test_what_does_not_go_together_is_refused(
    run: Run, ready: Path, options: tuple[str, ...]
) -> None:
    """Nobody drills at two places, nor hastens a network."""
    assert ready.exists()
    assert run("drill", "run", *options).code == 2


def test_without_a_canary_it_says_what_to_run(run: Run, ready: Path) -> None:
    """Nothing is asked of a network before that."""
    assert ready.exists()
    ended = run("drill", "--network")

    assert ended.code == 100
    assert "watchtower drill setup" in ended.err
