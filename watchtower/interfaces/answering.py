"""What whoever hands over claims is answered, however they came: one answer for each claim."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from watchtower.claims.answer import Answer
from watchtower.claims.given import Given
from watchtower.claims.message import ClaimMessage, claim_of
from watchtower.errors import InputError
from watchtower.interfaces.http.messages import AnswerMessage, refusal_of

__all__ = ["Ask", "answer_each"]

Ask = Callable[[Sequence[Given]], Awaitable[Sequence[Answer]]]
"""What is asked of the door: `Door.take`, or `Door.check`."""


async def answer_each(messages: Sequence[ClaimMessage], ask: Ask) -> list[AnswerMessage]:
    """Return an answer for each claim, in their order; what is no claim at all is told so.

    Raises:
        WatchtowerError: as ``ask`` does; none of them was kept.
    """
    read = [_read(message) for message in messages]
    answers = iter(await ask([one for one in read if not isinstance(one, AnswerMessage)]))
    return [
        one if isinstance(one, AnswerMessage) else AnswerMessage.of(next(answers)) for one in read
    ]


def _read(message: ClaimMessage) -> Given | AnswerMessage:
    try:
        return claim_of(message)
    except InputError as wrong:
        return refusal_of(message, wrong)
