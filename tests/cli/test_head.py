"""``watchtower head``, and what every command says of a store that may have been put back."""

from __future__ import annotations

import shutil
from pathlib import Path

import click
import pytest

from tests.cli.conftest import Run
from tests.store import make


@pytest.fixture
def head(ready: Path) -> Path:
    """Where the head is kept: in a folder elsewhere."""
    (ready / "elsewhere").mkdir()
    path = ready / "elsewhere" / "head.json"
    config = ready / "watchtower.toml"
    config.write_text(config.read_text() + f'\n[head]\nfiles = ["{path}"]\n')
    return path


def older(run: Run, ready: Path, head: Path) -> None:
    """Put an older store back behind the head's back."""
    store = ready / "watchtower.db"
    shutil.copyfile(store, ready / "yesterday")
    assert run("token", "add", "one", "--scope", "read").code == 0
    assert run("head", "accept", "--yes").code == 0
    publish(run, head)
    for leftover in ready.glob("watchtower.db-*"):
        leftover.unlink()
    shutil.copyfile(ready / "yesterday", store)


def publish(run: Run, head: Path) -> None:
    """Have the head published as the daemon does: a head that speaks for nothing is accepted."""
    head.write_text("no head")
    assert run("head", "accept", "--yes").code == 0
    assert run("head", "show").code == 0


@pytest.mark.usefixtures("ready")
def test_a_store_without_heads_has_none_to_show(run: Run) -> None:
    """And nothing to accept."""
    shown = run("head", "show")
    assert shown.code == 0
    assert "see `[head]`" in shown.err
    assert "Nothing speaks against the store" in run("head", "accept").out


def test_where_none_was_published_nothing_speaks_against_the_store(run: Run, head: Path) -> None:
    """A place that was configured just now."""
    said = run("head", "show")

    assert said.code == 0
    assert f"{head}: no head was published there yet" in said.out


def test_a_store_that_is_older_is_told_by_every_command_until_it_is_accepted(
    run: Run, ready: Path, head: Path
) -> None:
    """What is missing is counted; the command goes on."""
    older(run, ready, head)
    said = run("token", "list")
    assert said.code == 0
    assert "The store is older than its head" in said.err
    shown = run("head", "show", "--json")
    assert shown.code == 78
    (report,) = shown.json()
    assert report["finding"] == "older"
    assert report["missing_entries"] > 0
    assert report["missing_changes"] > 0

    assert run("head", "accept").code == 130  # nobody is there to be asked
    declined = run("head", "accept", stdin="n\n")
    assert declined.code == 101
    assert "Nothing was done." in declined.err
    assert run("head", "show").code == 78
    (accepted,) = run("head", "accept", "--yes", "--json").json()
    assert accepted["accepted"][0]["missing_entries"] == report["missing_entries"]
    assert accepted["not_published"] == []
    assert run("head", "show").code == 0
    assert run("token", "list").err == ""


def test_a_journal_that_is_broken_is_told_and_refuses_no_command(
    run: Run, ready: Path, head: Path
) -> None:
    """What a command does not read may be broken without its harm."""
    publish(run, head)
    for name in ("one", "two"):
        assert run("token", "add", name, "--scope", "read").code == 0
    make.break_line(ready / "watchtower.db", from_end=0)
    said = run("token", "list")
    assert said.code == 0
    assert "its own journal was damaged" in said.err
    shown = run("head", "show", "--json")
    assert shown.code == 78
    assert [report["finding"] for report in shown.json()] == ["broken"]


def test_a_head_that_came_back_while_a_person_thought_is_not_written_over(
    run: Run, ready: Path, head: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be all that is left of what this store has lost; nobody has been told of it."""
    other = ready / "share" / "head.json"
    other.parent.mkdir()
    config = ready / "watchtower.toml"
    config.write_text(config.read_text().replace(f'["{head}"]', f'["{head}", "{other}"]'))
    publish(run, other)
    older(run, ready, other)
    text, away = other.read_text(), other.parent.rename(ready / "away")
    head.write_text("no head")

    monkeypatch.setattr(click, "confirm", lambda *_, **__: away.rename(other.parent))
    accepted = run("head", "accept")
    assert accepted.code == 0
    assert f"not published at {other} (nobody has seen" in accepted.out
    assert other.read_text() == text
    assert "The store is older than its head" in run("token", "list").err
    assert head.read_text() != "no head"

    assert run("head", "accept", "--yes").code == 0
    assert run("head", "show").code == 0


def test_what_stands_there_now_is_shown_beside_what_was_found_before(
    run: Run, ready: Path, head: Path
) -> None:
    """A head that was gone comes back, and speaks against the store: both are accepted, or none."""
    publish(run, head)
    older(run, ready, head)
    aside = head.rename(ready / "aside")
    assert "is gone" in run("token", "list").err
    aside.rename(head)
    findings = [report["finding"] for report in run("head", "show", "--json").json()]
    assert findings == ["gone", "older"]


def test_a_head_beside_the_store_is_refused(run: Run, ready: Path) -> None:
    """It would be put back with it."""
    config = ready / "watchtower.toml"
    config.write_text(config.read_text() + '\n[head]\nfiles = ["head.json"]\n')
    said = run("head", "show")

    assert said.code == 16
    assert "in the folder of the store" in said.err


def test_a_folder_that_is_not_there_is_said_and_nothing_is_accepted(run: Run, head: Path) -> None:
    """It says nothing about the store."""
    head.parent.rmdir()
    said = run("head", "show")

    assert said.code == 3  # nobody can tell, and a script must not take that for well
    assert "cannot be reached" in said.out
