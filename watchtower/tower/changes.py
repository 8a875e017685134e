"""What was learnt and is not on disk yet: written in one transaction, kept until that worked.

A write that fails (a full disk, another process in the way) loses nothing: the same changes are
written at the next try, and the cursor with them, last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from watchtower.guard.learned import Learned, Settlement
from watchtower.judgement.channel import Channel
from watchtower.judgement.channel_events import ChannelEvent
from watchtower.judgement.outgoing import Tally
from watchtower.response.attempt import Attempt
from watchtower.response.spending import DaySpent
from watchtower.store.work import Work
from watchtower.tower.noted_accounts import ACCOUNT_NOTE
from watchtower.tower.noted_tickets import TICKETS_NOTE, tickets_noted
from watchtower.units import Address, ChannelId, LedgerIndex, RippleTime

__all__ = [
    "REDEEMED_NOTE",
    "SPENT_NOTE",
    "TALLY_NOTE",
    "Batch",
    "Changes",
    "Note",
    "Tell",
    "tell_nobody",
]

REDEEMED_NOTE: Final = "redeemed "
"""Before a channel's id: the note of when it last paid, for schedules that survive a restart."""

SPENT_NOTE: Final = "spent "
"""Before an account: the note of what its fees have cost on the last day that had any."""

TALLY_NOTE: Final = "tally "
"""Before an outgoing channel's id: the note of what is known of claims on it."""

_IDLE_LEDGERS: Final = 50
"""Ledgers without effects after which the cursor is saved all the same: some three minutes."""

Note = tuple[str, ChannelId | None, LedgerIndex | None, dict[str, Any]]
"""A journal entry: its kind, its channel, its ledger, its facts."""

Tell = Callable[[Iterable[Note]], None]
"""Who is told what will be in the journal, at once and once; it neither waits nor fails."""


def tell_nobody(_notes: Iterable[Note]) -> None:
    """Tell nobody, where nobody follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One transaction's worth of changes."""

    channels: dict[ChannelId, Channel]
    redeemed: dict[ChannelId, RippleTime]
    spent: dict[Address, DaySpent]
    tallies: dict[ChannelId, Tally]
    accounts: dict[Address, Mapping[str, Any]]
    tickets: dict[Address, list[int]]
    settled: tuple[Attempt, ...]
    notes: tuple[Note, ...]
    cursor: LedgerIndex | None

    async def write(self, work: Work) -> None:
        """Write everything through ``work``, the cursor last."""
        await work.channels.put_all(self.channels.values())
        await work.notes.put_all(
            {REDEEMED_NOTE + channel: time for channel, time in self.redeemed.items()}
            | {SPENT_NOTE + account: [day.day, day.drops] for account, day in self.spent.items()}
            | {ACCOUNT_NOTE + account: note for account, note in self.accounts.items()}
            | {TALLY_NOTE + channel: _noted(tally) for channel, tally in self.tallies.items()}
            | {TICKETS_NOTE + account: held for account, held in self.tickets.items()}
        )
        await work.attempts.settle_all(self.settled)
        if self.notes:
            await work.journal.append_all(self.notes)
        if self.cursor is not None:
            await work.cursor.move(self.cursor)


class Changes:
    """Collects what is to be written, while and until it is."""

    def __init__(self, cursor: LedgerIndex | None, *, tell: Tell = tell_nobody) -> None:
        """Begin with nothing to write, and ``cursor`` on disk.

        ``tell`` is called before anything is written: who follows learns of a close request with
        the ledger that shows it, and not after an fsync.
        """
        self._tell = tell
        self._saved = cursor
        self._cursor = cursor
        self._channels: dict[ChannelId, Channel] = {}
        self._redeemed: dict[ChannelId, RippleTime] = {}
        self._spent: dict[Address, DaySpent] = {}
        self._tallies: dict[ChannelId, Tally] = {}
        self._accounts: dict[Address, Mapping[str, Any]] = {}
        self._tickets: dict[Address, list[int]] = {}
        self._settled: list[Attempt] = []
        self._notes: list[Note] = []
        self._idle = _IDLE_LEDGERS

    @property
    def pressing(self) -> bool:
        """Whether anything should be written now; a cursor over idle ledgers may wait."""
        unwritten = (self._channels, self._settled, self._notes, self._tallies)
        if any(unwritten) or self._accounts or self._tickets:
            return True
        if self._cursor is None or self._cursor == self._saved:
            return False
        return self._saved is None or self._cursor - self._saved >= self._idle

    def learned(self, learned: Learned) -> None:
        """Add what one fact changed."""
        if learned.channel is not None:
            self._channels[learned.channel.entry.channel] = learned.channel
            if learned.redeemed_at is not None:
                self._redeemed[learned.channel.entry.channel] = learned.redeemed_at
        before, after = learned.estate_before, learned.estate
        held = None if after is None else tickets_noted(after)
        was_held = None if before is None else tickets_noted(before)
        if after is not None and held is not None and held != was_held:
            self._tickets[after.account] = held
        self._note(*map(_note_of, learned.events))
        self.settled(*learned.settled)

    def tallied(self, tallies: Mapping[ChannelId, Tally]) -> None:
        """Add what was learnt of claims on outgoing channels."""
        self._tallies |= tallies

    def account(self, account: Address, note: Mapping[str, Any]) -> None:
        """Add who may sign for an account, as `noted_accounts` writes it."""
        self._accounts[account] = note

    def settled(self, *settlements: Settlement) -> None:
        """Add proven outcomes."""
        for settlement in settlements:
            attempt, outcome = settlement.attempt, settlement.outcome
            self._settled.append(attempt)
            if settlement.spent is not None:
                self._spent[attempt.payer] = settlement.spent
            facts = {
                "transaction": attempt.transaction,
                "outcome": outcome.kind.value,
                "paid": outcome.paid,
                "fee": outcome.fee,
                "why": outcome.why,
            }
            self._note(("attempt_settled", attempt.channel, outcome.ledger_index, facts))

    def note(
        self,
        kind: str,
        channel: ChannelId | None,
        ledger_index: LedgerIndex | None,
        **facts: object,
    ) -> None:
        """Add a journal entry."""
        self._note((kind, channel, ledger_index, facts))

    def accounted(self, ledger_index: LedgerIndex) -> None:
        """Let the cursor move to ``ledger_index`` with the next write."""
        self._cursor = ledger_index

    def close(self) -> None:
        """From now on, let the cursor wait for nothing."""
        self._idle = 1

    def take(self) -> Batch:
        """Hand over everything to be written; what comes meanwhile is for the next batch."""
        batch = Batch(
            channels=self._channels,
            redeemed=self._redeemed,
            spent=self._spent,
            tallies=self._tallies,
            accounts=self._accounts,
            tickets=self._tickets,
            settled=tuple(self._settled),
            notes=tuple(self._notes),
            cursor=self._cursor,
        )
        self._channels, self._redeemed, self._spent, self._tallies = {}, {}, {}, {}
        self._settled, self._notes, self._accounts, self._tickets = [], [], {}, {}
        return batch

    def written(self, batch: Batch) -> None:
        """Take note that ``batch`` is on disk."""
        self._saved = batch.cursor

    def put_back(self, batch: Batch) -> None:
        """Take ``batch``, which could not be written, back in front of what came since."""
        self._channels = batch.channels | self._channels
        self._redeemed = batch.redeemed | self._redeemed
        self._spent = batch.spent | self._spent
        self._tallies = batch.tallies | self._tallies
        self._accounts = batch.accounts | self._accounts
        self._tickets = batch.tickets | self._tickets
        self._settled = [*batch.settled, *self._settled]
        self._notes = [*batch.notes, *self._notes]

    def _note(self, *notes: Note) -> None:
        if notes:
            self._notes.extend(notes)
            self._tell(notes)


def _noted(tally: Tally) -> list[Any]:
    return [tally.explained, tally.presented, tally.transaction]


def _note_of(event: ChannelEvent) -> Note:
    facts = {
        field.name: getattr(event, field.name)
        for field in fields(event)
        if field.name not in {"channel", "at"}
    }
    return (_kind_of(event), event.channel, event.at.ledger_index, facts)


def _kind_of(event: ChannelEvent) -> str:
    """Return the event's name as the journal writes it: ``CloseRequested``, ``close_requested``."""
    name = type(event).__name__
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]
