"""The one place that signs with keys that are here: a hand (``hands.py``) of one right.

It signs what ``permission.py`` allows and nothing else; fetches a key for what is to be signed now
and lets go of it; and hands out nothing that it has not read back from the bytes and verified,
wherever the key is and whoever signed with it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from watchtower.errors import (
    KeyMissingError,
    MasterKeyIdleError,
    SigningError,
    SigningRefusedError,
)
from watchtower.keys.authority import Right, right_of, why_no_key
from watchtower.keys.permission import Roles, why_not
from watchtower.keys.signed import SignedTransaction, as_signed, codec_of, verify
from watchtower.keys.stored_key import UnsealedKey
from watchtower.response.way import PLAIN, Way
from watchtower.units import Address, ChannelId, Drops

__all__ = [
    "KeySource",
    "SignedTransaction",
    "Signer",
    "SigningKey",
    "signed_at_once",
    "signed_with",
]


class SigningKey(Protocol):
    """What can sign, without showing how: a secret in memory, or a device that has it."""

    @property
    def public_key(self) -> str:
        """Its public half in upper-case hex: ``ED…`` is ed25519, ``02…`` or ``03…`` secp256k1."""
        ...

    async def sign(self, message: bytes) -> bytes:
        """Return the signature of ``message``, which is given as it is before any hashing.

        Raises:
            SigningError: it cannot be had now.
        """
        ...


class KeySource(Protocol):
    """Where the signer gets its keys."""

    async def key_of(self, account: Address) -> SigningKey:
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
        accepts: Callable[[Address, str], bool] = lambda _account, _public_key: False,
        most_tickets: int = 0,
        payers: Collection[Address] = (),
        source_of: Callable[[ChannelId], Address | None] = lambda _: None,
        elsewhere: Mapping[Address, Right] = MappingProxyType({}),
    ) -> None:
        """Sign with ``keys`` for ``payees`` and ``payers`` only.

        Args:
            keys: where the keys are.
            payees: the accounts in the configuration that redeem.
            fee_cap: the most drops that a transaction may cost.
            right: the one right that this hand has. A key that is of another right, in the same
                store, is not touched.
            accepts: tells whether the ledger is known to take a public key for an account.
            most_tickets: how many tickets one may make.
            payers: the accounts in the configuration that may close what they are the source of.
            source_of: tells a channel's source, from validated ledgers and nothing else.
            elsewhere: the accounts whose keys are in no store, and by what right these sign. They
                are tried although they may not be at hand: whoever has them says what is wrong.
        """
        self.right = right
        self._elsewhere = elsewhere
        self._known: Mapping[Address, Collection[str]] | None = None
        self._accepts = accepts
        self._keys = keys
        self._most_tickets = most_tickets
        self._roles = Roles(payees=frozenset(payees), payers=frozenset(payers))
        self._source_of = source_of
        self._fee_cap = fee_cap

    def hold_to(self, fee_cap: Drops, most_tickets: int) -> None:
        """Sign under another cap from now on, and make so many tickets at most."""
        self._fee_cap, self._most_tickets = fee_cap, most_tickets

    def hold(self, keys: Mapping[Address, Collection[str]]) -> None:
        """Take note of the public keys that there are now, by account, so that `way` can tell."""
        self._known = dict(keys)

    def way(self, account: Address) -> Way | None:
        """Return how this hand signs for ``account``; None where it is known to have no key."""
        if account not in self._roles.payees and account not in self._roles.payers:
            return None
        if account in self._elsewhere:
            return PLAIN if self._elsewhere[account] is self.right else None
        if self._known is None:
            return PLAIN
        keys = self._known.get(account, ())
        # The second of two is the one that is to come: not before the ledger has named it.
        can = any(
            right_of(account, key) is self.right and (not place or self._accepts(account, key))
            for place, key in enumerate(keys)
        )
        return PLAIN if can else None

    def why_idle(self, account: Address) -> SigningError:
        """Return what is missing, where there is no way."""
        return why_no_key(account, () if self._known is None else self._known.get(account, ()))

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
        keys: dict[Address, SigningKey] = {}
        for transaction in transactions:
            yield await self._sign(transaction, keys)

    async def _sign(
        self, transaction: Mapping[str, Any], keys: dict[Address, SigningKey]
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
        return await signed_with(key, transaction)

    async def _key_of(self, account: Address) -> SigningKey:
        """Fetch a key of this hand's right, whatever it was called when it was imported."""
        key = await self._keys.key_of(account)
        found = right_of(account, key.public_key)
        if found is self.right:
            return key
        if found is Right.MASTER_KEY:
            raise MasterKeyIdleError(account=account)
        raise KeyMissingError(account=account)


async def signed_with(key: SigningKey, transaction: Mapping[str, Any]) -> SignedTransaction:
    """Return ``transaction`` signed with ``key``, whatever it is: who calls this has looked at it.

    Raises:
        SigningRefusedError: what was signed does not read back as it was asked.
    """
    unsigned = {**transaction, "SigningPubKey": key.public_key}
    message = codec_of(unsigned).to_sign(unsigned)
    return _read_back(unsigned, message, await key.sign(message))


def signed_at_once(key: UnsealedKey, transaction: Mapping[str, Any]) -> SignedTransaction:
    """Return the same, where the key is in memory and nobody has to wait for it.

    For what a person signs on a machine of its own, in a form that ``presigning.py`` alone makes.

    Raises:
        SigningRefusedError: as `signed_with`.
    """
    unsigned = {**transaction, "SigningPubKey": key.public_key}
    message = codec_of(unsigned).to_sign(unsigned)
    return _read_back(unsigned, message, key.signature(message))


def _read_back(unsigned: Mapping[str, Any], message: bytes, signature: bytes) -> SignedTransaction:
    codec = codec_of(unsigned)
    signed = {**unsigned, "TxnSignature": signature.hex().upper()}
    data = codec.encode(signed)
    if codec.decode(data) != signed or not verify(message, signature, unsigned["SigningPubKey"]):
        raise SigningRefusedError(why="the signed transaction does not read back as it was asked")
    return as_signed(data)
