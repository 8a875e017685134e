"""Signing by a signer apart: the daemon asks, and holds no key.

It stands where ``signer.py`` stands otherwise, and guarantees the same: nothing that
``permission.py`` refuses is signed, here as there, and nothing is handed out that the key did not
sign, field for field as it was asked. The signer is not trusted with that: the daemon makes the
bytes itself, and verifies the signature over them as strictly as a server does.

The sources of channels, by which a payer's closes are allowed, are known here and not there: what
a planner mixes up ends here, whatever the signer would have signed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from watchtower.errors import (
    KeyMissingError,
    MasterKeyIdleError,
    SignerCapError,
    SignerUnreachableError,
    SigningError,
    SigningRefusedError,
)
from watchtower.keys.authority import Right, right_of, why_no_key
from watchtower.keys.permission import Roles, why_not
from watchtower.keys.signed import SignedTransaction, with_signature
from watchtower.keys.signer_line import SignerLine
from watchtower.keys.signer_messages import (
    MOST_AT_ONCE,
    Refusal,
    SignAnswer,
    SignRequest,
)
from watchtower.response.way import PLAIN, Way
from watchtower.units import Address, ChannelId, Drops

__all__ = ["Asking", "Care", "RemoteSigner", "error_of", "nonsense"]

_FIRST: Final = 8
"""Transactions in the first request, and then twice as many every time: the first signatures are
back while the last are not yet asked for."""

_AHEAD: Final = 2
"""Requests under way at once: while the signer signs one, what came of the other is verified. Not
more, for what was signed behind a refusal is signed in vain, and counts towards the day's cap."""


class Care(Protocol):
    """Who tells people of the signer's caps; accounts are those whose money would be spent."""

    def capped(self, account: Address, why: str) -> None:
        """It signs nothing more for an account now, by a cap of its settings."""
        ...

    def signed(self, account: Address) -> None:
        """It signed for an account."""
        ...


@dataclass(frozen=True, slots=True)
class _Part:
    """Transactions of one request, and what stops everything behind them."""

    transactions: list[Mapping[str, Any]]
    then: SigningError | None


class Asking:
    """Has transactions signed over a line, some at a time, and believes no signature."""

    def __init__(
        self,
        line: SignerLine,
        *,
        why_not: Callable[[Mapping[str, Any]], SigningError | None],
        why_not_by: Callable[[Address, str], SigningError | None],
        account_of: Callable[[Mapping[str, Any]], Address],
        care: Care | None,
        key_for: Callable[[Address], str | None] = lambda _: None,
    ) -> None:
        """Ask over ``line``.

        Args:
            line: to the signer.
            why_not: tells why a transaction is not even asked for; None if it is.
            why_not_by: tells why what a key has signed for an account is not taken.
            account_of: tells whose key signs a transaction, and whose money is spent by it.
            care: who tells people of caps.
            key_for: tells which of an account's keys the ledger takes, where that is not the one
                that signs as long as nobody says so.
        """
        self._key_for = key_for
        self._line = line
        self._why_not = why_not
        self._why_not_by = why_not_by
        self._account_of = account_of
        self._care = care

    async def each(
        self, transactions: Iterable[Mapping[str, Any]]
    ) -> AsyncGenerator[SignedTransaction, None]:
        """Have one after the other signed; the first that is refused ends it.

        Raises:
            SigningError: as `RemoteSigner.sign`.
        """
        parts = self._parts(transactions)
        under_way: deque[tuple[_Part, asyncio.Task[SignAnswer]]] = deque()
        try:
            while True:
                while len(under_way) < _AHEAD and (part := next(parts, None)) is not None:
                    under_way.append((part, asyncio.create_task(self._ask(part))))
                if not under_way:
                    return
                part, asking = under_way.popleft()
                answer = await asking
                for transaction, signature in zip(
                    part.transactions, answer.signatures, strict=False
                ):
                    signed = with_signature(
                        transaction,
                        public_key=signature.public_key,
                        signature=signature.signature,
                    )
                    if signed is None:
                        raise nonsense(self._line)
                    account = self._account_of(transaction)
                    if (error := self._why_not_by(account, signature.public_key)) is not None:
                        raise error
                    if self._care is not None:
                        self._care.signed(account)
                    yield signed
                self._refuse(part, answer)
        finally:
            for _, asking in under_way:
                asking.cancel()
            await asyncio.gather(*(asking for _, asking in under_way), return_exceptions=True)

    def _parts(self, transactions: Iterable[Mapping[str, Any]]) -> Iterator[_Part]:
        """Divide transactions into requests, taking no more of them than are asked for now."""
        part: list[Mapping[str, Any]] = []
        most = _FIRST
        for transaction in transactions:
            if (error := self._why_not(transaction)) is not None:
                yield _Part(part, error)
                return
            part.append(transaction)
            if len(part) == most:
                yield _Part(part, None)
                part, most = [], min(2 * most, MOST_AT_ONCE)
        if part:
            yield _Part(part, None)

    async def _ask(self, part: _Part) -> SignAnswer:
        if not part.transactions:
            return SignAnswer(id=0)
        fields = tuple(dict(transaction) for transaction in part.transactions)
        accounts = {self._account_of(transaction) for transaction in part.transactions}
        keys: dict[str, str] = {
            account: key for account in accounts if (key := self._key_for(account)) is not None
        }
        answer = await self._line.ask(
            lambda number: SignRequest(id=number, transactions=fields, keys=keys),
        )
        if not isinstance(answer, SignAnswer) or len(answer.signatures) > len(fields):
            raise nonsense(self._line)
        return answer

    def _refuse(self, part: _Part, answer: SignAnswer) -> None:
        """Raise what stops everything behind the signatures of an answer, if anything does."""
        missing = len(part.transactions) - len(answer.signatures)
        if answer.refusal is not None and missing:
            account = self._account_of(part.transactions[len(answer.signatures)])
            raise error_of(answer.refusal, account, self._line, self._care)
        if missing:
            raise nonsense(self._line)
        if part.then is not None:
            raise part.then


class RemoteSigner:
    """Has claims, tickets and closes signed by whoever holds the keys of the accounts."""

    def __init__(
        self,
        line: SignerLine,
        payees: Collection[Address],
        fee_cap: Drops,
        *,
        right: Right,
        most_tickets: int = 0,
        payers: Collection[Address] = (),
        source_of: Callable[[ChannelId], Address | None] = lambda _: None,
        care: Care | None = None,
        accepts: Callable[[Address, str], bool] = lambda _account, _public_key: False,
    ) -> None:
        """Ask over ``line``; the rest is as for `watchtower.keys.signer.Signer`."""
        self.right = right
        self._known: Mapping[Address, Collection[str]] | None = None
        self._line = line
        self._roles = Roles(payees=frozenset(payees), payers=frozenset(payers))
        self._fee_cap = fee_cap
        self._most_tickets = most_tickets
        self._source_of = source_of
        self._accepts = accepts
        self._asking = Asking(
            line,
            why_not=self._why_not,
            why_not_by=self._of_other_right,
            account_of=lambda transaction: Address(transaction["Account"]),
            care=care,
            key_for=self._key_for,
        )

    def hold_to(self, fee_cap: Drops, most_tickets: int) -> None:
        """Sign under another cap from now on, and make so many tickets at most."""
        self._fee_cap, self._most_tickets = fee_cap, most_tickets

    def hold(self, keys: Mapping[Address, Collection[str]]) -> None:
        """Take note of the public keys that the signer has now, by account."""
        self._known = dict(keys)

    def way(self, account: Address) -> Way | None:
        """Return how this hand signs for ``account``; None where it is known to have no key."""
        if account not in self._roles.payees and account not in self._roles.payers:
            return None
        way = replace(PLAIN, most=self._line.fee_cap)
        if self._known is None:
            return way
        return way if any(self._is_mine(account, key) for key in self._usable(account)) else None

    def why_idle(self, account: Address) -> SigningError:
        """Return what is missing, where there is no way."""
        return why_no_key(account, () if self._known is None else self._usable(account))

    async def sign(self, transaction: Mapping[str, Any]) -> SignedTransaction:
        """Return ``transaction`` signed; ``SigningPubKey`` is filled in.

        Raises:
            SigningRefusedError: it is outside what keys may sign, here or there.
            KeyMissingError: the signer has no key for its account, or one of another right.
            MasterKeyIdleError: it has its master key alone, and that is not this hand's right.
            SignerCapError: it is dearer than the signer signs at all, or still signs today.
            SignerUnreachableError: the signer does not answer, cannot sign now, or answers what
                is no signature of this transaction.
        """
        async with aclosing(self.sign_each([transaction])) as signing:
            return await anext(signing)

    def sign_each(
        self, transactions: Iterable[Mapping[str, Any]]
    ) -> AsyncGenerator[SignedTransaction, None]:
        """Sign one after the other, as `sign` does; the first that is refused ends it."""
        return self._asking.each(transactions)

    def _why_not(self, transaction: Mapping[str, Any]) -> SigningError | None:
        """Return why a transaction is not even asked for."""
        channel = transaction.get("Channel")
        reason = why_not(
            transaction,
            self._roles,
            self._fee_cap,
            most_tickets=self._most_tickets,
            source=self._source_of(ChannelId(channel)) if isinstance(channel, str) else None,
        )
        if reason is not None:
            return SigningRefusedError(why=reason)
        account = Address(transaction["Account"])
        others = [self._of_other_right(account, key) for key in self._usable(account)]
        return others[0] if others and all(others) else None

    def _usable(self, account: Address) -> list[str]:
        """Return the keys that may sign: the next one of a rotation once the ledger takes it."""
        keys = [] if self._known is None else list(self._known.get(account, ()))
        return [key for place, key in enumerate(keys) if not place or self._accepts(account, key)]

    def _key_for(self, account: Address) -> str | None:
        """Return the next key of a rotation where the ledger takes that one alone."""
        first, *others = self._usable(account) or [""]
        mine = [key for key in others if self._is_mine(account, key)]
        is_first_good = self._is_mine(account, first) and self._accepts(account, first)
        return mine[0] if mine and not is_first_good else None

    def _is_mine(self, account: Address, public_key: str) -> bool:
        return bool(public_key) and right_of(account, public_key) is self.right

    def _of_other_right(self, account: Address, public_key: str) -> SigningError | None:
        """Return why a key is not one of this hand; None if it is."""
        found = right_of(account, public_key)
        if found is self.right:
            return None
        if found is Right.MASTER_KEY:
            return MasterKeyIdleError(account=account)
        return KeyMissingError(account=account)


def error_of(
    refusal: Refusal, account: Address, line: SignerLine, care: Care | None
) -> SigningError:
    """Return what a refusal means for who asked; of a cap people are told first.

    ``account`` is the one whose key was to sign.
    """
    match refusal.kind:
        case "refused":
            return SigningRefusedError(why=refusal.why)
        case "capped":
            if care is not None:
                care.capped(account, refusal.why)
            return SignerCapError(place=line.path, account=account, why=refusal.why)
        case "key_missing":
            return KeyMissingError(account=account)
        case "master_key_idle":
            return MasterKeyIdleError(account=account)
        case "unable":
            return SignerUnreachableError(place=line.path, why=refusal.why)


def nonsense(line: SignerLine) -> SignerUnreachableError:
    """Return what it means that a signer answers something else than it was asked for."""
    why = "it answers with what is no signature of what it was asked to sign"
    return SignerUnreachableError(place=line.path, why=why)
