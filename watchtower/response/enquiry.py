"""Asking for the terms of the moment: prices, and each account's next sequence."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from watchtower.errors import LedgerError, RequestRefusedError
from watchtower.response.market import Market
from watchtower.response.surroundings import Docket, Servers
from watchtower.units import Address

__all__ = ["Enquiry", "enquire"]

_OF_OTHERS: Final = 300
"""Sequences that the account's owner may use in one ledger: as many as for all the tickets there
can be, and some transactions more."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enquiry:
    """What servers told of ``accounts``.

    ``market`` has the prices, ``sequences`` the next sequences that were told, ``refused`` the
    accounts that every server refuses. ``silence`` is why no sequence at all was told; None if
    any was.
    """

    accounts: Collection[Address]
    market: Market
    sequences: Mapping[Address, int]
    refused: Mapping[Address, RequestRefusedError]
    silence: LedgerError | None


async def enquire(servers: Servers, docket: Docket, accounts: Collection[Address]) -> Enquiry:
    """Ask for what planning needs to know of ``accounts``.

    Everything is asked at once, so that a server that hangs costs one timeout, however many
    accounts are guarded.

    Without sequences there are tickets still, and what was signed ahead is on some: so that none
    was told is said, and is no failure here.

    Raises:
        LedgerError: no server told the prices.
    """
    in_order = sorted(accounts)
    fees, answers = await asyncio.gather(
        servers.fee(), asyncio.gather(*(_sequence(servers, docket, a) for a in in_order))
    )
    told = dict(zip(in_order, answers, strict=True))
    sequences = {a: answer for a, answer in told.items() if isinstance(answer, int)}
    failures = [answer for answer in answers if isinstance(answer, LedgerError)]
    refused = {a: why for a, why in told.items() if isinstance(why, RequestRefusedError)}
    return Enquiry(
        accounts=in_order,
        market=Market.of(fees),
        sequences=sequences,
        refused=refused,
        silence=failures[-1] if failures and not sequences else None,
    )


def _is_believable(number: int, account: Address, docket: Docket) -> bool:
    """Return whether a next sequence fits what validated ledgers tell of the account.

    It never falls, and is ahead of the last validated ledger by what is on its way at most.
    """
    validated = docket.sequence(account)
    if validated is None:
        return True
    ours = sum(1 for attempt in docket.attempts.values() if attempt.account == account)
    return validated <= number <= validated + ours + _OF_OTHERS


async def _sequence(servers: Servers, docket: Docket, account: Address) -> int | LedgerError:
    """Return the account's next sequence, or why nobody tells it.

    Where servers disagree, those are passed over that contradict validated ledgers, and of the
    others each attempt that passes unseen makes the next one believe another: a single liar would
    otherwise leave a hole below every seat, for ever.
    """
    try:
        told = await servers.account_sequences(account)
        believable = [number for number in told if _is_believable(number, account, docket)] or told
        return believable[docket.lapses.get(account, 0) % len(believable)]
    except LedgerError as failed:
        # One account that is gone must not hold up the others.
        _log.warning("sequence_unknown", account=account, why=str(failed))
        return failed
