"""What whoever hands over claims is answered, however they came: one answer for each claim."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from watchtower.claims.message import ClaimMessage, claim_of
from watchtower.claims.receipt import Receipt
from watchtower.errors import InputError
from watchtower.interfaces.http.messages import ReceiptMessage, refusal_of
from watchtower.judgement.claim import Claim

__all__ = ["Ask", "answer_each"]

Ask = Callable[[Sequence[Claim]], Awaitable[Sequence[Receipt]]]
"""What is asked of the door: `Door.take`, or `Door.check`."""


async def answer_each(messages: Sequence[ClaimMessage], ask: Ask) -> list[ReceiptMessage]:
    """Return an answer for each claim, in their order; what is no claim at all is told so.

    Raises:
        WatchtowerError: as ``ask`` does; none of them was kept.
    """
    read = [_read(message) for message in messages]
    receipts = iter(await ask([one for one in read if isinstance(one, Claim)]))
    return [ReceiptMessage.of(next(receipts)) if isinstance(one, Claim) else one for one in read]


def _read(message: ClaimMessage) -> Claim | ReceiptMessage:
    try:
        return claim_of(message)
    except InputError as wrong:
        return refusal_of(message, wrong)
