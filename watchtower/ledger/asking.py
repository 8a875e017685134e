"""One question to several servers: to any of them, failing over, or to all of them at once.

What it guarantees: a server that refuses, lies or hangs costs no more than its own timeout. A
refusal is believed when no other server answers better; "nobody answers" is `UnreachableError`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from watchtower.errors import LedgerError, RequestRefusedError, UnreachableError
from watchtower.ledger.link import Link

__all__ = ["ask_all", "ask_any", "by_preference", "nobody"]

_log = structlog.get_logger(__name__)

_T = TypeVar("_T")

Question = Callable[[Link], Awaitable[_T]]


def by_preference(links: Sequence[Link]) -> list[Link]:
    """Return those that are ready: the ones that know the newest ledger first, blocked ones last.

    An amendment-blocked server cannot follow its network any more; it is better than nobody.
    """
    ready = [link for link in links if link.ready.is_set()]
    return sorted(ready, key=lambda link: (link.amendment_blocked, -(link.validated or 0)))


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
        try:
            return await question(link)
        except RequestRefusedError as refused:
            refusal = refusal or refused
        except LedgerError as failed:
            _log.warning("server_failed_to_answer", server=link.url, why=str(failed))
            failure = failed
    raise refusal or failure or nobody(links)


async def ask_all(
    links: Sequence[Link], question: Question[_T]
) -> list[tuple[Link, _T | LedgerError]]:
    """Return what each server answered, or why it did not, in the order of ``links``."""

    async def ask(link: Link) -> _T | LedgerError:
        try:
            return await question(link)
        except LedgerError as failed:
            return failed

    answers = await asyncio.gather(*(ask(link) for link in links))
    return list(zip(links, answers, strict=True))


def nobody(links: Sequence[Link]) -> UnreachableError:
    """Return the error that says why no server can be asked."""
    return UnreachableError(
        servers=", ".join(link.url for link in links),
        why="; ".join(dict.fromkeys(link.why_not_ready for link in links)),
    )
