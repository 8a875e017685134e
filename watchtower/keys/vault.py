"""The vault: seeds come in, keys come out for the signer, and neither is ever shown.

A family seed is turned into its key at once and forgotten; only the key is kept, sealed in the
store. What a seed error says never contains the seed, and no exception of a library that may
contain it is chained to one.

While a key is rotated an account has two: the vault gives out the one that the ledger accepts by
the account's last known state, so there is no moment in which nothing can be signed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from xrpl.constants import CryptoAlgorithm, XRPLException
from xrpl.core.addresscodec import SEED_LENGTH, decode_seed
from xrpl.core.keypairs import derive_classic_address, derive_keypair

from watchtower.errors import KeyMissingError, KeyNeededError, KeyThereError, SeedError
from watchtower.keys.authority import Right, right_of
from watchtower.keys.derivation import DerivedKey
from watchtower.keys.stored_key import UnsealedKey
from watchtower.store.database import Store
from watchtower.store.secrets import OF_NO_ACCOUNT, Standing, StoredKey
from watchtower.units import Address

__all__ = [
    "Algorithm",
    "KeyCard",
    "Standing",
    "StoredKey",
    "Vault",
    "card_of",
    "key_of_derived",
    "key_of_seed",
    "key_that_signs_for",
]

_ED25519_PREFIX: Final = "ED"
_SECRET_BYTES: Final = 32


class Algorithm(StrEnum):
    """The two kinds of keys that an account can have."""

    SECP256K1 = "secp256k1"
    ED25519 = "ed25519"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCard:
    """What may be told about a key. ``public_key`` is upper-case hex; ``path`` is in the tree."""

    account: Address
    algorithm: Algorithm
    public_key: str
    is_regular_key: bool
    standing: Standing = Standing.SIGNS
    path: str | None = None


def _accept_none(_account: Address, _public_key: str) -> bool:
    return False


class Vault:
    """The signing keys of one store."""

    def __init__(
        self,
        store: Store,
        *,
        accepts: Callable[[Address, str], bool] = _accept_none,
        right: Right | None = None,
    ) -> None:
        """Keep keys in ``store``.

        ``accepts`` tells whether the ledger is known to take a public key's signature for an
        account, by the account's last known state. ``right`` is that of the hand that asks for
        keys, if it is one: while a key is rotated there may be one of each right.
        """
        self._store = store
        self._right = right
        self._accepts = accepts

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
        key = key_that_signs_for(account, seed, algorithm=algorithm, regular_key=regular_key)
        async with self._store.write() as work:
            await work.secrets.put(key)
            await work.journal.append(
                "key_imported", facts={"account": account, "public_key": key.public_key}
            )
        return card_of(key)

    async def keep_derived(self, account: Address, derived: DerivedKey) -> KeyCard:
        """Keep a key of the tree as the one that signs for ``account``, which has none here yet.

        Raises:
            KeyThereError: it has one; nothing was changed.
        """
        key = key_of_derived(account, derived)
        async with self._store.write() as work:
            if await work.secrets.get(account) is not None:
                raise KeyThereError(account=account)
            await work.secrets.put(key)
            facts = {"account": account, "public_key": key.public_key, "path": key.path}
            await work.journal.append("key_derived", facts=facts)
        return card_of(key)

    async def remove(self, account: Address) -> KeyCard:
        """Forget the key of ``account``; whoever has its seed can import it again, also elsewhere.

        Raises:
            KeyMissingError: there is none.
            KeyNeededError: a rotation of it is under way, which may have no other key left then.
        """
        async with self._store.write() as work:
            key = await work.secrets.get(account)
            if key is None or account in OF_NO_ACCOUNT:
                raise KeyMissingError(account=account)
            rotation = await work.rotations.get(account)
            if rotation is not None and rotation.is_under_way:
                why = "a rotation is under way; finish it with --resume, or end it with --abandon"
                raise KeyNeededError(account=account, why=why)
            await work.secrets.remove(key)
            facts = {"account": account, "public_key": key.public_key}
            await work.journal.append("key_removed", facts=facts)
        return card_of(key)

    async def key_of(self, account: Address) -> UnsealedKey:
        """Return what signs for ``account`` now. Only the signer has a reason to ask.

        Of two, while one is rotated, that is the account's own until the ledger refuses it and
        takes the next one, or until the next one is of the right that is asked for and the own is
        not. A former key never signs: it is a master key, and stronger than what was chosen
        instead.

        Raises:
            KeyMissingError: there is none.
        """
        async with self._store.read() as work:
            known = await work.secrets.of_account(account)
        accepted = {k.public_key for k in known if self._accepts(account, k.public_key)}
        usable = [
            key
            for key in known
            if key.standing is Standing.SIGNS
            or (key.standing is Standing.NEXT and key.public_key in accepted)
        ]
        if not usable:
            raise KeyMissingError(account=account)
        return UnsealedKey(min(usable, key=lambda k: self._comes(k, accepted)))

    def _comes(self, key: StoredKey, accepted: Collection[str]) -> tuple[bool, bool]:
        """Return how early a key comes among those that could sign: the least is the first."""
        is_of_right = self._right in {None, right_of(key.account, key.public_key)}
        return not is_of_right, key.public_key not in accepted

    async def cards(self) -> list[KeyCard]:
        """Return what may be told about every account's key, in the order of accounts."""
        async with self._store.read() as work:
            keys = await work.secrets.load_all()
        cards = (card_of(key) for key in keys if key.account not in OF_NO_ACCOUNT)
        return sorted(cards, key=lambda card: (card.account, list(Standing).index(card.standing)))


def key_of_derived(account: Address, derived: DerivedKey) -> StoredKey:
    """Return a key of the tree as one that signs for ``account``, by right of its address."""
    return StoredKey(
        account=account,
        public_key=derived.public_key,
        private_key=derived.private_key,
        is_regular_key=derived.address != account,
        path=str(derived.path),
    )


def key_that_signs_for(
    account: Address,
    seed: str,
    *,
    algorithm: Algorithm | None = None,
    regular_key: bool = False,
) -> StoredKey:
    """Return the key of ``seed`` as the one that signs for ``account``; it is kept nowhere.

    Raises:
        SeedError: as `Vault.import_seed`.
    """
    key = key_of_seed(account, seed, algorithm)
    address = derive_classic_address(key.public_key)
    if address == account:
        return key
    if not regular_key:
        why = (
            f"it belongs to {address} and not to {account}; if that has named it as its regular "
            "key, say --regular-key"
        )
        raise SeedError(why=why)
    return replace(key, is_regular_key=True)


def key_of_seed(account: Address, seed: str, algorithm: Algorithm | None = None) -> StoredKey:
    """Return the key that a family seed makes, for ``account``, whoever's it is.

    Raises:
        SeedError: it is no family seed, or of another algorithm.
    """
    seed = seed.strip()
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


def card_of(key: StoredKey) -> KeyCard:
    """Return what may be told about a key."""
    is_ed25519 = key.public_key.startswith(_ED25519_PREFIX)
    return KeyCard(
        account=key.account,
        algorithm=Algorithm.ED25519 if is_ed25519 else Algorithm.SECP256K1,
        public_key=key.public_key,
        is_regular_key=key.is_regular_key,
        standing=key.standing,
        path=key.path,
    )
