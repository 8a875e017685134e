"""One question to several servers: to any of them, failing over, or to all of them at once.

What it guarantees: a server that refuses, lies or hangs costs no more than its own timeout, and
its rank. A refusal is believed when no other server answers better; "nobody answers" is
`UnreachableError`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, TypeVar

import structlog

from watchtower.errors import AnswerError, LedgerError, RequestRefusedError, UnreachableError
from watchtower.ledger.link import Link

__all__ = ["ask_all", "ask_any", "by_preference", "failure_among", "good", "nobody"]

_log = structlog.get_logger(__name__)

_T = TypeVar("_T")

Question = Callable[[Link], Awaitable[_T]]

_ASIDE: Final = 2
"""Ledgers that a server may be away from the others and still be asked like any of them."""


def by_preference(links: Sequence[Link]) -> list[Link]:
    """Return those that are ready, the best first.

    An amendment-blocked server cannot follow its network any more; it is better than nobody. Then
    counts whether a server is where the others are, then how it behaved lately, then whether it
    may be asked without waiting; among equals the operator's order holds.
    """
    ready = [link for link in links if link.ready.is_set()]
    present = _present(ready)
    return sorted(
        ready,
        key=lambda link: (
            link.amendment_blocked,
            abs((link.validated or 0) - present) > _ASIDE,
            link.conduct.rank,
            link.conduct.is_paced,
        ),
    )


def _present(ready: Sequence[Link]) -> int:
    """Return the ledger that the network is at, by the server in the middle.

    The highest of two: one that is behind is more common than one that lies, and what matters is
    asked of both.
    """
    known = sorted(link.validated or 0 for link in ready)
    return known[len(known) // 2] if known else 0


async def ask_any(links: Sequence[Link], question: Question[_T]) -> _T:
    """Return the first good answer, asking one server after another.

    Raises:
        RequestRefusedError: a server refused, and none answered better.
        LedgerError: the last server's failure, when nobody even refused.
        UnreachableError: there is no server to ask.
    """
    refusal: RequestRefusedError | None = None
    failure: LedgerError | None = None
    for link in by_preference(links):
        answer = await _ask(link, question)
        if isinstance(answer, RequestRefusedError):
            refusal = refusal or answer
        elif isinstance(answer, LedgerError):
            _log.warning("server_failed_to_answer", server=link.url, why=str(answer))
            failure = answer
        else:
            return answer
    raise refusal or failure or nobody(links)


async def ask_all(
    links: Sequence[Link],
    question: Question[_T],
    *,
    grace: float | None = None,
    is_told: bool = False,
) -> list[tuple[Link, _T | LedgerError]]:
    """Return what each server answered, or why it did not, in the order of ``links``.

    Once one has answered well the others have ``grace`` seconds left, all their time if None: who
    hangs must not hold up what presses. With ``is_told`` somebody else has answered well before.
    """
    asked = [asyncio.create_task(_ask(link, question)) for link in links]
    try:
        await _answered(asked, grace, is_told=is_told or grace is None)
        return [
            (link, task.result() if task.done() else _late(link, grace))
            for link, task in zip(links, asked, strict=True)
        ]
    finally:
        for task in asked:
            task.cancel()


async def _answered(
    asked: Sequence[asyncio.Task[_T | LedgerError]], grace: float | None, *, is_told: bool
) -> None:
    """Wait until all have answered, or one well and the grace of the others is over."""
    waiting: set[asyncio.Task[_T | LedgerError]] = set(asked)
    while waiting and not is_told:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        is_told = any(not isinstance(task.result(), LedgerError) for task in done)
    if waiting:
        await asyncio.wait(waiting, timeout=grace)


def _late(link: Link, grace: float | None) -> LedgerError:
    return UnreachableError(servers=link.url, why=f"another server answered {grace} s before it")


async def _ask(link: Link, question: Question[_T]) -> _T | LedgerError:
    try:
        return await question(link)
    except AnswerError as odd:
        link.conduct.failed(odd)
        return odd
    except LedgerError as failed:
        return failed


def good(answers: Iterable[tuple[Link, _T | LedgerError]]) -> dict[str, _T]:
    """Return the answers that are answers, by server."""
    return {link.url: told for link, told in answers if not isinstance(told, LedgerError)}


def failure_among(answers: Iterable[tuple[Link, object]]) -> LedgerError | None:
    """Return why nobody answered: a refusal if there is one, which says more than a silence."""
    errors = [told for _, told in answers if isinstance(told, LedgerError)]
    refusals = [error for error in errors if isinstance(error, RequestRefusedError)]
    return next(iter([*refusals, *errors]), None)


def nobody(links: Sequence[Link]) -> UnreachableError:
    """Return the error that says why no server can be asked."""
    return UnreachableError(
        servers=", ".join(link.url for link in links),
        why="; ".join(dict.fromkeys(link.why_not_ready for link in links)),
    )
