"""``watchtower vault``, as an operator uses it: ways in, and another master key."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import NOBODY, PAYEE, Run, fingerprint
from tests.cli.test_hsm import softhsm as _softhsm
from tests.softhsm import SoftHsm
from tests.store import make
from watchtower.first_settings import write_first
from watchtower.keys.identity import make_identity
from watchtower.store.database import Store

softhsm = _softhsm
PASSPHRASE = "correct horse"
"""What the commands find in the environment."""


@pytest.fixture
def ready(home: Path) -> Path:
    """Return a folder as after ``init``, with a store whose passphrase is cheap to try."""
    loaded = write_first(home / "watchtower.toml", [PAYEE], [NOBODY])

    async def create() -> None:
        async with await make.store(Path(loaded.store), PASSPHRASE) as store:
            await make_identity(store)

    asyncio.run(create())
    return home


def ways(run: Run) -> list[str]:
    """Return what opens the store, as it is shown."""
    return [line["way"] for line in run("vault", "show", "--json").json() if "way" in line]


@pytest.fixture
def key(run: Run, ready: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a key file that opens the store beside the passphrase."""
    path = ready / "usb" / "watchtower.key"
    path.parent.mkdir()
    monkeypatch.setenv("WATCHTOWER_KEY_FILE", str(path))
    assert run("vault", "add", "key_file").code == 0
    return path


def without_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody give a passphrase."""
    monkeypatch.delenv("WATCHTOWER_PASSPHRASE")


@pytest.mark.usefixtures("key")
def test_each_of_several_ways_opens_the_store(
    run: Run, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A passphrase, a key file and a credential: each alone is enough."""
    credential = ready / "made" / "vault_key"
    credential.parent.mkdir()
    told = run("vault", "add", "credential", "--file", str(credential))
    assert f"LoadCredential=vault_key:{credential}" in told.out
    assert ways(run) == ["passphrase", "key_file", "credential"]
    assert run("key", "list").code == 0
    without_passphrase(monkeypatch)
    assert run("key", "list").code == 0
    monkeypatch.delenv("WATCHTOWER_KEY_FILE")
    assert run("key", "list").code == 77
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credential.parent))
    assert run("key", "list").code == 0


def test_no_way_shows_its_secret(run: Run, key: Path) -> None:
    """Neither to people nor to programs, and the file is for its owner alone."""
    secret = key.read_text().removeprefix("watchtower-key-1:").strip()
    assert len(secret) == 64
    assert key.stat().st_mode & 0o777 == 0o600
    said = run("vault", "show").out + run("vault", "show", "--json").out
    assert "8 KiB of memory, 1 passes, 1 lanes" in said
    assert str(key) in said
    assert secret not in said
    assert PASSPHRASE not in said


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda key: key.unlink(), (77, "there is no key in the key file")),
        (lambda key: key.chmod(0o640), (16, "others may read it")),
        (lambda key: key.write_text(key.read_text()[:40]), (16, "holds no key of a store")),
        (lambda key: key.write_text("hunter2"), (16, "holds no key of a store")),
        (lambda key: key.write_bytes(bytes(range(256))), (16, "no UTF-8 text")),
        (
            lambda key: key.write_text("watchtower-key-1:" + "5a" * 32),
            (77, "is another one, or the store's header was changed"),
        ),
    ],
    ids=["lost", "open to others", "cut short", "written by hand", "binary", "another one"],
)
def test_a_key_file_that_is_no_good_is_told_in_one_sentence(
    run: Run,
    key: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path], object],
    told: tuple[int, str],
) -> None:
    """And nothing is lost: with the passphrase, or the file as it was, the store opens."""
    store = Path("watchtower.db")
    was, before = key.read_text(), fingerprint(store)
    without_passphrase(monkeypatch)
    spoil(key)
    ended = run("key", "list")
    assert (ended.code, ended.err.count("\n")) == (told[0], 1)
    assert told[1] in ended.err
    assert fingerprint(store) == before
    key.write_text(was)
    key.chmod(0o600)
    assert run("key", "list").code == 0


def test_a_lost_key_file_is_what_the_passphrase_is_for(run: Run, key: Path) -> None:
    """Several ways are for the day on which one of them is gone."""
    key.unlink()
    assert run("key", "list").code == 0


def test_the_last_way_is_not_removed(run: Run, ready: Path) -> None:
    """Nothing would open the store any more."""
    before = fingerprint(ready / "watchtower.db")
    ended = run("vault", "remove", "passphrase")
    assert (ended.code, "by passphrase alone" in ended.err) == (16, True)
    assert fingerprint(ready / "watchtower.db") == before
    assert run("vault", "remove", "hsm").code == 16


def test_a_way_is_removed_only_when_another_one_opens(
    run: Run, ready: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who removes the passphrase while the key file is gone would have locked himself out."""
    was = key.read_text()
    key.unlink()
    refused = run("vault", "remove", "passphrase")
    assert (refused.code, "there is no key in" in refused.err) == (77, True)
    assert ways(run) == ["passphrase", "key_file"]
    key.write_text(was)
    key.chmod(0o600)
    with closing(sqlite3.connect(ready / "watchtower.db")) as file:
        (gone,) = file.execute("SELECT wrapped FROM slots WHERE kind = 'passphrase'").fetchone()
    assert run("vault", "remove", "passphrase").code == 0
    assert ways(run) == ["key_file"]
    assert gone not in (ready / "watchtower.db").read_bytes()
    without_passphrase(monkeypatch)
    assert run("key", "list").code == 0


def test_a_way_is_not_added_twice_and_no_file_is_written_over(run: Run, key: Path) -> None:
    """What is there stays as it is."""
    was = key.read_text()
    assert run("vault", "add", "key_file").code == 16
    assert run("vault", "remove", "key_file").code == 0
    again = run("vault", "add", "key_file")
    assert (again.code, "Made the key" in again.out) == (0, False)
    assert key.read_text() == was
    assert run("vault", "add", "credential").code == 16


def test_a_guess_becomes_dearer_and_never_cheaper(run: Run, ready: Path) -> None:
    """Every other part of the cost stays at least what it was, and records stay as they are."""
    told = run("vault", "rekey", "--memory-mib", "65", "--json").json()
    assert told == [{"store": str(ready / "watchtower.db"), "wrapped": ["passphrase"], "kept": []}]
    assert run("vault", "rekey", "--memory-mib", "1", "--passes", "1", "--lanes", "1").code == 0
    [shown] = run("vault", "show", "--json").json()
    assert (shown["memory_kib"], shown["passes"], shown["lanes"]) == (65 * 1024, 3, 4)
    assert run("key", "list").code == 0


def test_what_is_not_at_hand_is_not_wrapped_anew_and_stays(
    run: Run, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrapping the same master key anew loses no way in."""
    was = key.read_text()
    key.unlink()
    [told] = run("vault", "rekey", "--json").json()
    assert (told["wrapped"], told["kept"]) == (["passphrase"], ["key_file"])
    key.write_text(was)
    key.chmod(0o600)
    without_passphrase(monkeypatch)
    assert run("key", "list").code == 0


def _master(home: Path) -> bytes:
    async def read() -> bytes:
        async with await Store.open(home / "watchtower.db", PASSPHRASE) as store:
            return store._keys.keyring.master

    return asyncio.run(read())


@pytest.mark.usefixtures("key")
def test_another_master_key_for_every_way_that_is_at_hand(
    run: Run, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way opens the store as before, and what is in it is there."""
    before = _master(ready)
    [told] = run("vault", "rekey", "--master", "--json").json()
    assert (told["ways"], told["resumed"]) == (["passphrase", "key_file"], False)
    assert told["records"] > 0
    assert _master(ready) != before
    assert ways(run) == ["passphrase", "key_file"]
    without_passphrase(monkeypatch)
    assert run("key", "list").code == 0


def test_a_way_that_is_not_at_hand_is_dropped_only_when_told(
    run: Run, ready: Path, key: Path
) -> None:
    """A new master key cannot be wrapped by what is not there; nobody is locked out unasked."""
    key.unlink()
    before = fingerprint(ready / "watchtower.db")
    refused = run("vault", "rekey", "--master")
    assert (refused.code, "--drop key_file" in refused.err) == (77, True)
    assert fingerprint(ready / "watchtower.db") == before
    both = ("--drop", "key_file", "--drop", "passphrase")
    assert run("vault", "rekey", "--master", *both).code == 16
    assert run("vault", "rekey", "--drop", "key_file").code == 2
    [told] = run("vault", "rekey", "--master", "--drop", "key_file", "--json").json()
    assert told["ways"] == ["passphrase"]


def test_a_token_is_a_way_like_the_others(
    run: Run, softhsm: SoftHsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is added, gets another master key with the rest, and is removed."""
    assert run("vault", "add", "hsm").code == 0
    assert ways(run) == ["passphrase", "hsm"]
    [told] = run("vault", "rekey", "--master", "--json").json()
    assert told["ways"] == ["passphrase", "hsm"]
    with monkeypatch.context() as nobody:
        nobody.delenv("WATCHTOWER_PASSPHRASE")
        assert run("key", "list").code == 0
    softhsm.take_away()
    refused = run("vault", "rekey", "--master")
    assert (refused.code, "hsm is not at hand" in refused.err) == (77, True)
    assert run("vault", "remove", "hsm").code == 0
    assert ways(run) == ["passphrase"]
