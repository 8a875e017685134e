"""The steward: what becomes of the guarded accounts themselves, told to people.

It decides nothing about money. Of every account it tells whether the key that we hold still signs
for it, what was changed about who may sign, and what its owner, or a thief, did with it that we
did not: our own transactions are those that stand in the store as attempts.

While a key is rotated the ledger may take the next one before we have heard that there is one: at a
signer apart it is made by another process, on another machine. So that no key of ours signs is told
once the keys were looked at again; a rotation that is stuck is told then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from watchtower.alerts import catalogue
from watchtower.alerts.desk import Desk
from watchtower.errors import StoreBusyError, StoreFullError
from watchtower.guard.learned import Learned
from watchtower.guard.watch import Watch
from watchtower.judgement.authority import alterations, authority_fault
from watchtower.judgement.stake import at_stake
from watchtower.ledger.events import ChannelEntry, SeatUsed
from watchtower.store.database import Store
from watchtower.store.work import Work
from watchtower.tower.changes import Changes
from watchtower.tower.noted_accounts import noted
from watchtower.units import Address, ChannelId, Drops

__all__ = ["Steward"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Noticed:
    """A transaction that may be foreign, with what was unpaid on each channel right behind it."""

    used: SeatUsed
    unpaid: Mapping[ChannelId, Drops]


class Steward:
    """Looks after the accounts of one watch.

    ``doubted`` is set while the keys have to be looked at again (`take_doubts`).
    """

    def __init__(self, watch: Watch, *, store: Store, desk: Desk, changes: Changes) -> None:
        """Begin without a key; see `hold`."""
        self._watch = watch
        self._store = store
        self._desk = desk
        self._changes = changes
        self._keys: Mapping[Address, Collection[str]] = {}
        self.doubted = asyncio.Event()
        self._doubts: set[Address] = set()
        self._lost: set[Address] = set()
        self._noticed: list[_Noticed] = []
        self._noted: dict[Address, Mapping[str, Any]] = {}

    def hold(self, keys: Mapping[Address, Collection[str]]) -> None:
        """Take note of the public keys that we hold now, by account; while one is rotated, two."""
        self._keys = dict(keys)
        for account in self._watch.estates:
            self._look(account)

    def take_doubts(self) -> frozenset[Address]:
        """Return the accounts for which no key seems to sign, to look at the keys from now on."""
        taken = frozenset(self._doubts)
        self._doubts.clear()
        self.doubted.clear()
        return taken

    def conclude(self, accounts: Iterable[Address]) -> None:
        """Tell for which accounts no key signs, now that `hold` has what there is."""
        for account in accounts:
            self._look(account, is_sure=True)

    def learned(self, learned: Learned) -> None:
        """Tell what one fact changed about an account; see `tell_foreign` for the rest."""
        if learned.foreign is not None:
            self._notice(learned.foreign)
        before, after = learned.estate_before, learned.estate
        if after is None:
            return
        altered = () if before is None else alterations(before, after)
        if altered:
            why = "; ".join(altered)
            at = after.as_of
            _log.warning("account_altered", account=after.account, why=why)
            self._changes.note(
                "account_altered",
                None,
                None if at is None else at.ledger_index,
                account=after.account,
                why=why,
            )
            self._desk.happen(catalogue.account_altered(after.account, why=why))
        note = noted(after)
        if note is not None and note != self._noted.get(after.account):
            self._noted[after.account] = note
            self._changes.account(after.account, note)
        self._look(after.account)

    async def tell_foreign(self) -> None:
        """Tell of what was noticed and is none of our attempts, whatever became of those.

        What cannot be looked up now stays noticed until the next call.
        """
        if not self._noticed:
            return
        noticed, self._noticed = self._noticed, []
        try:
            async with self._store.read() as work:
                known = await work.attempts.known(
                    [(n.used.account, n.used.seat, n.used.transaction) for n in noticed]
                )
                known |= await work.rotations.known(
                    [(n.used.account, n.used.transaction) for n in noticed]
                )
                foreign = [n for n in noticed if n.used.transaction not in known]
                found = [await _let_go(work, n) for n in foreign]
        except (StoreBusyError, StoreFullError) as failure:
            _log.warning("foreign_not_looked_up", why=str(failure))
            self._noticed = noticed + self._noticed
            return
        for one, let_go in zip(foreign, found, strict=True):
            self._tell(replace(one, unpaid={**one.unpaid, **let_go}))

    def _notice(self, used: SeatUsed) -> None:
        """Keep what may be foreign, with the state of its channels: they may soon be let go."""
        held = {
            channel: self._watch.channels[channel].entry
            for channel in (*used.changed, *used.closed)
            if channel in self._watch.channels
        }
        unpaid = {
            channel: at_stake(entry, self._watch.best.get(channel))
            for channel, entry in held.items()
            if _pays(entry, used)
        }
        self._noticed.append(_Noticed(used=used, unpaid=unpaid))

    def _look(self, account: Address, *, is_sure: bool = False) -> None:
        """Tell whether a key of ours still signs for ``account``."""
        estate = self._watch.estates.get(account)
        faults = [authority_fault(estate, key) for key in self._keys.get(account, ())]
        fault = next(iter(faults), None)
        if fault is None or None in faults:
            self._lost.discard(account)
            self._desk.end("authority_lost", account)
        elif is_sure or account in self._lost:
            self._lost.add(account)
            self._desk.stand(catalogue.authority_lost(account, why=fault.sentence))
        else:
            self._doubts.add(account)
            self.doubted.set()

    def _tell(self, noticed: _Noticed) -> None:
        used, who = noticed.used, self._signer_of(noticed.used)
        _log.info(
            "foreign_transaction",
            account=used.account,
            transaction=used.transaction,
            kind=used.kind,
            signed_by=used.signed_by,
            result=used.result,
        )
        for channel, unpaid in noticed.unpaid.items():
            facts = {"transaction": used.transaction, "who": who, "unpaid": unpaid}
            self._changes.note("foreign_transaction", channel, used.at.ledger_index, **facts)
            if channel in used.closed and unpaid:
                self._desk.happen(catalogue.foreign_close(channel, unpaid=unpaid, why=who))
            else:
                alarm = catalogue.foreign_claim(used.transaction, channel=channel, why=who)
                self._desk.happen(alarm)
        # The account's own key, or that of who sent it in its name, which may be the tower's own.
        signer = used.delegate or used.account
        is_held = bool(used.signed_by) and used.signed_by in self._keys.get(signer, ())
        if is_held and (used.delegate or not noticed.unpaid):
            self._desk.happen(catalogue.key_used_elsewhere(signer, transaction=used.transaction))

    def _signer_of(self, used: SeatUsed) -> str:
        if used.delegate is not None:
            return f"its delegate {used.delegate} did"
        if not used.signed_by:
            return "several signed it together"
        if used.signed_by in self._keys.get(used.account, ()):
            return "it was signed with the very key that is held here"
        return f"it was signed with another key, {used.signed_by}"


def _pays(entry: ChannelEntry, used: SeatUsed) -> bool:
    """Return whether a channel pays the account; what it does with others gives nothing away."""
    return entry.destination == used.account


async def _let_go(work: Work, noticed: _Noticed) -> dict[ChannelId, Drops]:
    """Return what was unpaid on channels that the watch had let go before the seat was told.

    A channel that closed is forgotten as soon as that is told; the rest of what its transaction
    did may come with the next batch.
    """
    unpaid: dict[ChannelId, Drops] = {}
    for channel_id in set(noticed.used.closed) - noticed.unpaid.keys():
        channel = await work.channels.get(channel_id)
        if channel is not None and _pays(channel.entry, noticed.used):
            unpaid[channel_id] = at_stake(channel.entry, await work.claims.best(channel_id))
    return unpaid
