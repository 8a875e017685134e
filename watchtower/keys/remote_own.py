"""The tower's own account, its key with a signer apart: as a delegate, and in signer lists.

What is asked for was judged by the hand that asks, and the signer judges it again by its own
settings. Neither is trusted by the other: the bytes are made here, and each signature is verified
over them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import Any

from watchtower.errors import KeyMissingError, SigningError
from watchtower.keys.multisign import Cosignature, verified
from watchtower.keys.remote_signer import Asking, Care, error_of, nonsense
from watchtower.keys.signed import SignedTransaction
from watchtower.keys.signer_line import SignerLine
from watchtower.keys.signer_messages import MOST_AT_ONCE, ShareRequest, SignAnswer
from watchtower.units import Address, Drops

__all__ = ["RemoteKey", "RemoteShare"]


class RemoteKey:
    """The key of a delegate, with a signer; what it signs names the delegate already."""

    def __init__(self, line: SignerLine, account: Address, *, care: Care | None = None) -> None:
        """Ask over ``line`` for what the key of ``account`` signs."""
        self._asking = Asking(
            line,
            why_not=_nothing_against,
            why_not_by=_nothing_against,
            account_of=lambda _: account,
            care=care,
        )

        self._line = line

    @property
    def most(self) -> Drops | None:
        """The most drops that the signer signs at once; None where it has not told."""
        return self._line.fee_cap

    def sign_each(
        self, transactions: Iterable[Mapping[str, Any]]
    ) -> AsyncGenerator[SignedTransaction, None]:
        """Have one after the other signed; the first that is refused ends it.

        Raises:
            SigningError: the signer refuses it, has no key for it, or cannot be used.
        """
        return self._asking.each(transactions)


class RemoteShare:
    """Our own share in a signer list, by a signer that has the key of ``account``."""

    def __init__(self, account: Address, line: SignerLine, *, care: Care | None = None) -> None:
        """Ask over ``line``."""
        self.account = account
        self._line = line
        self._care = care

    @property
    def most(self) -> Drops | None:
        """The most drops that the signer signs at once; None where it has not told."""
        return self._line.fee_cap

    async def sign(self, transactions: Sequence[Mapping[str, Any]]) -> list[Cosignature]:
        """Return our signature of the first of ``transactions``, up to one that is refused.

        They were judged before. Whoever asks again behind those that were signed is told why.

        Raises:
            SigningError: the signer refuses the first, has no key, or cannot be used.
        """
        signed: list[Cosignature] = []
        for first in range(0, len(transactions), MOST_AT_ONCE):
            part = transactions[first : first + MOST_AT_ONCE]
            try:
                mine = await self._sign_some(part)
            except SigningError:
                if not signed:
                    raise
                break
            signed += mine
            if len(mine) < len(part):
                break
        return signed

    async def public_key(self) -> str:
        """Return the key, in upper-case hex, by which others know our signatures.

        Raises:
            KeyMissingError: the signer has none for our account.
            SignerUnreachableError: it does not tell.
        """
        keys = (await self._line.keys()).get(self.account)
        if not keys:
            raise KeyMissingError(account=self.account)
        return keys[0]

    async def _sign_some(self, transactions: Sequence[Mapping[str, Any]]) -> list[Cosignature]:
        fields = tuple(dict(transaction) for transaction in transactions)
        answer = await self._line.ask(lambda number: ShareRequest(id=number, transactions=fields))
        if not isinstance(answer, SignAnswer) or len(answer.signatures) > len(fields):
            raise nonsense(self._line)
        signed: list[Cosignature] = []
        for transaction, given in zip(transactions, answer.signatures, strict=False):
            one = Cosignature(
                account=self.account, public_key=given.public_key, signature=given.signature
            )
            # As it is on both sides: what is not in the ledger's own form is none of our signer's.
            if verified(transaction, one) != one:
                raise nonsense(self._line)
            signed.append(one)
            if self._care is not None:
                self._care.signed(Address(transaction["Account"]))
        if answer.refusal is None and len(signed) < len(fields):
            raise nonsense(self._line)
        if signed or answer.refusal is None:
            return signed
        if answer.refusal.kind == "key_missing":
            raise KeyMissingError(account=self.account)
        account = Address(transactions[0]["Account"])
        raise error_of(answer.refusal, account, self._line, self._care)


def _nothing_against(*_asked: object) -> SigningError | None:
    return None
