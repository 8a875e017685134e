"""The bulletin: how things stand, in JSON values, for ``watchtower status`` and whoever asks.

It is made anew every few seconds, so nothing here grows with how many channels are watched: the
nearest deadlines come from a list that is kept in order, and all else is counted already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from watchtower.alerts.rules import Alarm
from watchtower.guard.watch import Watch
from watchtower.ledger.server_state import ServerState
from watchtower.units import Address, Drops

__all__ = ["STATUS_NOTE", "Means", "bulletin"]

STATUS_NOTE: Final = "status"
"""The note in which the daemon writes its bulletin."""

_NEAREST: Final = 10
"""Deadlines that are told."""


class Means(Protocol):
    """What accounts need, by the operator's limits."""

    def needed(self, account: Address) -> Drops | None:
        """Return what an account must be able to spend on fees; None where it pays none."""
        ...

    @property
    def tickets_wanted(self) -> int:
        """How many tickets an account is to hold."""
        ...


def bulletin(
    watch: Watch,
    means: Means,
    servers: Sequence[ServerState],
    alarms: Sequence[tuple[Alarm, int]],
) -> dict[str, Any]:
    """Return how things stand with what is guarded, its means, the servers and the alarms.

    Each alarm comes with the Unix seconds since which it stands.
    """
    newest, duties = watch.newest, watch.obligations()
    pressing, lost = watch.incoming.pressing, watch.incoming.lost
    return {
        "ledger_index": None if newest is None else newest.ledger_index,
        "ledger_time": None if newest is None else newest.close_time,
        "accounted": watch.accounted_to,
        "gaps": _gaps(watch),
        "rules": watch.rules.sentence,
        "channel_rules": watch.rules.note,
        "channels": len(watch.channels),
        "at_stake": watch.incoming.at_stake,
        "threatened_at_stake": pressing.threatened_at_stake,
        "unprotectable": pressing.unprotectable,
        "unprotectable_at_stake": pressing.unprotectable_at_stake,
        "lost_drops": lost.drops,
        "lost_channels": lost.channels,
        "lost_last": lost.last,
        "lost_at": lost.at,
        "deadlines": list(_deadlines(watch)),
        "seats": list(_seats(watch, means)),
        "money": list(_money(watch, means)),
        "redeeming": sum(not duty.purpose.closes for duty in duties),
        "outgoing": len(watch.outgoing.judgements),
        "closing": sum(duty.purpose.closes for duty in duties),
        "attempts": len(watch.attempts),
        "servers": [_server(state) for state in servers],
        "alarms": [_alarm(alarm, since) for alarm, since in alarms],
    }


def _gaps(watch: Watch) -> int | None:
    """Return how many ledgers below the newest are not accounted for; None before the first.

    The newest is no gap: what it holds is taken in and written down while this is asked.
    """
    if watch.newest is None or watch.accounted_to is None:
        return None
    return max(0, watch.newest.ledger_index - 1 - watch.accounted_to)


def _deadlines(watch: Watch) -> Iterator[Mapping[str, Any]]:
    """Yield the nearest deadlines of channels on which something is at stake."""
    incoming, newest = watch.incoming, watch.newest
    if newest is None:
        return
    for channel in incoming.deadlines.nearest(_NEAREST):
        judgement = incoming.judgements.get(channel)
        if judgement is None or judgement.deadline is None or channel not in watch.channels:
            continue
        yield {
            "channel": channel,
            "deadline": judgement.deadline.sure_until,
            "slack_seconds": judgement.deadline.slack(newest.pressing_time),
            "window_seconds": max(0, judgement.deadline.window),
            "at_stake": judgement.at_stake,
        }


def _seats(watch: Watch, means: Means) -> Iterator[Mapping[str, Any]]:
    """Yield in which places of the ledger each payee can have something applied."""
    for account in sorted(watch.payees):
        yield {
            "account": account,
            "sequence": watch.sequence(account),
            "tickets": watch.ticket_count(account),
            "pool": 0 if means.needed(account) is None else means.tickets_wanted,
        }


def _money(watch: Watch, means: Means) -> Iterator[Mapping[str, Any]]:
    """Yield what each account that pays its fees has for them, where that is known."""
    for account in sorted(watch.accounts):
        spendable, needed = watch.spare(account), means.needed(account)
        if spendable is not None and needed is not None:
            yield {"account": account, "spendable_drops": spendable, "needed_drops": needed}


def _server(state: ServerState) -> Mapping[str, Any]:
    return {
        "server": state.server,
        "connected": state.connected,
        "validated": state.validated,
        "amendment_blocked": state.amendment_blocked,
        "rank": state.rank,
        "why": state.why,
    }


def _alarm(alarm: Alarm, since: int) -> Mapping[str, Any]:
    return {
        "name": alarm.name,
        "subject": alarm.subject,
        "severity": alarm.severity.value,
        "sentence": alarm.sentence,
        "since": since,
    }
