"""``watchtower backup`` as an operator uses it: a key once, backups by a timer, a drill, a loss."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.test_commands import CHANNEL, KEY, SIGNATURE
from tests.cli.test_head import publish
from tests.store import make
from tests.store.backups.age_by_hand import locked

pytestmark = pytest.mark.usefixtures("ready")


def _with_a_key(run: Run, home: Path, more: str = "") -> dict[str, Any]:
    (told,) = run("backup", "key", "key", "--json").json()
    with (home / "watchtower.toml").open("a") as file:
        file.write(f'\n[backup]\nrecipients = ["{told["recipient"]}"]\nfolder = "backups"\n{more}')
    return told


def _lose(home: Path) -> None:
    for path in home.glob("watchtower.db*"):
        path.unlink()


def test_backup_comes_back_and_waits_for_the_ledger(run: Run, home: Path) -> None:
    """Into no store with a new passphrase; the key file says whose backups it is kept for."""
    told = _with_a_key(run, home)
    assert (home / "key").stat().st_mode & 0o777 == 0o600
    assert run("claim", "add", CHANNEL, "10XRP", SIGNATURE, "--public-key", KEY).code == 0
    (base,) = run("backup", "create", "--json").json()
    assert (base["kind"], base["made_by"]) == ("base", told["made_by"])
    (increment,) = run("backup", "create", "--json").json()
    assert (increment["kind"], increment["sequence"]) == ("increment", 1)
    _lose(home)
    assert run("backup", "restore", "backups", "--key", "key").code == 0
    (status,) = run("status", "--json").json()
    assert (status["pending_claims"], status["in_recovery"]) == (1, True)


def test_a_damaged_store_is_moved_away_and_the_backup_put_in_its_place(
    run: Run, home: Path
) -> None:
    """The sentence says so, and why to keep it; a log that was left behind is not played."""
    _with_a_key(run, home)
    assert run("claim", "add", CHANNEL, "10XRP", SIGNATURE, "--public-key", KEY).code == 0
    assert run("backup", "create").code == 0
    make.tamper(home / "watchtower.db", "UPDATE census SET sealed = zeroblob(92)")
    restore = ("backup", "restore", "backups", "--key", "key")
    ended = run(*restore)
    assert ended.code == 24
    assert "move it away, keep it, since what is newer than your backups is only in there" in (
        ended.err
    )
    (home / "watchtower.db").rename(home / "damaged.db")
    log = home / "watchtower.db-wal"
    log.write_bytes(b"of the store that was moved away")
    ended = run(*restore)
    assert (ended.code, "watchtower.db-wal exists already" in ended.err) == (21, True)
    log.unlink()
    assert run(*restore).code == 0
    assert run("status", "--json").json()[0]["pending_claims"] == 1


def test_a_backup_is_verified_without_a_store_and_without_a_key(run: Run, home: Path) -> None:
    """With the key what is in it, too; the private key is shown by nothing."""
    _with_a_key(run, home)
    assert run("backup", "create").code == 0
    assert run("backup", "create", "alone.backup").code == 0
    assert run("backup", "create", "alone.backup").code == 21
    _lose(home)
    (home / "watchtower.toml").unlink()
    secret = (home / "key").read_text().splitlines()[-1]
    assert secret.startswith("AGE-SECRET-KEY-1")
    for place in ("backups", "alone.backup"):
        ended = run("backup", "verify", place)
        assert (ended.code, "the chain is whole" in ended.out) == (0, True)
        assert "takes the private key" in ended.out
        (report,) = run("backup", "verify", place, "--key", "key", "--json").json()
        assert report["records"]["state"] == 0
        assert secret not in ended.out + ended.err


def test_a_locked_key_opens_with_its_passphrase(run: Run, home: Path) -> None:
    """And with no other; without a terminal it has to be in a file."""
    _with_a_key(run, home)
    assert run("backup", "create").code == 0
    (home / "locked").write_bytes(locked((home / "key").read_text(), "sesame"))
    (home / "right").write_text("sesame\n")
    (home / "wrong").write_text("open\n")
    for name in ("locked", "right", "wrong"):
        (home / name).chmod(0o600)
    verify = ("backup", "verify", "backups", "--key", "locked")
    for options, code, said in (
        ((), 93, "give `--key-passphrase-file`"),
        (("--key-passphrase-file", "wrong"), 93, "the passphrase does not open locked"),
        (("--key-passphrase-file", "right"), 0, ""),
    ):
        ended = run(*verify, *options)
        assert (ended.code, said in ended.err) == (code, True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("backup", "create", "b"), 93, "watchtower backup key"),
        (("backup", "create"), 2, "backup.folder"),
        (("backup", "verify", "nowhere"), 20, "nowhere"),
        (("backup", "verify", "watchtower.toml"), 92, "it is no backup"),
        (("backup", "verify", ".", "--key", "nokey"), 16, "nokey"),
        (("backup", "key", "watchtower.toml"), 21, "exists already"),
        (("backup", "key", "k", "--protect"), 93, "no terminal"),
        (("backup", "restore", "nowhere"), 20, "nowhere"),
    ],
)
def test_bad_input_is_one_sentence(
    run: Run, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """And says what to do."""
    ended = run(*arguments)
    assert (ended.code, said in ended.err, ended.err.count("\n")) == (
        (code, True, 1) if code != 2 else (code, True, ended.err.count("\n"))
    )


def test_a_restore_says_what_is_wrong_with_its_key(run: Run, home: Path) -> None:
    """None, one that others can read, one that is none, one of somebody else."""
    _with_a_key(run, home)
    assert run("backup", "create").code == 0
    assert run("backup", "key", "other").code == 0
    _lose(home)
    for options, code, said in (
        ((), 93, "give its file with `--key`"),
        (("--key", "other"), 92, "the key does not open it"),
        (("--key", "key", "--made-by", "ab" * 32), 92, "it was made by"),
    ):
        ended = run("backup", "restore", "backups", *options)
        assert (ended.code, said in ended.err) == (code, True), ended.err
        assert not (home / "watchtower.db").exists()
    (home / "key").chmod(0o644)
    assert run("backup", "restore", "backups", "--key", "key").code == 16
    (home / "key").write_text("nothing\n")
    (home / "key").chmod(0o600)
    assert run("backup", "restore", "backups", "--key", "key").code == 93


def test_a_restored_store_is_behind_its_head_until_that_is_accepted(run: Run, home: Path) -> None:
    """Which the restore says: an alarm that nobody ends would hide the next one."""
    (home / "elsewhere").mkdir()
    _with_a_key(run, home, f'\n[head]\nfiles = ["{home}/elsewhere/head.json"]\n')
    assert run("backup", "create").code == 0
    assert run("token", "add", "since", "--scope", "read").code == 0
    publish(run, home / "elsewhere" / "head.json")
    _lose(home)
    restored = run("backup", "restore", "backups", "--key", "key")
    assert restored.code == 0
    assert "`watchtower head accept`" in restored.out
    assert run("head", "show").code == 78
    before = (home / "elsewhere" / "head.json").read_text()
    assert run("head", "accept", "--yes").code == 0
    assert run("head", "show").code == 0
    assert (home / "elsewhere" / "head.json").read_text() != before


def test_without_heads_a_restore_says_nothing_of_them(run: Run, home: Path) -> None:
    """And into a store that is there nothing goes backwards."""
    _with_a_key(run, home)
    assert run("backup", "create").code == 0
    _lose(home)
    restore = ("backup", "restore", "backups", "--key", "key")
    assert "[head]" not in run(*restore).out
    (home / "elsewhere").mkdir()
    with (home / "watchtower.toml").open("a") as file:
        file.write(f'\n[head]\nfiles = ["{home}/elsewhere/head.json"]\n')
    again = run(*restore)
    assert (again.code, "[head]" in again.out) == (0, False)


@pytest.mark.parametrize("without", [False, True])
def test_tokens_that_come_back_are_named_or_left_out(
    run: Run, home: Path, *, without: bool
) -> None:
    """Some of them may have been revoked since; where they are left out, none opens anything."""
    _with_a_key(run, home)
    assert run("token", "add", "shop", "--scope", "submit").code == 0
    assert run("backup", "create").code == 0
    assert run("token", "revoke", "shop").code == 0
    _lose(home)
    ended = run("backup", "restore", "backups", "--key", "key", *["--without-tokens"] * without)
    assert ended.code == 0
    assert ("tokens shop; revoke" in ended.out) is not without
    listed = run("token", "list", "--json").out
    assert ("shop" in json.dumps(listed)) is not without
