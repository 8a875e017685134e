"""What the daemon said last, for commands that judge a channel by themselves.

The network's rules that it read stay good while it does not run: an amendment is never taken back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from watchtower.interfaces.channel_view import Standing
from watchtower.judgement.authority import authority_fault
from watchtower.judgement.estate import Estate
from watchtower.judgement.rules import rules_of_note
from watchtower.ledger.events import ChannelEntry
from watchtower.response.bundle import Presigned
from watchtower.store.database import Store
from watchtower.store.work import Work
from watchtower.tower.noted_accounts import ACCOUNT_NOTE, recalled
from watchtower.tower.noted_tickets import TICKETS_NOTE, with_tickets
from watchtower.tower.tending import STATUS_NOTE
from watchtower.units import Address, ChannelId, Drops, RippleTime

__all__ = ["covered_by", "last_standing", "noted_estate"]


async def last_standing(store: Store) -> Standing:
    """Return what the daemon said last."""
    async with store.read() as work:
        told: Mapping[str, Any] = await work.notes.get(STATUS_NOTE) or {}
    return Standing(
        ledger_time=RippleTime(told.get("ledger_time") or 0),
        rules=rules_of_note(told.get("channel_rules")),
    )


async def noted_estate(work: Work, account: Address) -> Estate:
    """Return an account as the daemon last saw it: who signs for it, and its tickets."""
    estate = recalled(account, await work.notes.get(ACCOUNT_NOTE + account))
    return with_tickets(account, estate, await work.notes.get(TICKETS_NOTE + account))


async def covered_by(store: Store) -> Callable[[ChannelEntry], Drops | None]:
    """Return what tells to which balance a channel can be redeemed, as the daemon would tell it.

    That is None where something could sign when the daemon was last heard.
    """
    targets: defaultdict[Address, dict[ChannelId, Drops]] = defaultdict(dict)
    async with store.read() as work:
        told: Mapping[str, Any] = await work.notes.get(STATUS_NOTE) or {}
        for name in told.get("accounts_without_signer", ()):
            account = Address(name)
            targets[account] = {}
            estate = await noted_estate(work, account)
            for each in await work.bundles.of_account(account):
                best = targets[account].get(each.channel)
                if _is_usable(each, estate) and (best is None or each.target > best):
                    targets[account][each.channel] = each.target

    def covered(entry: ChannelEntry) -> Drops | None:
        of_account = targets.get(entry.destination)
        return None if of_account is None else of_account.get(entry.channel, entry.balance)

    return covered


def _is_usable(presigned: Presigned, estate: Estate) -> bool:
    is_burnt = estate.ticket_book.is_gone(presigned.ticket)
    return not is_burnt and authority_fault(estate, presigned.signing_key) is None
