"""Asking two servers where one may lie: the shell of ``crosscheck.py``.

What it guarantees: the state of a channel rests on two servers, where two can be asked, and on all
of them where two do not agree. Who contradicts the others loses its rank.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from watchtower.errors import AnswerError
from watchtower.ledger.accounts import read_account
from watchtower.ledger.asking import ask_all, by_preference, failure_among, good, nobody
from watchtower.ledger.channels import find_channels, read_channel
from watchtower.ledger.crosscheck import (
    Listing,
    account_of_all,
    find,
    is_unanimous,
    lists_compared,
)
from watchtower.ledger.events import AccountFact, ChannelChanged, ChannelMissing
from watchtower.ledger.link import Link
from watchtower.ledger.reputation import Fault
from watchtower.units import Address, ChannelId, LedgerIndex

__all__ = ["Newest", "account_by_two", "channel_by_two", "channels_by_two"]

_T = TypeVar("_T")

State = ChannelChanged | ChannelMissing

_COMMAND: Final = "ledger_entry"

_TWO: Final = 2

_GRACE: Final = 3.0
"""Seconds that the other server has once one has answered: a ledger, and what presses goes on."""

_ABREAST: Final = 5
"""Ledgers that servers which follow the network may be apart."""


Newest = Callable[[], LedgerIndex | None]
"""The newest ledger that counts; None while none does."""


def _unknown() -> None:
    return None


async def channel_by_two(
    links: Sequence[Link],
    channel: ChannelId,
    *,
    vouched: bool,
    newest: Newest = _unknown,
) -> ChannelChanged | ChannelMissing:
    """Return a channel's state as two servers tell it (`Servers.read_channel`).

    Raises:
        LedgerError: no server could tell, or they contradict each other.
    """

    async def read(link: Link) -> State:
        announced = link.validated or 0
        state = await read_channel(link, channel)
        _refuse_yet_to_come(link, state.at.ledger_index, newest())
        if announced - state.at.ledger_index > _ABREAST:
            link.conduct.blame(Fault.ANSWERED_OF_THE_PAST)
        return state

    def agree(told: Mapping[str, State]) -> bool:
        finding = find(told)
        return finding.vouched and finding.is_settled

    # Whoever serves against it waits for both, however long.
    told = await _ask_two(links, read, agree, grace=None if vouched else _GRACE)
    finding = find(told)
    for link in links:
        if link.url in finding.contradicting:
            link.conduct.blame(Fault.CONTRADICTED)
    for server in _behind(finding.state, told):
        why = "it has a channel that another server has not, and is behind"
        raise AnswerError(server=server, command=_COMMAND, why=why)
    if vouched and finding.contradicting and not finding.vouched:
        servers = " and ".join(finding.contradicting)
        why = "they contradict each other about this channel"
        raise AnswerError(server=servers, command=_COMMAND, why=why)
    return finding.state


async def channels_by_two(
    links: Sequence[Link], account: Address, *, newest: Newest = _unknown
) -> Listing:
    """Return every channel from or to ``account`` by the lists of two servers.

    Where there is one list for want of a second one, nothing in it is agreed.

    Raises:
        LedgerError: no server could tell.
    """

    async def read(link: Link) -> tuple[ChannelChanged, ...]:
        listed = await find_channels(link, account)
        for fact in listed:
            _refuse_yet_to_come(link, fact.at.ledger_index, newest())
        return listed

    there = len(by_preference(links))
    # Where two lists differ each channel is asked for by itself: nobody reads all of it again.
    told = await _ask_two(links, read, lambda _told: True, grace=_GRACE)
    listing = lists_compared(told.values())
    return listing if len(told) >= min(_TWO, there) else replace(listing, agreed=frozenset())


def _refuse_yet_to_come(link: Link, ledger_index: LedgerIndex, newest: LedgerIndex | None) -> None:
    """Refuse what is told of a ledger that the network has not come to.

    It would be believed until that ledger comes, whatever is seen to happen before.

    Raises:
        AnswerError: it is.
    """
    if newest is not None and ledger_index > newest + _ABREAST:
        why = f"it tells of ledger {ledger_index}, and the network is at {newest}"
        raise AnswerError(server=link.url, command=_COMMAND, why=why)


async def account_by_two(
    links: Sequence[Link], account: Address, delegate: Address | None = None
) -> tuple[AccountFact, ...]:
    """Return what an account has of its own, as two servers tell it; all, where these do not agree.

    And what ``delegate`` may send in its name, if there is one.

    Raises:
        LedgerError: no server could tell.
    """

    async def read(link: Link) -> tuple[AccountFact, ...]:
        return await read_account(link, account, delegate)

    told = await _ask_two(links, read, lambda told: is_unanimous(told.values()), grace=_GRACE)
    return account_of_all(told.values())


async def _ask_two(
    links: Sequence[Link],
    read: Callable[[Link], Awaitable[_T]],
    agree: Callable[[Mapping[str, _T]], bool],
    *,
    grace: float | None,
) -> Mapping[str, _T]:
    """Ask two servers, and the others where one of these fails; where they differ, all once more.

    A ledger may have closed between the two; a moment later both have it.

    Raises:
        LedgerError: nobody answered.
    """
    ready = by_preference(links)
    two, others = ready[:_TWO], ready[_TWO:]
    answers = await ask_all(two, read, grace=grace)
    told = good(answers)
    if told and not agree(told):
        again = [link for link in ready if link.url in told]
        told = good(await ask_all([*again, *others], read, grace=grace)) or told
    elif len(told) < len(two):
        answers += await ask_all(others, read, grace=grace, is_told=bool(told))
        told = good(answers)
    if not told:
        raise failure_among(answers) or nobody(links)
    return told


def _behind(believed: State, told: Mapping[str, State]) -> list[str]:
    """Return who has a channel that is believed missing, and is only a few ledgers behind.

    It was closed in between, or who says that it is missing is wrong: asking again soon will tell.
    """
    if isinstance(believed, ChannelChanged):
        return []
    return [
        server
        for server, state in told.items()
        if isinstance(state, ChannelChanged)
        and believed.at.ledger_index - state.at.ledger_index <= _ABREAST
    ]
