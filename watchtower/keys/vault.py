"""The vault: seeds come in, keys come out for the signer, and neither is ever shown.

A family seed is turned into its key at once and forgotten; only the key is kept, sealed in the
store. What a seed error says never contains the seed, and no exception of a library that may
contain it is chained to one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from xrpl.constants import CryptoAlgorithm, XRPLException
from xrpl.core.addresscodec import SEED_LENGTH, decode_seed
from xrpl.core.keypairs import derive_classic_address, derive_keypair

from watchtower.errors import KeyMissingError, SeedError
from watchtower.store.database import Store
from watchtower.store.secrets import IDENTITY, StoredKey
from watchtower.units import Address

__all__ = ["Algorithm", "KeyCard", "Vault"]

_ED25519_PREFIX: Final = "ED"
_SECRET_BYTES: Final = 32


class Algorithm(StrEnum):
    """The two kinds of keys that an account can have."""

    SECP256K1 = "secp256k1"
    ED25519 = "ed25519"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCard:
    """What may be told about a key. ``public_key`` is upper-case hex."""

    account: Address
    algorithm: Algorithm
    public_key: str
    is_regular_key: bool


class Vault:
    """The signing keys of one store."""

    def __init__(self, store: Store) -> None:
        """Keep keys in ``store``."""
        self._store = store

    async def import_seed(
        self,
        account: Address,
        seed: str,
        *,
        algorithm: Algorithm | None = None,
        regular_key: bool = False,
    ) -> KeyCard:
        """Keep the key of ``seed`` as the one that signs for ``account``, instead of an earlier.

        An ``sEd…`` seed is ed25519. An ``s…`` seed does not tell; it is secp256k1 unless
        ``algorithm`` says otherwise. ``regular_key`` admits the key of another address, which the
        account has named as its regular key (XRPL SetRegularKey).

        Raises:
            SeedError: no family seed, of another algorithm, or of another account.
        """
        key = _key_of_seed(account, seed.strip(), algorithm)
        address = derive_classic_address(key.public_key)
        if address != account:
            if not regular_key:
                why = f"it belongs to {address} and not to {account}"
                raise SeedError(why=why)
            key = StoredKey(
                account=account,
                public_key=key.public_key,
                private_key=key.private_key,
                is_regular_key=True,
            )
        async with self._store.write() as work:
            await work.secrets.put(key)
            await work.journal.append(
                "key_imported", facts={"account": account, "public_key": key.public_key}
            )
        return _card(key)

    async def remove(self, account: Address) -> KeyCard:
        """Forget the key of ``account``; whoever has its seed can import it again, also elsewhere.

        Raises:
            KeyMissingError: there is none.
        """
        async with self._store.write() as work:
            key = await work.secrets.get(account)
            if key is None or account == IDENTITY:
                raise KeyMissingError(account=account)
            await work.secrets.drop(account)
            facts = {"account": account, "public_key": key.public_key}
            await work.journal.append("key_removed", facts=facts)
        return _card(key)

    async def key_of(self, account: Address) -> StoredKey:
        """Return the key that signs for ``account``. Only the signer has a reason to ask.

        Raises:
            KeyMissingError: there is none.
        """
        async with self._store.read() as work:
            key = await work.secrets.get(account)
        if key is None:
            raise KeyMissingError(account=account)
        return key

    async def cards(self) -> list[KeyCard]:
        """Return what may be told about every account's key, in the order of accounts."""
        async with self._store.read() as work:
            keys = await work.secrets.load_all()
        cards = (_card(key) for key in keys if key.account != IDENTITY)
        return sorted(cards, key=lambda card: card.account)


def _key_of_seed(account: Address, seed: str, algorithm: Algorithm | None) -> StoredKey:
    told = _told_by(seed)
    if told is Algorithm.ED25519 and algorithm is Algorithm.SECP256K1:
        raise SeedError(why="an sEd… seed is of an ed25519 key, and secp256k1 was asked for")
    kind = CryptoAlgorithm((algorithm or told).value)
    public_key, private_key = derive_keypair(seed, algorithm=kind)
    # xrpl-py writes one byte before the 32: ED, or 00 for secp256k1.
    secret = bytes.fromhex(private_key)[-_SECRET_BYTES:]
    return StoredKey(account=account, public_key=public_key, private_key=secret)


def _told_by(seed: str) -> Algorithm:
    """Return the algorithm that the seed's own prefix tells; secp256k1 where it tells none."""
    try:
        entropy, algorithm = decode_seed(seed)
    except (XRPLException, ValueError):
        entropy, algorithm = b"", CryptoAlgorithm.SECP256K1
    if len(entropy) != SEED_LENGTH:
        # Raised out here, so that no library's exception, which may hold the seed, goes with it.
        why = "it is not a family seed (s… or sEd…), or was mistyped: its checksum is wrong"
        raise SeedError(why=why)
    return Algorithm(algorithm.value)


def _card(key: StoredKey) -> KeyCard:
    is_ed25519 = key.public_key.startswith(_ED25519_PREFIX)
    return KeyCard(
        account=key.account,
        algorithm=Algorithm.ED25519 if is_ed25519 else Algorithm.SECP256K1,
        public_key=key.public_key,
        is_regular_key=key.is_regular_key,
    )
