"""Receipts on the command line: given with a claim, verified by whoever has the tower's key."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.cli.conftest import NOBODY, PAYEE, Run
from tests.cli.test_commands import CHANNEL, KEY, SIGNATURE


@pytest.fixture
def tower(run: Run) -> str:
    """The key of a tower that is set up."""
    assert run("init", "--account", PAYEE, "--server", NOBODY).code == 0
    (shown,) = run("key", "identity", "--json").json()
    return str(shown["public_key"])


def answer(run: Run) -> str:
    """What the tower answers to a claim; no server is there, and it is pending."""
    ended = run("claim", "add", CHANNEL, "10XRP", SIGNATURE, "--public-key", KEY, "--json")
    assert ended.code == 0
    return ended.out


def test_a_receipt_is_verified_without_store_and_network(
    run: Run, tower: str, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The payer, or a court, has neither."""
    line = answer(run)
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "receipt.json"
    elsewhere.write_text(line)
    (home / "watchtower.db").unlink()
    (home / "watchtower.toml").unlink()

    ended = run("receipt", "verify", "--tower", tower, str(elsewhere), "--json")
    (report,) = ended.json()
    assert ended.code == 0
    assert (report["good"], report["channel"], report["state"]) == (True, CHANNEL, "pending")
    alone = msgspec.json.encode(msgspec.json.decode(line)["receipt"]).decode()
    ended = run("receipt", "verify", "--tower", tower.lower(), "-", stdin=alone)
    assert ended.code == 0
    assert "until a server tells of that channel" in ended.out


def test_a_changed_receipt_and_a_strangers_are_void(run: Run, tower: str) -> None:
    """Every line is looked at, and the first failure is the exit code."""
    line = answer(run)
    changed = line.replace('"10000000","public_key"', '"90000000","public_key"')
    assert changed != line

    ended = run("receipt", "verify", "--tower", tower, "-", stdin=f"{changed}{line}{{}}\n")
    assert ended.code == 56
    assert "line 1: The receipt for 90000000 drops" in ended.out
    assert "line 2: good" in ended.out
    assert "line 3: This is not a receipt" in ended.out
    ended = run("receipt", "verify", "--tower", "ED" + "00" * 32, "-", stdin=line)
    assert ended.code == 56
    assert "another tower signed it" in ended.out


@pytest.mark.parametrize("given", ["", "\n\n", "{}"])
def test_nothing_verified_is_no_success(run: Run, tower: str, given: str) -> None:
    """An empty file proves nothing."""
    assert run("receipt", "verify", "--tower", tower, "-", stdin=given).code == 55


def test_the_tower_must_be_named(run: Run, tower: str) -> None:
    """A receipt verified by the key that stands in it would be good whoever signed it."""
    line = answer(run)
    assert run("receipt", "verify", "-", stdin=line).code == 2
    assert run("receipt", "verify", "--tower", tower[2:], "-", stdin=line).code == 13
    assert run("receipt", "verify", "--tower", tower, "nowhere.json").code == 55


def test_the_towers_own_key_is_none_of_an_account(run: Run, tower: str) -> None:
    """It signs receipts alone, and is not listed among what redeems."""
    ended = run("key", "list", "--json")
    assert ended.code == 0
    assert tower not in ended.out
