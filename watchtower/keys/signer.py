"""The one place that signs with keys that are here: a hand (``hands.py``) of one right.

It signs what ``permission.py`` allows and nothing else; fetches a key for what is to be signed now
and lets go of it; and hands out nothing that it has not read back from the bytes and verified.
secp256k1 signatures are deterministic (RFC 6979) with low S, as the ledger demands (rippled
PublicKey.cpp: ecdsaCanonicality); ed25519 is RFC 8032.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from typing import Any, Final, Protocol

from coincurve import PrivateKey
from nacl.signing import SigningKey

from watchtower.errors import KeyMissingError, MasterKeyIdleError, SigningRefusedError
from watchtower.keys.authority import Right, right_of
from watchtower.keys.permission import Roles, why_not
from watchtower.keys.signed import SignedTransaction, as_signed, codec_of, half_sha512, verify
from watchtower.response.way import PLAIN, Way
from watchtower.store.secrets import StoredKey
from watchtower.units import Address, ChannelId, Drops

__all__ = ["KeySource", "SignedTransaction", "Signer"]

_ED25519: Final = "ED"


class KeySource(Protocol):
    """Where the signer gets its keys: the vault."""

    async def key_of(self, account: Address) -> StoredKey:
        """Return the key that signs for ``account``."""
        ...


class Signer:
    """Signs claims, tickets and closes of the configured accounts, none for a fee above the cap."""

    def __init__(
        self,
        keys: KeySource,
        payees: Collection[Address],
        fee_cap: Drops,
        *,
        right: Right,
        most_tickets: int = 0,
        payers: Collection[Address] = (),
        source_of: Callable[[ChannelId], Address | None] = lambda _: None,
    ) -> None:
        """Sign with ``keys`` for ``payees`` and ``payers`` only.

        Args:
            keys: where the keys are.
            payees: the accounts in the configuration that redeem.
            fee_cap: the most drops that a transaction may cost.
            right: the one right that this hand has. A key that is of another right, in the same
                store, is not touched.
            most_tickets: how many tickets one may make.
            payers: the accounts in the configuration that may close what they are the source of.
            source_of: tells a channel's source, from validated ledgers and nothing else.
        """
        self.right = right
        self._known: Mapping[Address, str] | None = None
        self._keys = keys
        self._most_tickets = most_tickets
        self._roles = Roles(payees=frozenset(payees), payers=frozenset(payers))
        self._source_of = source_of
        self._fee_cap = fee_cap

    def hold(self, keys: Mapping[Address, str]) -> None:
        """Take note of the public keys that there are now, by account, so that `way` can tell."""
        self._known = dict(keys)

    def way(self, account: Address) -> Way | None:
        """Return how this hand signs for ``account``; None where it is known to have no key."""
        if account not in self._roles.payees and account not in self._roles.payers:
            return None
        if self._known is None:
            return PLAIN
        key = self._known.get(account)
        return None if key is None or right_of(account, key) is not self.right else PLAIN

    async def sign(self, transaction: Mapping[str, Any]) -> SignedTransaction:
        """Return ``transaction`` signed; ``SigningPubKey`` is filled in here.

        Raises:
            SigningRefusedError: it is outside what keys may sign.
            KeyMissingError: there is no key for its account.
            MasterKeyIdleError: there is its master key alone, and that is not this hand's right.
        """
        return await self._sign(transaction, {})

    async def sign_each(
        self, transactions: Iterable[Mapping[str, Any]]
    ) -> AsyncIterator[SignedTransaction]:
        """Sign one after the other, as `sign` does; the first that is refused ends it.

        Each account's key is fetched once, and let go of when the last is signed.
        """
        keys: dict[Address, StoredKey] = {}
        for transaction in transactions:
            yield await self._sign(transaction, keys)

    async def _sign(
        self, transaction: Mapping[str, Any], keys: dict[Address, StoredKey]
    ) -> SignedTransaction:
        """Sign with a key out of ``keys``, into which it is put if it is not there yet."""
        channel = transaction.get("Channel")
        reason = why_not(
            transaction,
            self._roles,
            self._fee_cap,
            most_tickets=self._most_tickets,
            source=self._source_of(ChannelId(channel)) if isinstance(channel, str) else None,
        )
        if reason is not None:
            raise SigningRefusedError(why=reason)
        account = Address(transaction["Account"])
        key = keys.get(account)
        if key is None:
            key = keys[account] = await self._key_of(account)
        return _signed({**transaction, "SigningPubKey": key.public_key}, key)

    async def _key_of(self, account: Address) -> StoredKey:
        """Fetch a key of this hand's right, whatever it was called when it was imported."""
        key = await self._keys.key_of(account)
        found = right_of(account, key.public_key)
        if found is self.right:
            return key
        if found is Right.MASTER_KEY:
            raise MasterKeyIdleError(account=account)
        raise KeyMissingError(account=account)


def _signed(unsigned: dict[str, Any], key: StoredKey) -> SignedTransaction:
    codec = codec_of(unsigned)
    message = codec.to_sign(unsigned)
    signature = _signature(message, key)
    signed = {**unsigned, "TxnSignature": signature.hex().upper()}
    data = codec.encode(signed)
    if codec.decode(data) != signed or not verify(message, signature, key.public_key):
        raise SigningRefusedError(why="the signed transaction does not read back as it was asked")
    return as_signed(data)


def _signature(message: bytes, key: StoredKey) -> bytes:
    if key.public_key.startswith(_ED25519):
        return SigningKey(key.private_key).sign(message).signature
    return PrivateKey(key.private_key).sign(half_sha512(message), hasher=None)
