"""What became of an attempt, told by validated ledgers alone.

Three things can end one, whichever is seen first::

    its own transaction moved the channel ─► Paid, or ClosedUnpaid (it came too late);
                                              for a payer, Done: the channel is gone, or will be
    its seat was used                      ─► Refused (a tec of its own, or it changed nothing),
                                              Superseded (another's), Done (tickets were made)
    its last ledger is accounted for       ─► Refused (it can never apply any more)

What was signed ahead of need has no last ledger. It is over when its ticket is gone; and when its
channel has paid as much by other hands, or is closed, since then it can only cost its fee.

In the last two of the table, a balance that has reached the target by other hands makes it
AlreadyPaid. A ``tesSUCCESS`` ends nothing: a late claim returns it and pays nothing, and so does a
close request for a channel that is closing already.
"""

from __future__ import annotations

from watchtower.judgement.channel import Channel
from watchtower.ledger.events import ChannelChanged, ChannelDeleted, SeatUsed
from watchtower.response.attempt import Attempt, Outcome, OutcomeKind, Purpose
from watchtower.units import Drops, LedgerIndex

__all__ = ["by_last_ledger", "by_lost_history", "by_own_transaction", "by_seat", "by_state"]

_NOTHING = Drops(0)

_SURELY_OVER = 4
"""Ledgers after which a last ledger has passed, whoever is a little behind."""


def by_own_transaction(attempt: Attempt, fact: ChannelChanged | ChannelDeleted) -> Outcome | None:
    """Return the outcome when ``fact`` is what this attempt's own transaction did."""
    if fact.transaction != attempt.transaction or fact.entry.channel != attempt.channel:
        return None
    kind, why = _done_by(attempt, fact)
    return Outcome(
        kind=kind,
        paid=fact.paid,
        why=why,
        ledger_index=fact.at.ledger_index,
        fee=attempt.fee,
    )


def _done_by(attempt: Attempt, fact: ChannelChanged | ChannelDeleted) -> tuple[OutcomeKind, str]:
    """Return what an attempt's own transaction did to its channel."""
    if attempt.purpose.closes:
        if isinstance(fact, ChannelDeleted):
            return OutcomeKind.DONE, "its transaction closed the channel"
        if attempt.purpose is Purpose.REQUEST_CLOSE and fact.entry.expiration is not None:
            return OutcomeKind.DONE, "its transaction set the expiration"
        return OutcomeKind.REFUSED, "it applied, and the channel stays"
    if fact.entry.balance < attempt.target:
        return OutcomeKind.CLOSED_UNPAID, "it applied after the channel had expired"
    if not fact.paid:
        # It came second, and too late for more than to close the channel.
        return OutcomeKind.ALREADY_PAID, "the balance had reached the target before it"
    return OutcomeKind.PAID, "its transaction paid the claim"


def by_seat(attempt: Attempt, used: SeatUsed, channel: Channel | None) -> Outcome | None:
    """Return the outcome when ``used`` is this attempt's seat.

    ``channel`` is the channel's state after every channel fact of the same transaction. A claim
    that succeeded either pays or closes its channel, so what says that it did and shows neither
    is a lie, or a part of the truth: it proves nothing, and whoever tells the rest does.
    """
    if (used.account, used.seat) != (attempt.account, attempt.seat):
        return None
    is_own = used.transaction == attempt.transaction
    fee = attempt.fee if is_own else _NOTHING
    ledger_index = used.at.ledger_index
    if _reached(attempt, channel):
        return _already_paid(ledger_index, fee)
    if is_own and attempt.purpose is Purpose.REDEEM and used.succeeded:
        return None
    if not is_own:
        kind, why = OutcomeKind.SUPERSEDED, f"{used.transaction} used its seat ({used.result})"
    elif attempt.purpose is Purpose.MAKE_TICKETS and used.succeeded:
        kind, why = OutcomeKind.DONE, "it was validated"
    else:
        kind, why = OutcomeKind.REFUSED, f"validated with {used.result}"
    return Outcome(kind=kind, paid=_NOTHING, why=why, ledger_index=ledger_index, fee=fee)


def by_last_ledger(
    attempt: Attempt, accounted: LedgerIndex, channel: Channel | None
) -> Outcome | None:
    """Return the outcome when every ledger the attempt could be in is accounted for."""
    if accounted < attempt.last_ledger:
        return None
    if _reached(attempt, channel):
        return _already_paid(accounted)
    why = f"its last ledger, {attempt.last_ledger}, passed without it"
    return Outcome(kind=OutcomeKind.REFUSED, paid=_NOTHING, why=why, ledger_index=accounted)


def by_lost_history(
    attempt: Attempt, newest: LedgerIndex, channel: Channel | None
) -> Outcome | None:
    """Return the outcome when no server can tell of the ledgers that an attempt could be in.

    The channel's state, read behind them, still tells whether it was paid, though not by whom. An
    attempt that waited for its history for ever would hold up what is known of all others.
    ``channel`` is None also where it was closed, and let go of: nobody reads its state again.
    """
    if newest - attempt.last_ledger < _SURELY_OVER:
        return None
    if _reached(attempt, channel):
        return _already_paid(newest)
    if _may_tell_more(attempt, channel):
        return None
    why = f"nobody has the history up to its last ledger, {attempt.last_ledger}, any more"
    return Outcome(kind=OutcomeKind.UNKNOWN, paid=_NOTHING, why=why, ledger_index=newest)


def by_state(
    attempt: Attempt,
    known_to: LedgerIndex,
    channel: Channel | None,
    ticket_gone_at: LedgerIndex | None,
) -> Outcome | None:
    """Return the outcome of what has no last ledger, where the state shows that it is over.

    Its own facts come first: whatever a ledger up to ``known_to`` told of it was taken already.
    ``channel`` is None where it was closed, and let go of.

    Args:
        attempt: one that never lapses.
        known_to: the newest ledger of which every fact is known, or can be known no more.
        channel: its state.
        ticket_gone_at: the ledger that shows that its ticket is not held any more.
    """
    if channel is not None and channel.as_of.ledger_index > known_to:
        return None
    if _reached(attempt, channel):
        return _already_paid(known_to)
    if channel is None or channel.is_final:
        kind, why = OutcomeKind.REFUSED, "its channel is closed"
    elif channel.closed_at is not None:
        kind, why = OutcomeKind.UNKNOWN, "its channel is gone, and nobody has told how"
    elif ticket_gone_at is not None and ticket_gone_at <= known_to:
        kind, why = OutcomeKind.UNKNOWN, "its ticket is gone, and nobody has told by what"
    else:
        return None
    return Outcome(kind=kind, paid=_NOTHING, why=why, ledger_index=known_to)


def _may_tell_more(attempt: Attempt, channel: Channel | None) -> bool:
    """Return whether a state that is still to be read may tell that an attempt has paid."""
    if channel is None or channel.closed_at is not None:
        return False
    return channel.as_of.ledger_index <= attempt.last_ledger


def _reached(attempt: Attempt, channel: Channel | None) -> bool:
    if channel is None or attempt.purpose is not Purpose.REDEEM:
        return False
    return channel.entry.balance >= attempt.target


def _already_paid(ledger_index: LedgerIndex, fee: Drops = _NOTHING) -> Outcome:
    return Outcome(
        kind=OutcomeKind.ALREADY_PAID,
        paid=_NOTHING,
        why="the channel's balance reached the target by another transaction",
        ledger_index=ledger_index,
        fee=fee,
    )
