"""A vault in a store on a real disk, with one key of each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.softhsm import SoftHsm, softhsm_in
from tests.store import make
from watchtower.keys.vault import Vault
from watchtower.store.database import Store
from watchtower.units import Address

SECP256K1_SEED = "snoPBrXtMeMyMHUVTgbuqAfg1SUTb"
SECP256K1_ACCOUNT = Address("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh")
ED25519_SEED = "sEdTM1uX8pu2do5XvTnutH6HsouMaM2"
ED25519_ACCOUNT = Address("rG31cLyErnqeVj2eomEjBZtq7PYaupGYzL")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Give a new store."""
    async with await make.store(tmp_path / "watchtower.db") as opened:
        yield opened


@pytest.fixture
async def vault(store: Store) -> Vault:
    """Return a vault with a secp256k1 and an ed25519 key."""
    vault = Vault(store)
    await vault.import_seed(SECP256K1_ACCOUNT, SECP256K1_SEED)
    await vault.import_seed(ED25519_ACCOUNT, ED25519_SEED)
    return vault


@pytest.fixture
def softhsm(tmp_path: Path) -> Iterator[SoftHsm]:
    """Give a token of a real module."""
    with softhsm_in(tmp_path / "hsm") as made:
        yield made
