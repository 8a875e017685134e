"""Keys by the command line: made, derived, rotated in plan, retired; and no secret is ever told."""

from __future__ import annotations

import asyncio
import itertools
import os
import pty
import re
import select
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import PAYEE, Ended, Run, fingerprint
from tests.keys.vectors import vectors
from watchtower.keys.derivation import derive
from watchtower.keys.mnemonic import read_mnemonic
from watchtower.keys.tree import KeyPath, Purpose
from watchtower.keys.vault import Standing, Vault
from watchtower.store.database import Store

PASSPHRASE = "correct horse"
WORDS = str(vectors("bip39")[14]["words"])
XRPL = vectors("xrpl")[0]
SEED = "snoPBrXtMeMyMHUVTgbuqAfg1SUTb"


def dispute(index: int, passphrase: str = "", words: str = WORDS) -> str:
    """The public key of a place on the dispute branch."""
    seed = read_mnemonic(words).seed(passphrase)
    return derive(seed, KeyPath(purpose=Purpose.DISPUTE, index=index)).public_key


def kept(run: Run) -> list[tuple[str, str, str]]:
    """The keys as `key list` has them: public key, standing, place."""
    return [
        (key["public_key"], key["standing"], key["path"])
        for key in run("key", "list", "--json").json()
    ]


def assert_no_secret(ended: Ended, *secrets: str) -> None:
    """Nothing that was said holds a secret, or two words of one in a row."""
    said = ended.out + ended.err
    for secret in secrets:
        assert secret not in said
        words = secret.split()
        assert not [f"{a} {b}" for a, b in itertools.pairwise(words) if f"{a} {b}" in said]


def test_the_dispute_key_is_derived_and_kept(run: Run, ready: Path) -> None:
    """As a regular key, with its place; the words are not kept, nor told."""
    assert ready.exists()
    ended = run("key", "derive", "--account", PAYEE, "--mnemonic-file", "-", stdin=f"{WORDS}\n")
    assert ended.code == 0
    assert "SetRegularKey" in ended.out
    assert_no_secret(ended, WORDS)
    assert kept(run) == [(dispute(0), "signs", "m/44'/144'/0'/2'/0'")]


def test_a_place_is_named_by_path_or_by_purpose(run: Run, ready: Path) -> None:
    """Both ways it is the same key, which is shown and not kept without an account."""
    shown = [
        run("key", "derive", *words, "--mnemonic-file", "-", "--json", stdin=f"{WORDS}\n").json()
        for words in (
            ("--path", "m/44'/144'/3'/1'/7'"),
            ("--purpose", "claim", "--index", "7", "--wallet", "3"),
        )
    ]
    assert shown[0] == shown[1]
    assert shown[0][0]["kept"] is False
    assert kept(run) == []
    assert (ready / "watchtower.db").exists()


def test_the_wallets_first_address_is_the_funding_key(run: Run, home: Path) -> None:
    """What a wallet for the XRP Ledger shows, with no configuration at all."""
    assert not (home / "watchtower.toml").exists()
    words = ("--purpose", "funding", "--mnemonic-file", "-", "--json")
    (told,) = run("key", "derive", *words, stdin=f"{XRPL['words']}\n").json()
    assert told["path"] == XRPL["path"]
    assert told["public_key"] == XRPL["public"]


def test_a_passphrase_comes_from_a_private_file(run: Run, ready: Path) -> None:
    """Another passphrase makes another key."""
    secret, words = ready / "passphrase", ready / "words"
    for file, text in ((secret, "TREZOR\n"), (words, f"{WORDS}\n")):
        file.write_text(text)
        file.chmod(0o600)
    files = ("--mnemonic-file", str(words), "--mnemonic-passphrase-file", str(secret))
    ended = run("key", "derive", "--account", PAYEE, *files)
    assert ended.code == 0
    assert_no_secret(ended, WORDS, "TREZOR")
    assert kept(run)[0][0] == dispute(0, "TREZOR") != dispute(0)


@pytest.mark.parametrize(
    ("words", "stdin", "told"),
    [
        (("--path", "m/44'/144'/0'/2/0"), WORDS, (72, "outside the tree")),
        (("--path", "m/49'/0'/0'/0/0"), WORDS, (72, "outside the tree")),
        (("--purpose", "claim"), WORDS, (72, "signs no claims")),
        (("--purpose", "funding"), WORDS, (14, "belongs to")),
        (
            (),
            f"secretive {WORDS.split(maxsplit=1)[1]}",
            (71, "word 1 of it is not in the English list"),
        ),
        ((), " ".join(WORDS.split()[::-1]), (71, "checksum")),
        ((), "", (71, "0 words")),
        ((), SEED, (71, "1 words")),
        (("--path", "m/44'/144'/0'/2'/0'", "--index", "1"), WORDS, (2, "--path says it all")),
    ],
)
def test_a_key_that_cannot_be_kept_is_one_sentence(
    run: Run, ready: Path, words: tuple[str, ...], stdin: str, told: tuple[int, str]
) -> None:
    """And nothing has changed, nor is any of what was typed told."""
    code, sentence = told
    before = fingerprint(ready / "watchtower.db")
    ended = run(
        "key", "derive", "--account", PAYEE, *words, "--mnemonic-file", "-", stdin=f"{stdin}\n"
    )
    assert ended.code == code
    assert sentence in ended.err.strip().splitlines()[-1]
    assert "Traceback" not in ended.err
    if stdin:
        assert_no_secret(ended, stdin)
    assert fingerprint(ready / "watchtower.db") == before


def test_a_shared_file_of_words_is_not_read(run: Run, ready: Path) -> None:
    """Others have read it already, perhaps."""
    words = ready / "words"
    words.write_text(WORDS)
    words.chmod(0o644)
    ended = run("key", "derive", "--account", PAYEE, "--mnemonic-file", str(words))
    assert (ended.code, "others may read it" in ended.err) == (16, True)


def test_a_key_that_signs_is_never_replaced_by_a_derived_one(run: Run, ready: Path) -> None:
    """The ledger does not know that one yet: between the two nothing could be redeemed."""
    derived = ("key", "derive", "--account", PAYEE, "--mnemonic-file", "-")
    assert run(*derived, stdin=f"{WORDS}\n").code == 0
    before = fingerprint(ready / "watchtower.db")
    ended = run(*derived, "--index", "1", stdin=f"{WORDS}\n")
    assert (ended.code, "key rotate" in ended.err) == (73, True)
    assert run("key", "create", "--account", PAYEE, "--write", "words").code == 73
    assert not (ready / "words").exists()
    assert fingerprint(ready / "watchtower.db") == before


def test_a_mnemonic_is_written_to_a_new_private_file_and_nowhere_else(
    run: Run, ready: Path
) -> None:
    """24 words, of which the tower keeps the one key that it needs."""
    file = ready / "words"
    ended = run("key", "create", "--account", PAYEE, "--write", str(file))
    assert ended.code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    words = file.read_text()
    assert len(words.split()) == 24
    assert_no_secret(ended, words)
    assert kept(run) == [(dispute(0, words=words), "signs", "m/44'/144'/0'/2'/0'")]
    again = run("key", "create", "--write", str(file))
    assert (again.code, "File exists" in again.err) == (16, True)
    assert file.read_text() == words


def test_words_are_not_shown_where_nobody_sits(run: Run, ready: Path) -> None:
    """Standard output may be a log."""
    ended = run("key", "create", "--account", PAYEE)
    assert (ended.code, ended.out) == (71, "")
    assert "--write FILE" in ended.err
    assert kept(run) == []
    assert ready.exists()


def at_a_terminal(answer: dict[str, str], *arguments: str) -> tuple[int, str]:
    """Run a command at a terminal of its own; answer each prompt, by what is read before it."""
    terminal, theirs = pty.openpty()
    command = [sys.executable, "-m", "watchtower", *arguments]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    seen, answered = "", 0
    while select.select([terminal], [], [], 60)[0]:
        try:
            read = os.read(terminal, 65536)
        except OSError:  # nobody holds the other end any more
            break
        seen += read.decode(errors="replace")
        for prompt, reply in answer.items():
            found = re.search(prompt, seen[answered:])
            if found is not None:
                answered += found.end()
                shown = dict(re.findall(r"(\d+)\. ([a-z]+)", seen))
                text = shown.get(found.group(1), reply) if found.groups() else reply
                os.write(terminal, f"{text}\n".encode())
    process.kill()
    os.close(terminal)
    return process.wait(), seen


PROMPTS = {"Press Enter": "", r"Word (\d+): ": "wrong"}


def test_at_a_terminal_the_words_are_shown_once_and_two_are_asked_back(
    run: Run, ready: Path
) -> None:
    """Then the screen is cleared, and the key is kept."""
    assert ready.exists()
    code, seen = at_a_terminal(PROMPTS, "key", "create", "--account", PAYEE)
    assert code == 0, seen
    shown = re.findall(r"(\d+)\. ([a-z]+)", seen)
    assert [int(place) for place, _ in shown] == list(range(1, 25))
    words = " ".join(word for _, word in shown)
    assert seen.index("\x1b[2J") > seen.index(shown[-1][1])
    assert kept(run) == [(dispute(0, words=words), "signs", "m/44'/144'/0'/2'/0'")]


def test_who_did_not_write_the_words_down_keeps_no_key(run: Run, ready: Path) -> None:
    """A word that is another one ends it; nothing was kept."""
    before = fingerprint(ready / "watchtower.db")
    prompts = {"Press Enter": "", "Word [0-9]+: ": "wrong"}
    code, seen = at_a_terminal(prompts, "key", "create", "--account", PAYEE)
    assert code == 71
    assert "is another one" in seen.replace("\r\n", " ")
    assert fingerprint(ready / "watchtower.db") == before
    assert kept(run) == []


def test_a_key_is_retired_after_what_depends_on_it_was_told(run: Run, ready: Path) -> None:
    """And the journal has it."""
    run("key", "derive", "--account", PAYEE, "--mnemonic-file", "-", stdin=f"{WORDS}\n")
    asked = run("key", "retire", "--account", PAYEE)
    assert (asked.code, "say --yes" in asked.err) == (74, True)
    assert len(kept(run)) == 1
    (told,) = run("key", "retire", "--account", PAYEE, "--yes", "--json").json()
    assert told == {
        "account": PAYEE,
        "public_key": dispute(0),
        "standing": Standing.SIGNS,
        "channels": 0,
        "at_stake": 0,
        "attempts": 0,
    }
    assert kept(run) == []
    again = run("key", "retire", "--account", PAYEE, "--yes")
    assert again.code == 50

    async def journal() -> list[str]:
        async with await Store.open(ready / "watchtower.db", PASSPHRASE) as store:
            assert await Vault(store).cards() == []
            async with store.read() as work:
                return [entry.kind for entry in await work.journal.load_all()]

    assert asyncio.run(journal())[-2:] == ["key_derived", "key_retired"]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--account", PAYEE, "--resume"), 30, "No server can be reached"),
        (("--account", PAYEE, "--fresh"), 30, "No server can be reached"),
        (("--account", SEED), 10, "not an address"),
        (("--account", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", "--fresh"), 16, "does not name"),
        ((), 2, "--claim-key with --channel"),
        (("--account", PAYEE, "--claim-key"), 2, "--claim-key with --channel"),
        (("--account", PAYEE, "--public-key", "02"), 2, "goes with --claim-key"),
        (("--account", PAYEE, "--write", "x", "--with-held-key"), 2, "take one of"),
        (("--account", PAYEE, "--resume", "--abandon"), 2, "take one of"),
        (("--claim-key", "--channel", "zz", "--public-key", "02"), 12, "not a channel id"),
        (("--claim-key", "--channel", "00" * 32, "--public-key", "05"), 13, "not a public key"),
        (("--claim-key", "--channel", "00" * 32, "--abandon"), 2, "only plans"),
    ],
)
def test_a_rotation_that_cannot_be_is_one_sentence(
    run: Run, ready: Path, words: tuple[str, ...], code: int, sentence: str
) -> None:
    """And nothing has changed."""
    before = fingerprint(ready / "watchtower.db")
    ended = run("key", "rotate", *words)
    assert (ended.code, sentence in ended.err) == (code, True), ended.err
    assert "Traceback" not in ended.err
    assert fingerprint(ready / "watchtower.db") == before
