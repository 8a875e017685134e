"""Bad input: one clear sentence, an exit code of its own, and everything stored as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import NOBODY, PAYEE, Run, fingerprint
from watchtower.errors import WatchtowerError
from watchtower.sandbox.people import Person
from watchtower.units import ChannelId, Drops

PAYER = Person.named("a payer at the command line")

CHANNEL = "5097CC30E3F212DDBDF0BE8A494CC90AC7B8E5F14E2BE30B70E52FB002CCF3A8"
KEY = "0295412A345A5AD994E9FDDED304E2576BB55EBF4A7B65F85B2B7FEBCF2A38D8E4"
SIGNATURE = (
    "3045022100C38B661D13843F233D9D4C651D46631166741493F1940317BF6F1AD3440534D202206756A9BF28AE31"
    "CCCCB6E389F83650D98F6399E94DC498C1BDC05E405D35C1F9"
)


def claim(
    *, channel: str = CHANNEL, amount: str = "10000000", signature: str = SIGNATURE
) -> tuple[str, ...]:
    """The words of a claim that was signed for 10 XRP."""
    return ("claim", "add", channel, amount, signature, "--public-key", KEY)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (claim(channel="xyz"), 12, "not a channel id"),
        (claim(channel="zz" * 32), 12, "not a channel id"),
        (claim(amount="1.5"), 11, "not an amount"),
        (claim(amount="ten XRP"), 11, "not an amount"),
        (claim(amount="20000000"), 40, "signature of this claim is wrong"),
        (claim(signature="zz"), 15, "not a claim"),
        (("claim", "add", CHANNEL, "1", "30", "--public-key", "05"), 13, "not a public key"),
        (("claim", "add", "--file", "nowhere.jsonl"), 15, "cannot be read"),
        (("channel", "show", "12"), 12, "not a channel id"),
        (("key", "import", "--account", PAYEE + "x", "--seed-file", "-"), 10, "checksum"),
        (("key", "import", "--account", PAYEE, "--seed-file", "-"), 14, "seed"),
        (("key", "import", "--account", PAYEE, "--seed-file", "nowhere"), 14, "No such file"),
        (("channel", "show", CHANNEL), 30, "No server can be reached"),
        (("run", "--once"), 30, "No server can be reached"),
        (("backup", "restore", "nowhere.db"), 20, "nowhere.db"),
    ],
)
def test_bad_word_is_one_sentence_with_its_own_exit_code(
    run: Run, ready: Path, words: tuple[str, ...], code: int, sentence: str
) -> None:
    """Nothing that was stored changes, and no traceback reaches a user."""
    before = fingerprint(ready / "watchtower.db")
    ended = run(*words)
    said = ended.err.strip().splitlines()[-1]
    assert (ended.code, sentence in said, ended.out) == (code, True, "")
    assert "Traceback" not in ended.err
    assert fingerprint(ready / "watchtower.db") == before


@pytest.mark.parametrize("words", [("status",), ("channel", "list"), ("claim", "list"), ("run",)])
def test_wrong_passphrase_opens_nothing_and_changes_nothing(
    run: Run, ready: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """Exit code 22, and the same file as before."""
    before = fingerprint(ready / "watchtower.db")
    monkeypatch.setenv("WATCHTOWER_PASSPHRASE", "wrong horse")
    ended = run(*words)
    assert ended.code == 22
    assert "passphrase does not open" in ended.err
    assert fingerprint(ready / "watchtower.db") == before


def test_no_passphrase_and_no_terminal_says_where_to_put_one(
    run: Run, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon must never wait for a prompt that nobody sees."""
    assert ready.exists()
    monkeypatch.delenv("WATCHTOWER_PASSPHRASE")
    ended = run("status")
    assert ended.code == 23
    assert "WATCHTOWER_PASSPHRASE_FILE" in ended.err


def test_tampered_store_is_named_and_not_used(run: Run, ready: Path) -> None:
    """A byte that somebody flipped inside a record fails its seal."""
    assert run(*claim()).code == 0
    store = ready / "watchtower.db"
    size = store.stat().st_size
    codes = set()
    for offset in range(4096, size - 1, 6997):
        copy = store.read_bytes()
        store.write_bytes(copy[:offset] + bytes([copy[offset] ^ 1]) + copy[offset + 1 :])
        codes.add(run("claim", "list").code)
        store.write_bytes(copy)
    assert codes <= {0, 22, 24, 25}
    assert codes & {24, 25}


def test_truncated_store_is_damaged_and_left_as_it_is(run: Run, ready: Path) -> None:
    """Half a file is no store; the other half may still be found."""
    store = ready / "watchtower.db"
    store.write_bytes(store.read_bytes()[: store.stat().st_size // 2])
    before = fingerprint(store)
    ended = run("status")
    assert ended.code == 25
    assert "backup restore" in ended.err
    assert fingerprint(store) == before


def test_full_disk_keeps_nothing_new_and_loses_nothing_old(run: Run, ready: Path) -> None:
    """Exit code 28: the claim was not acknowledged, and is kept once there is space again."""

    def words(drops: int) -> tuple[str, ...]:
        signature = PAYER.sign_claim(ChannelId(CHANNEL), Drops(drops))
        return ("claim", "add", CHANNEL, str(drops), signature, "--public-key", PAYER.public_key)

    assert run(*words(10)).code == 0
    # A limit on the size of files does to the write-ahead log what a full disk does.
    limited = subprocess.run(
        [
            "bash",
            "-c",
            'ulimit -f 4; exec "$@"',
            "-",
            sys.executable,
            "-m",
            "watchtower",
            *words(11),
        ],
        capture_output=True,
        check=False,
        cwd=ready,
        # The measuring of coverage could not write its file either, and would say so.
        env={name: value for name, value in os.environ.items() if "COVERAGE" not in name},
        text=True,
    )
    assert limited.returncode == 28, limited.stderr
    assert "Free some space" in limited.stderr
    assert "Traceback" not in limited.stderr
    (kept,) = run("claim", "list", "--json").json()
    assert kept["amount"] == "10"
    assert run(*words(11)).code == 0


def test_missing_store_says_to_run_init(run: Run, ready: Path) -> None:
    """The configuration alone guards nothing."""
    (ready / "watchtower.db").unlink()
    ended = run("run", "--once")
    assert ended.code == 20
    assert "watchtower init" in ended.err


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        ('accounts = ["{payee}"]\nservers = ["wss://one"]\nservres = 1\n', 16, "servres"),
        ('accounts = ["{payee}"]\nservers = []\n', 16, "servers"),
        ('accounts = ["{payee}"]\n', 16, "servers"),
        ('accounts = ["{payee}x"]\nservers = ["wss://one"]\n', 10, "checksum"),
        ('accounts = ["{payee}"]\nservers = ["ws://one.example"]\n', 16, "not encrypted"),
        ('accounts = ["{payee}"]\nservers = ["http://one"]\n', 16, "WebSocket"),
        ('accounts = ["{payee}", "{payee}"]\nservers = ["wss://one"]\n', 16, "twice"),
        (
            'accounts = ["{payee}"]\nservers = ["wss://one"]\n[policy]\nmargin_seconds = 900\n',
            16,
            "margin",
        ),
        ("accounts = [", 16, "watchtower.toml"),
    ],
)
def test_configuration_that_cannot_be_used_says_why(
    run: Run, ready: Path, text: str, code: int, sentence: str
) -> None:
    """An unknown key is a mistake, and not something to pass over."""
    (ready / "watchtower.toml").write_text(text.replace("{payee}", PAYEE))
    ended = run("status")
    assert (ended.code, sentence in ended.err) == (code, True)


def test_init_does_not_touch_what_is_there(run: Run, ready: Path) -> None:
    """A second init would otherwise throw away every claim."""
    before = fingerprint(ready / "watchtower.db")
    assert run("init", "--account", PAYEE, "--server", NOBODY).code == 21
    (ready / "watchtower.toml").unlink()
    assert run("init", "--account", PAYEE, "--server", NOBODY).code == 21
    assert fingerprint(ready / "watchtower.db") == before
    assert not (ready / "watchtower.toml").exists()


def test_init_makes_the_store_of_a_configuration_that_is_there(run: Run, ready: Path) -> None:
    """Every other command would send back here; what was written by hand stays as it is."""
    config = ready / "watchtower.toml"
    config.write_text(config.read_text() + '\n[keys]\nsigner = "/run/signer.sock"\n')
    before = fingerprint(config)
    (ready / "watchtower.db").unlink()
    assert run("key", "list").code == 20
    other = "rwygKgJ9M6Ms8Fypk2foqvVdSfCaLHJsLK"
    refused = run("init", "--account", other, "--server", NOBODY)
    assert (refused.code, other in refused.err) == (16, True)
    made = run("init", "--account", PAYEE, "--server", NOBODY)
    assert made.code == 0
    assert "backup restore" in made.out
    assert "Next: watchtower authority show" in made.out  # its keys are with a signer
    assert fingerprint(config) == before
    assert run("token", "list").code == 0


def test_init_says_which_key_comes_next(run: Run, home: Path) -> None:
    """Of the account that was named, and a regular one unless told otherwise."""
    assert home.exists()
    made = run("init", "--account", PAYEE, "--server", NOBODY)
    assert f"Next: watchtower key import --account {PAYEE} --regular-key" in made.out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("init", "--account", PAYEE[:-1], "--server", NOBODY), 10),
        (("init", "--account", PAYEE, "--server", "ftp://one"), 16),
    ],
)
def test_init_with_a_bad_word_leaves_nothing_behind(
    run: Run, home: Path, words: tuple[str, ...], code: int
) -> None:
    """Half a set-up would only be in the way of the next try."""
    assert run(*words).code == code
    assert list(home.iterdir()) == []


def test_error_in_json_is_one_object(run: Run, ready: Path) -> None:
    """A script reads the same sentence and code that a person sees."""
    assert ready.exists()
    ended = run("channel", "show", "12", "--json")
    (line,) = ended.err.strip().splitlines()
    assert '"exit_code":12' in line
    assert '"error":"ChannelIdError"' in line


def test_every_error_has_an_exit_code_of_its_own() -> None:
    """What a script is told must say which of them it was."""

    def leaves(kind: type[WatchtowerError]) -> list[type[WatchtowerError]]:
        below = kind.__subclasses__()
        return [leaf for child in below for leaf in leaves(child)] or [kind]

    codes = [leaf.exit_code for leaf in leaves(WatchtowerError)]
    assert len(set(codes)) == len(codes)


def test_usage_errors_end_with_two(run: Run, ready: Path) -> None:
    """The shell's own convention for a wrong call."""
    assert ready.exists()
    for words in (("claim", "add", CHANNEL), ("nonsense",), ("claim", "add"), ("init",)):
        assert run(*words).code == 2
