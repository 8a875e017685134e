"""A signer is set up, and a daemon that has one holds no key."""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path

import pytest

from tests.cli.conftest import PAYEE, Run, fingerprint
from tests.signer.process import SignerProcess
from tests.store import make
from watchtower.keys.signer_line import SignerLine
from watchtower.sandbox.people import Person

OWNER = Person.named("who has a signer")
OTHER = Person.named("who stands in signer lists")
FRIEND = Person.named("whom others pay").address


@pytest.fixture
def of_signer(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder after ``signer init``; the environment names its configuration."""
    monkeypatch.setenv("WATCHTOWER_CONFIG", str(home / "signer.toml"))
    made = run("signer", "init", "--payee", OWNER.address, "--user", "watchtower", "--json")
    assert made.code == 0, made.err
    assert made.json()[0]["accounts"] == [OWNER.address]
    return home


def take_in(run: Run, account: str = OWNER.address) -> tuple[int, str]:
    """Import a key."""
    done = run("key", "import", "--account", account, "--seed-file", "-", stdin=OWNER.seed)
    return done.code, done.err


def test_a_signer_is_set_up_in_two_commands(run: Run, of_signer: Path) -> None:
    """Its own configuration, its own store, and a key in there; no passphrase in either."""
    table = tomllib.loads((of_signer / "signer.toml").read_text())["signer"]
    assert table["payees"] == [OWNER.address]
    assert table["users"] == ["watchtower"]
    assert take_in(run) == (0, "")
    (held,) = run("key", "list", "--json").json()
    assert held["public_key"] == OWNER.public_key
    told = run("signer", "journal", "--json").json()
    assert [entry["kind"] for entry in told] == ["key_imported"]
    assert "key imported" in run("signer", "journal").out


def test_a_second_init_leaves_everything_as_it_was(run: Run, of_signer: Path) -> None:
    """Neither the configuration nor the store is written over."""
    before = {path.name: fingerprint(path) for path in of_signer.iterdir()}
    assert run("signer", "init", "--payee", PAYEE, "--user", "x").code == 21
    assert {path.name: fingerprint(path) for path in of_signer.iterdir()} == before


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--user", "x"), 16, "names no account"),
        (("--payee", "r1", "--user", "x"), 10, "not an address"),
        (("--payee", PAYEE, "--payer", PAYEE, "--user", "x"), 16, "use two accounts"),
        (("--payee", PAYEE), 2, "--user"),
    ],
)
def test_what_cannot_be_signed_for_is_refused_and_nothing_is_made(
    run: Run, home: Path, words: tuple[str, ...], code: int, sentence: str
) -> None:
    """One sentence, and an empty folder."""
    done = run("signer", "init", *words)
    assert done.code == code
    assert sentence in done.err
    assert list(home.iterdir()) == []


@pytest.mark.usefixtures("of_signer")
def test_an_account_that_the_signer_does_not_name_gets_no_key(run: Run) -> None:
    """As with the daemon."""
    code, said = take_in(run, PAYEE)
    assert code == 16
    assert "`[signer]` does not name" in said


def test_a_daemons_store_takes_no_key_where_a_signer_holds_them(run: Run, ready: Path) -> None:
    """The sentence says where it belongs."""
    with (ready / "watchtower.toml").open("a") as file:
        file.write('\n[keys]\nsigner = "socket"\n')
    before = fingerprint(ready / "watchtower.db")
    code, said = take_in(run, PAYEE)
    assert code == 16
    assert "at the signer's own configuration" in said
    assert fingerprint(ready / "watchtower.db") == before
    assert run("key", "list", "--json").json() == []


def test_a_daemon_does_not_start_with_a_key_beside_a_signer_and_the_sentence_helps(
    run: Run, home: Path
) -> None:
    """What it says to do is done, and then it goes further."""
    assert run("init", "--account", OWNER.address, "--server", "ws://127.0.0.1:1").code == 0
    assert take_in(run)[0] == 0
    with (home / "watchtower.toml").open("a") as file:
        file.write('\n[keys]\nsigner = "socket"\n')
    refused = run("run", "--once")
    assert refused.code == 16
    assert f"`watchtower key remove --account {OWNER.address}`" in refused.err
    removed = run("key", "remove", "--account", OWNER.address)
    assert removed.code == 0
    assert OWNER.seed not in removed.out
    assert run("run", "--once").code == 30
    (status,) = run("status", "--json").json()
    assert status["signer"] == str(home / "socket")
    assert status["accounts_without_key"] == []
    assert run("key", "remove", "--account", OWNER.address).code == 50
    listed = run("key", "list")
    assert f"the signer at {home / 'socket'} holds them" in listed.out
    assert "key import" not in listed.out


def test_the_daemons_configuration_is_no_signers_and_the_other_way_round(
    run: Run, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that reads the wrong file does nothing."""
    assert run("signer", "run").code == 16
    monkeypatch.setenv("WATCHTOWER_CONFIG", str(ready / "signer.toml"))
    assert run("signer", "init", "--payee", PAYEE, "--user", "nobody-of-that-name").code == 0
    assert run("run").code == 16
    started = run("signer", "run")
    assert started.code == 16
    assert "there is no such user" in started.err


def test_a_signer_of_others_is_set_up_with_their_accounts_and_its_own(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delegate's key is its master key, and nobody says that it does not sign."""
    monkeypatch.setenv("WATCHTOWER_CONFIG", str(home / "signer.toml"))
    made = run(
        *("signer", "init", "--user", "watchtower", "--payee", PAYEE),
        *("--delegate", OWNER.address, "--list-signer", OTHER.address, "--cosign-for", FRIEND),
    )
    assert made.code == 0, made.err
    assert f"watchtower key import --account {OWNER.address}" in made.out
    table = tomllib.loads((home / "signer.toml").read_text())["signer"]
    assert (table["delegate"], table["list_signer"]) == (OWNER.address, OTHER.address)
    assert table["cosign_for"] == [FRIEND]
    done = run(
        "key", "import", "--account", OWNER.address, "--seed-file", "-", "--json", stdin=OWNER.seed
    )
    assert done.json()[0]["idle"] is None
    code, said = take_in(run, FRIEND)
    assert (code, "does not name" in said) == (16, True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--payee", PAYEE, "--delegate", PAYEE), "needs an account of its own"),
        (("--payee", PAYEE, "--list-signer", PAYEE), "needs an account of its own"),
        (("--payer", PAYEE, "--delegate", OWNER.address), "nobody to send claims for"),
        (("--payer", PAYEE, "--list-signer", OWNER.address), "in whose signer list it stands"),
        (("--payee", PAYEE, "--cosign-for", OWNER.address), "needs `signer.list_signer`"),
        (
            ("--payee", PAYEE, "--cosign-for", PAYEE, "--list-signer", OWNER.address),
            "one that is in `signer.payees`",
        ),
    ],
)
def test_accounts_that_cannot_sign_for_others_are_refused(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], sentence: str
) -> None:
    """One sentence each, and nothing is made."""
    monkeypatch.setenv("WATCHTOWER_CONFIG", str(home / "signer.toml"))
    done = run("signer", "init", "--user", "watchtower", *words)
    assert done.code == 16
    assert sentence in done.err
    assert list(home.iterdir()) == []


@pytest.mark.usefixtures("of_signer")
def test_a_signers_keys_are_created_derived_and_retired_by_its_own_user(
    run: Run, home: Path
) -> None:
    """In its own store, by its own configuration; nothing is shown but public halves."""
    words = home / "words"
    made = run("key", "create", "--account", OWNER.address, "--write", str(words), "--json")
    assert made.code == 0, made.err
    (card,) = run("key", "list", "--json").json()
    assert card["public_key"] == made.json()[0]["dispute_public_key"]
    refused = run("key", "retire", "--account", OWNER.address, "--yes")
    assert (refused.code, "a signer apart does not know" in refused.err) == (74, True)
    again = ("key", "derive", "--account", OWNER.address, "--mnemonic-file", str(words))
    assert run(*again).code == 73
    gone = run("key", "retire", "--account", OWNER.address, "--yes", "--anyway")
    assert gone.code == 0, gone.err
    assert run("key", "list", "--json").json() == []
    derived = run(*again, "--json")
    assert derived.json()[0]["public_key"] == card["public_key"]
    secret = words.read_text().split()[3]
    assert secret not in made.out + made.err + derived.out + gone.out
    kinds = [entry["kind"] for entry in run("signer", "journal", "--json").json()]
    assert kinds == ["key_derived", "key_retired", "key_derived"]


@pytest.mark.usefixtures("of_signer")
@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ((), 2, "give --server twice"),
        (("--server", "http://x"), 16, "is not a WebSocket address"),
        (("--server", "ws://example.com"), 16, "is not encrypted"),
        (("--server", "ws://127.0.0.1:1"), 30, "No server can be reached"),
    ],
)
def test_a_signers_rotation_needs_servers_that_can_be_used(
    run: Run, home: Path, words: tuple[str, ...], code: int, sentence: str
) -> None:
    """One sentence, and nothing has changed."""
    before = fingerprint(home / "signer.db")
    ended = run("key", "rotate", "--account", OWNER.address, "--fresh", *words)
    assert (ended.code, sentence in ended.err) == (code, True), ended.err
    assert fingerprint(home / "signer.db") == before


def test_a_daemon_with_a_signer_changes_no_key_and_says_where_it_is_done(
    run: Run, ready: Path
) -> None:
    """Whichever command; and it takes no servers that its configuration has."""
    assert run("key", "rotate", "--account", PAYEE, "--fresh", "--server", "ws://x").code == 2
    with (ready / "watchtower.toml").open("a") as file:
        file.write('\n[keys]\nsigner = "socket"\n')
    for words in (
        ("create", "--write", str(ready / "words")),
        ("derive", "--mnemonic-file", "-"),
        ("rotate", "--fresh"),
        ("retire", "--yes"),
    ):
        done = run("key", words[0], "--account", PAYEE, *words[1:])
        assert done.code == 16, words
        assert "at the signer's own configuration" in done.err
    assert not (ready / "words").exists()


async def test_a_second_signer_says_which_one_runs_and_takes_nothing_from_it(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On its store, or at its socket on a store of its own: the first is asked still."""
    first = await SignerProcess.make(tmp_path / "first", OWNER)
    second = await SignerProcess.make(tmp_path / "second", OWNER, socket=str(first.socket))
    await first.start()
    try:
        monkeypatch.setenv("WATCHTOWER_PASSPHRASE", make.PASSPHRASE)
        for other, where in ((first, "on the store"), (second, "on another store")):
            monkeypatch.setenv("WATCHTOWER_CONFIG", str(other.folder / "signer.toml"))
            done = await asyncio.to_thread(run, "signer", "run")
            assert done.code == 49, done.err
            assert where in done.err
            assert f"process {first.pid}" in done.err
            assert "systemctl stop" in done.err
        assert await SignerLine(first.socket).keys()
    finally:
        await first.kill()
    # What a signer that was killed has left behind is nobody's.
    await second.start()
    assert second.exit_code is None
    await second.kill()
