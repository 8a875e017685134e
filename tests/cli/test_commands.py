"""Commands that need no server: a first set-up, keys, pending claims, backups, and their help."""

from __future__ import annotations

import stat
from pathlib import Path

import click
import pytest
from xrpl.constants import CryptoAlgorithm
from xrpl.wallet import Wallet

from tests.cli.conftest import NOBODY, PAYEE, Run
from watchtower.cli import root
from watchtower.sandbox.people import Person

CHANNEL = "5097CC30E3F212DDBDF0BE8A494CC90AC7B8E5F14E2BE30B70E52FB002CCF3A8"
KEY = "0295412A345A5AD994E9FDDED304E2576BB55EBF4A7B65F85B2B7FEBCF2A38D8E4"
SIGNATURE = (
    "3045022100C38B661D13843F233D9D4C651D46631166741493F1940317BF6F1AD3440534D202206756A9BF28AE31"
    "CCCCB6E389F83650D98F6399E94DC498C1BDC05E405D35C1F9"
)


def commands(group: click.Group, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command below ``group``, by its words."""
    found = []
    for name, command in group.commands.items():
        words = (*prefix, name)
        found += commands(command, words) if isinstance(command, click.Group) else [words]
    return found


@pytest.mark.parametrize("words", commands(root))
def test_every_command_has_json_and_examples_in_its_help(run: Run, words: tuple[str, ...]) -> None:
    """A person copies an example; a script asks for JSON."""
    ended = run(*words, "--help")
    assert ended.code == 0
    assert "--json" in ended.out
    assert "Examples:" in ended.out
    assert f"watchtower {' '.join(words[:1])}" in ended.out


def test_first_set_up_is_private_to_its_owner(ready: Path) -> None:
    """Others on the machine read neither the configuration nor the store."""
    for name in ("watchtower.toml", "watchtower.db"):
        assert stat.S_IMODE((ready / name).stat().st_mode) == 0o600


def test_init_guards_payers_payees_and_who_is_both(run: Run, home: Path) -> None:
    """And not nobody; a payer's key is imported as a payee's is."""
    payer = Wallet.create()
    assert run("init", "--server", NOBODY).code == 2
    words = ("--account", PAYEE, "--payer", PAYEE, "--payer", payer.address)
    (made,) = run("init", *words, "--server", NOBODY, "--json").json()
    assert made["accounts"] == [PAYEE, payer.address]
    (home / "seed").touch(mode=0o600)
    (home / "seed").write_text(f"{payer.seed}\n")
    key = ("--account", payer.address, "--seed-file", "seed")
    assert run("key", "import", *key).code == 0
    assert 'role = "both"' in (home / "watchtower.toml").read_text()
    (status,) = run("status", "--json").json()
    assert status["accounts_without_key"] == [PAYEE]


@pytest.mark.parametrize("algorithm", list(CryptoAlgorithm))
def test_key_is_imported_and_listed_without_its_seed(
    run: Run, home: Path, algorithm: CryptoAlgorithm
) -> None:
    """Both kinds of family seed; the seed is seen nowhere afterwards."""
    wallet = Wallet.create(algorithm=algorithm)
    assert run("init", "--account", wallet.address, "--server", NOBODY).code == 0
    (home / "seed").touch(mode=0o600)
    (home / "seed").write_text(f"{wallet.seed}\n")
    words = ("key", "import", "--account", wallet.address, "--seed-file")
    for ended in (run(*words, "seed"), run(*words, "-", stdin=f"{wallet.seed}\n")):
        assert ended.code == 0
        assert str(wallet.seed) not in ended.out + ended.err
    (card,) = run("key", "list", "--json").json()
    assert card["account"] == wallet.address
    assert card["public_key"] == wallet.public_key
    assert str(wallet.seed).encode() not in (home / "watchtower.db").read_bytes()


def test_claim_without_any_server_is_kept_as_pending(run: Run, ready: Path) -> None:
    """Nobody can say whether the channel is ours; the payer's word is kept until somebody can."""
    assert ready.exists()
    ended = run("claim", "add", CHANNEL, "10XRP", SIGNATURE, "--public-key", KEY, "--json")
    (report,) = ended.json()
    assert (report["kept"], report["pending"], report["serve"]) == (False, True, False)
    (listed,) = run("claim", "list", "--json").json()
    assert (listed["amount"], listed["pending"]) == ("10000000", True)
    (status,) = run("status", "--json").json()
    assert status["pending_claims"] == 1


def test_claims_come_as_json_lines_and_each_gets_its_answer(run: Run, ready: Path) -> None:
    """A bad line is answered and does not stop the next; the exit code is the first bad one's."""
    assert ready.exists()
    good = (
        f'{{"channel":"{CHANNEL}","amount":"10000000","signature":"{SIGNATURE}",'
        f'"public_key":"{KEY}"}}'
    )
    lines = f"{good}\n\nnot json\n{good.replace('10000000', '20000000')}\n"
    ended = run("claim", "add", "-", "--json", stdin=lines)
    answers = ended.json()
    assert [answer["line"] for answer in answers] == [1, 3, 4]
    assert [answer.get("exit_code") for answer in answers] == [None, 15, 40]
    assert ended.code == 15


def test_status_before_the_daemon_ever_ran_says_so(run: Run, ready: Path) -> None:
    """Exit code 3 tells a script that nobody guards anything."""
    assert ready.exists()
    ended = run("status")
    assert ended.code == 3
    assert "watchtower run" in ended.out
    assert f"No key of {PAYEE}" in ended.out


def test_status_misses_no_key_where_another_right_signs(run: Run, ready: Path) -> None:
    """The tower's own account in the signer list signs for the payee, once its key is here."""
    own = Person.named("of the tower itself")
    config = ready / "watchtower.toml"
    config.write_text(config.read_text() + f'\n[authority]\nsigner = "{own.address}"\n')
    assert f"No key of {PAYEE}" in run("status").out
    (ready / "seed").write_text(own.seed)
    (ready / "seed").chmod(0o600)
    imported = run("key", "import", "--account", own.address, "--seed-file", "seed")
    assert imported.code == 0
    assert "No key of" not in run("status").out
    (status,) = run("status", "--json").json()
    assert status["accounts_without_key"] == [PAYEE]
    assert status["accounts_without_right"] == []
