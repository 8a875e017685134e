"""``watchtower store``: what is wrong is said in words, and what the ledger has is let go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.store import make
from watchtower.store.alone import alone


@pytest.mark.usefixtures("ready")
def test_a_whole_store_is_said_to_be_whole(run: Run) -> None:
    """With the root of the journal, which a head can be compared with."""
    said = run("store", "verify")
    (report,) = run("store", "verify", "--json").json()

    assert said.code == 0
    assert "Every seal, every count and the tree are as they were written." in said.out
    assert report["whole"] is True
    assert report["root"] in said.out


@pytest.mark.parametrize("as_json", [False, True])
def test_a_store_that_is_not_whole_is_told_table_by_table(
    run: Run, ready: Path, *, as_json: bool
) -> None:
    """On standard output all of it, on standard error one sentence, and exit code 24."""
    make.tamper(ready / "watchtower.db", "INSERT INTO notes VALUES (x'00', x'', 1, x'11')")
    said = run("store", "verify", *(["--json"] if as_json else []))

    assert said.code == 24
    assert "something in notes fails its seal" in said.err
    assert "the record 00 fails its seal" in said.out


@pytest.mark.parametrize("command", ["verify", "rebuild"])
def test_a_store_without_a_census_is_looked_through_all_the_same(
    run: Run, ready: Path, command: str
) -> None:
    """No other command opens it; here all that is wrong is wanted, and nothing is changed."""
    make.tamper(
        ready / "watchtower.db",
        "UPDATE census SET sealed = zeroblob(92)",
        "INSERT INTO notes VALUES (x'00', x'', 1, x'11')",
    )
    before = (ready / "watchtower.db").read_bytes()
    said = run("store", command)

    assert said.code == 24
    assert "something in census, notes fails its seal" in said.err
    if command == "verify":
        assert "the census fails its seal, so that nothing can be counted" in said.out
    assert run("status").code == 24
    assert (ready / "watchtower.db").read_bytes() == before


def test_what_the_ledger_does_not_know_is_not_let_go(run: Run, ready: Path) -> None:
    """A rebuild that made a store look whole without its claims would be worse than none."""
    make.tamper(ready / "watchtower.db", "INSERT INTO claims VALUES (x'00', x'', 1, x'11')")
    said = run("store", "rebuild")

    assert said.code == 24
    assert run("store", "verify").code == 24


def test_channels_are_let_go_and_read_from_the_ledger_again(run: Run, ready: Path) -> None:
    """The store is whole behind it, and in recovery until the daemon has read them."""
    make.tamper(ready / "watchtower.db", "INSERT INTO open_channels VALUES (x'00', x'', 1, x'11')")
    assert "lets go of it, and the daemon reads it from the ledger" in run("store", "verify").out
    said = run("store", "rebuild")

    assert "Let go of 1 records of channels" in said.out
    assert run("store", "verify").code == 0
    assert run("status", "--json").json()[0]["in_recovery"] is True
    assert "Every record is whole" in run("store", "rebuild").out


def test_of_a_closed_channel_nobody_says_that_the_ledger_has_it(run: Run, ready: Path) -> None:
    """The ledger deletes a channel when it closes it: its record is in a backup, or nowhere."""
    make.tamper(
        ready / "watchtower.db", "INSERT INTO closed_channels VALUES (x'00', x'', 1, x'11')"
    )
    lost = "not in the ledger any more: what the journal tells stays"
    verified = run("store", "verify")
    assert lost in verified.out
    assert "the daemon reads it" not in verified.out
    (problem,) = run("store", "verify", "--json").json()[0]["problems"]
    assert (problem["rebuilt"], problem["lost"]) == (True, True)
    assert f"Those of closed channels (1) are {lost}" in run("store", "rebuild").out
    assert run("store", "verify").code == 0


def test_a_second_rebuild_forgets_no_reason_of_the_recovery(run: Run, ready: Path) -> None:
    """Who reconciles tells by their count that there was another one."""
    for marks in (1, 2):
        make.tamper(
            ready / "watchtower.db", "INSERT INTO open_channels VALUES (x'00', x'', 1, x'11')"
        )
        assert run("store", "rebuild").code == 0
        recovery = run("status", "--json").json()[0]["recovery"]
        assert recovery == {"rebuilt": ["open_channels"], "marks": marks}


def test_what_wants_the_store_alone_says_who_has_it_and_what_to_stop(run: Run, ready: Path) -> None:
    """To try again in a moment helps nobody beside a daemon."""
    with alone(ready / "watchtower.db"):
        for command in (("store", "rebuild"), ("backup", "restore", "nowhere")):
            said = run(*command)
            assert said.code == 29
            assert f"is busy with process {os.getpid()}, which holds it alone." in said.err
            assert "`systemctl stop watchtower`" in said.err
    assert run("backup", "restore", "nowhere").code == 20
