"""Seeds come in, keys come out, and neither shows."""

from __future__ import annotations

import traceback
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.keys.conftest import (
    ED25519_ACCOUNT,
    ED25519_SEED,
    SECP256K1_ACCOUNT,
    SECP256K1_SEED,
)
from tests.store import make
from watchtower.errors import KeyMissingError, SeedError
from watchtower.keys.authority import Right
from watchtower.keys.next_key import fresh_key
from watchtower.keys.vault import Algorithm, KeyCard, Standing, Vault
from watchtower.store.database import Store
from watchtower.units import Address


async def test_both_kinds_of_seed_are_taken(vault: Vault) -> None:
    """The cards tell everything but the secret."""
    assert await vault.cards() == [
        KeyCard(
            account=ED25519_ACCOUNT,
            algorithm=Algorithm.ED25519,
            public_key=make.OTHER_KEY,
            is_regular_key=False,
        ),
        KeyCard(
            account=SECP256K1_ACCOUNT,
            algorithm=Algorithm.SECP256K1,
            public_key=make.KEY,
            is_regular_key=False,
        ),
    ]


async def test_keys_survive_a_restart(tmp_path: Path) -> None:
    """They are in the store, and the import is in its journal."""
    async with await make.store(tmp_path / "w.db") as store:
        await Vault(store).import_seed(SECP256K1_ACCOUNT, f"  {SECP256K1_SEED}\n")
        signature = await (await Vault(store).key_of(SECP256K1_ACCOUNT)).sign(b"message")
    async with await make.reopen(tmp_path / "w.db") as store:
        assert await (await Vault(store).key_of(SECP256K1_ACCOUNT)).sign(b"message") == signature
        async with store.read() as work:
            (told,) = await work.journal.tail(9)
    assert told.entry.kind == "key_imported"
    assert told.entry.facts == {"account": SECP256K1_ACCOUNT, "public_key": make.KEY}


async def test_a_plain_seed_can_be_of_an_ed25519_key(store: Store) -> None:
    """It does not tell; secp256k1 is meant unless somebody says otherwise."""
    vault = Vault(store)
    with pytest.raises(SeedError) as caught:
        await vault.import_seed(SECP256K1_ACCOUNT, SECP256K1_SEED, algorithm=Algorithm.ED25519)
    account = Address(str(caught.value).split("belongs to ")[1].split()[0])
    card = await vault.import_seed(account, SECP256K1_SEED, algorithm=Algorithm.ED25519)
    assert card.algorithm is Algorithm.ED25519
    assert card.public_key.startswith("ED")


@pytest.mark.parametrize(
    ("seed", "algorithm", "why"),
    [
        (ED25519_SEED, None, f"belongs to {ED25519_ACCOUNT} and not to {SECP256K1_ACCOUNT}"),
        (ED25519_SEED, Algorithm.SECP256K1, "secp256k1 was asked for"),
        (SECP256K1_SEED[:-1] + "c", None, "mistyped"),
        (SECP256K1_SEED[:-1], None, "mistyped"),
        ("", None, "not a family seed"),
        ("0OIl", None, "not a family seed"),
        ("schl\u00fcssel", None, "not a family seed"),
        (SECP256K1_ACCOUNT, None, "not a family seed"),
    ],
)
async def test_a_wrong_seed_is_refused_and_never_repeated(
    store: Store, seed: str, algorithm: Algorithm | None, why: str
) -> None:
    """Not in the sentence, not in the traceback, not in what caused it; and nothing is kept."""
    vault = Vault(store)
    with pytest.raises(SeedError, match=why) as caught:
        await vault.import_seed(SECP256K1_ACCOUNT, seed, algorithm=algorithm)
    told = "".join(traceback.format_exception(caught.value))
    assert len(seed) < 5 or seed not in told.replace(SECP256K1_ACCOUNT, "")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert await vault.cards() == []


async def test_a_regular_key_has_to_be_named_as_one(store: Store) -> None:
    """The key of another address signs only if somebody says that it may."""
    card = await Vault(store).import_seed(SECP256K1_ACCOUNT, ED25519_SEED, regular_key=True)
    assert card.is_regular_key
    own = await Vault(store).import_seed(SECP256K1_ACCOUNT, SECP256K1_SEED, regular_key=True)
    assert not own.is_regular_key
    assert await Vault(store).cards() == [own]


async def test_an_account_without_key_is_said(vault: Vault) -> None:
    """It is an error of its own: nothing can be redeemed for it."""
    with pytest.raises(KeyMissingError, match="nothing can be redeemed"):
        await vault.key_of(Address("rrrrrrrrrrrrrrrrrrrrBZbvji"))


def _is_among(taken: set[str], _account: Address, public_key: str) -> bool:
    return public_key in taken


async def test_while_a_key_is_rotated_the_one_that_the_ledger_takes_signs(store: Store) -> None:
    """The old one before, the new one behind; the old one as well while nothing is known."""
    vault = Vault(store)
    await vault.import_seed(SECP256K1_ACCOUNT, ED25519_SEED, regular_key=True)
    old = await vault.key_of(SECP256K1_ACCOUNT)
    new = fresh_key(SECP256K1_ACCOUNT, Algorithm.SECP256K1)
    async with store.write() as work:
        await work.secrets.put(replace(new, standing=Standing.NEXT))
    for taken, wanted in (
        ({old.public_key}, old),
        ({new.public_key}, new),
        (set[str](), old),
        ({old.public_key, new.public_key}, old),
    ):
        of_ledger = Vault(store, accepts=partial(_is_among, taken))
        found = await of_ledger.key_of(SECP256K1_ACCOUNT)
        assert found.public_key == wanted.public_key, taken


async def test_a_hand_gets_the_key_of_its_right(store: Store) -> None:
    """From the master key to a regular one: each hand signs with its own while both are taken."""
    await Vault(store).import_seed(SECP256K1_ACCOUNT, SECP256K1_SEED)
    master = await Vault(store).key_of(SECP256K1_ACCOUNT)
    new = fresh_key(SECP256K1_ACCOUNT, Algorithm.SECP256K1)
    async with store.write() as work:
        await work.secrets.put(replace(new, standing=Standing.NEXT))
    for right, key in ((Right.REGULAR_KEY, new), (Right.MASTER_KEY, master)):
        vault = Vault(store, accepts=lambda *_: True, right=right)
        assert (await vault.key_of(SECP256K1_ACCOUNT)).public_key == key.public_key
        not_yet = Vault(store, right=right)
        assert (await not_yet.key_of(SECP256K1_ACCOUNT)).public_key == master.public_key


async def test_a_former_key_never_signs(store: Store) -> None:
    """It is the master key: to fall back on it would be more than was chosen."""
    await Vault(store).import_seed(SECP256K1_ACCOUNT, SECP256K1_SEED)
    async with store.write() as work:
        key = await work.secrets.get(SECP256K1_ACCOUNT)
        assert key is not None
        await work.secrets.put(replace(key, standing=Standing.FORMER))
        await work.secrets.remove(key)
    for taken in (set[str](), {key.public_key}):
        with pytest.raises(KeyMissingError):
            await Vault(store, accepts=partial(_is_among, taken)).key_of(SECP256K1_ACCOUNT)
    assert [card.standing for card in await Vault(store).cards()] == [Standing.FORMER]
