"""``watchtower authority``, and what is said of keys that may not sign."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from xrpl.wallet import Wallet

from tests.cli.conftest import NOBODY, PAYEE, Run
from watchtower.errors import SeedError
from watchtower.keys.authority import WORTH, Right
from watchtower.store.database import Store
from watchtower.store.secrets import Standing
from watchtower.units import Address

IDLE = "will not sign"


def set_up(run: Run, home: Path, *words: str, more: str = "") -> Wallet:
    """A payee whose master key was imported, with ``words`` for ``init``."""
    wallet = Wallet.create()
    assert run("init", "--account", wallet.address, "--server", NOBODY, *words).code == 0
    with (home / "watchtower.toml").open("a") as config:
        config.write(more)
    return wallet


def import_key(run: Run, account: str, wallet: Wallet, *words: str) -> str:
    """Import a key; return what is said."""
    ended = run(
        *("key", "import", "--account", account, "--seed-file", "-", *words),
        stdin=f"{wallet.seed}\n",
    )
    assert ended.code == 0
    return ended.out


def test_init_allows_no_master_key_unless_it_is_told_to(run: Run, home: Path) -> None:
    """In so many words; and it says what to import."""
    ended = run("init", "--account", PAYEE, "--server", NOBODY)
    assert "allow_master_key" not in (home / "watchtower.toml").read_text()
    assert ended.out.endswith("--regular-key\n")
    for made in (home / "watchtower.toml", home / "watchtower.db"):
        made.unlink()
    run("init", "--account", PAYEE, "--server", NOBODY, "--allow-master-key")
    assert "allow_master_key = true" in (home / "watchtower.toml").read_text()


def test_whoever_imports_a_master_key_hears_that_it_will_not_sign(run: Run, home: Path) -> None:
    """And what to do; it is kept all the same."""
    wallet = set_up(run, home)
    said = import_key(run, wallet.address, wallet)
    assert IDLE in said
    assert "`allow_master_key = true`" in said
    assert str(wallet.seed) not in said
    (listed,) = run("key", "list", "--json").json()
    assert listed["account"] == wallet.address


def test_a_key_that_may_sign_is_imported_without_a_word(run: Run, home: Path) -> None:
    """A master key that is allowed, and a regular key."""
    wallet = set_up(run, home, "--allow-master-key")
    assert IDLE not in import_key(run, wallet.address, wallet)
    assert IDLE not in import_key(run, wallet.address, Wallet.create(), "--regular-key")


def test_a_key_of_a_right_that_is_not_named_will_not_sign(run: Run, home: Path) -> None:
    """The operator has said by what right, and this is none of those."""
    wallet = set_up(run, home, more='[authority]\nrights = ["presigned", "delegated"]\n')
    assert IDLE in import_key(run, wallet.address, Wallet.create(), "--regular-key")


def test_show_tells_the_worth_of_a_key_that_signs(run: Run, home: Path) -> None:
    """Which key, in which order, and what a thief could do."""
    wallet = set_up(run, home)
    key = Wallet.create()
    import_key(run, wallet.address, key, "--regular-key")

    (shown,) = run("authority", "show", "--json").json()
    text = run("authority", "show").out

    assert shown["account"] == wallet.address
    assert shown["rights"] == [
        {
            "right": "regular_key",
            "order": 1,
            "public_key": key.public_key,
            "is_aside": False,
            "ledger": None,
            "is_apart": False,
            "thief": WORTH[Right.REGULAR_KEY].thief,
            "open": WORTH[Right.REGULAR_KEY].open,
        }
    ]
    assert shown["not_set_up"] == ["presigned", "delegated", "signer_list"]
    assert shown["signer_unreachable"] is None
    assert f"1. regular key {key.public_key}: whether the ledger takes it was not looked" in text
    assert f"To a thief: {WORTH[Right.REGULAR_KEY].thief}" in text
    assert str(key.seed) not in text


def test_show_tells_of_a_key_that_signs_nothing_for_it_can_be_stolen(run: Run, home: Path) -> None:
    """A master key that nobody allowed."""
    wallet = set_up(run, home)
    import_key(run, wallet.address, wallet)

    (shown,) = run("authority", "show", "--json").json()
    text = run("authority", "show").out

    assert [(one["right"], one["order"]) for one in shown["rights"]] == [("master_key", None)]
    assert "Nothing may sign for it." in text
    assert "does not sign" in text
    assert WORTH[Right.MASTER_KEY].thief in text


def test_show_of_an_account_without_any_key(run: Run, ready: Path) -> None:
    """What is allowed and not set up."""
    assert ready.exists()
    ended = run("authority", "show")
    assert ended.code == 0
    assert "Nothing may sign for it." in ended.out
    assert "Allowed, and not set up: pre-signed transactions, delegated permission" in ended.out


def test_a_signer_list_and_a_token_are_among_what_stands_by(run: Run, home: Path) -> None:
    """And a key of the store for whose account a token signs is not: it never would."""
    share = Wallet.create()
    set_up(run, home, more=f'\n[authority]\nsigner = "{share.address}"\n')
    import_key(run, share.address, share)
    (shown,) = run("authority", "show", "--json").json()
    assert [(one["right"], one["order"]) for one in shown["rights"]] == [("signer_list", 1)]
    assert shown["rights"][0]["public_key"] == share.public_key


def test_a_key_beside_a_token_is_neither_shown_nor_taken(run: Run, home: Path) -> None:
    """Whoever pulls the token out must not find a weaker key at work."""
    wallet = set_up(run, home)
    import_key(run, wallet.address, Wallet.create(), "--regular-key")
    with (home / "watchtower.toml").open("a") as config:
        config.write(
            '\n[hsm]\nmodule = "/usr/lib/token.so"\ntoken = "tower"\n'
            f'keys = [{{ account = "{wallet.address}", label = "redeem", regular_key = true }}]\n'
        )
    (shown,) = run("authority", "show", "--json").json()
    assert [(one["right"], one["public_key"]) for one in shown["rights"]] == [("regular_key", None)]
    refused = run("key", "import", "--account", wallet.address, "--seed-file", "-", stdin="x\n")
    assert (refused.code, "in the token" in refused.err) == (16, True)


def test_show_says_that_a_signer_apart_could_not_be_asked(run: Run, home: Path) -> None:
    """And what it may sign by; “nothing may sign” would send a person looking for a lost key."""
    set_up(run, home, more='\n[keys]\nsigner = "signer.sock"\n')
    ended = run("authority", "show")
    (shown,) = run("authority", "show", "--json").json()
    assert "Nothing may sign" not in ended.out
    assert "The signer apart could not be asked:" in ended.out
    assert "By configuration it may sign for it by: regular key." in ended.out
    assert shown["not_told"] == ["regular_key"]
    assert "regular_key" not in shown["not_set_up"]
    assert shown["signer_unreachable"]


def test_show_tells_that_a_rotation_put_a_key_aside(run: Run, home: Path) -> None:
    """That no setting allows it would be the wrong reason: none would bring it back."""
    wallet = set_up(run, home, "--allow-master-key")
    import_key(run, wallet.address, wallet)

    async def put_aside() -> None:
        opened = await Store.open(home / "watchtower.db", "correct horse")
        async with opened as store, store.write() as work:
            (held,) = await work.secrets.of_account(Address(wallet.address))
            await work.secrets.put(replace(held, standing=Standing.FORMER))

    asyncio.run(put_aside())
    (shown,) = run("authority", "show", "--json").json()
    assert [(one["order"], one["is_aside"]) for one in shown["rights"]] == [(None, True)]
    text = run("authority", "show").out
    assert "a rotation put it aside" in text
    assert "allow_master_key" not in text


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_seed_file_that_others_can_read_is_refused(run: Run, home: Path, mode: int) -> None:
    """A seed that lies open is nobody's secret, and who put it there is to hear of it."""
    wallet = set_up(run, home)
    file = home / "seed"
    file.write_text(f"{wallet.seed}\n")
    file.chmod(mode)
    words = ("key", "import", "--account", wallet.address, "--seed-file", str(file))
    refused = run(*words)
    assert refused.code == SeedError.exit_code
    assert f"chmod 600 {file}" in refused.err
    assert str(wallet.seed) not in refused.err + refused.out
    file.chmod(0o600)
    assert run(*words).code == 0
