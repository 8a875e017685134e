"""Channels as rows of a list: what each says, which of them are asked for, and in what order. Pure.

What it guarantees:

- The order is total: of two channels one always comes first, whatever is sorted by. So a page that
  begins behind the last row of the one before repeats no row and leaves none out, also while
  channels come and go in between (`Place`).
- A row costs the same whatever else there is, and needs no judging: of a channel on which nothing
  presses all that is told follows from its state and its best claim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from msgspec import Struct

from watchtower.guard.watch import Watch
from watchtower.judgement.stake import unpaid
from watchtower.judgement.verdict import Closed, Expired, Settled, Threatened, Verdict, Watching
from watchtower.units import Address, ChannelId, Drops, RippleTime

__all__ = [
    "STATES",
    "Place",
    "Query",
    "Row",
    "Show",
    "Sort",
    "matcher",
    "place_of",
    "rows_of",
]

_VERDICTS: Final[Mapping[type[Verdict], str]] = {
    Threatened: "threatened",
    Watching: "watching",
    Settled: "settled",
    Expired: "expired",
    Closed: "closed",
}

STATES: Final = (*_VERDICTS.values(), "open", "closing", "ended")
"""What a row can say of its channel: a verdict for its payee, else how it stands for its payer."""


class Show(StrEnum):
    """What a list is narrowed down to; of several, what all of them say."""

    AT_STAKE = "at_stake"  # something is at stake
    THREATENED = "threatened"  # it will end, with something at stake
    UNPROTECTABLE = "unprotectable"  # protection cannot be promised
    CLOSING = "closing"  # its end is set
    PAYER = "payer"  # its source is one of ours


class Sort(StrEnum):
    """What a list is sorted by."""

    AT_STAKE = "at_stake"
    SLACK = "slack"
    BALANCE = "balance"
    AMOUNT = "amount"
    ID = "id"


class Row(Struct, frozen=True, gc=False):
    """What a list tells of one channel.

    Attributes:
        channel: its id.
        source: who pays.
        destination: who is paid.
        amount: all drops that were ever put in.
        balance: all drops that were ever paid out.
        at_stake: the drops that redeeming now would pay; 0 for a payer.
        state: one of `STATES`.
        sure_until: the ledger time until which redeeming is sure, for a payer the end; None if no
            end is set.
        window: how many seconds there were to it to begin with; 0 where that is not told.
        protectable: whether protection can be promised.
        is_paid: whether it pays one of ours.
        is_paying: whether its source is one of ours.
    """

    channel: ChannelId
    source: Address
    destination: Address
    amount: Drops
    balance: Drops
    at_stake: Drops
    state: str
    sure_until: RippleTime | None
    window: int
    protectable: bool
    is_paid: bool
    is_paying: bool


class Place(NamedTuple):
    """Where a row stands in the order: rows without what is sorted by come last."""

    is_without: bool
    value: int
    channel: str


class Query(Struct, frozen=True, kw_only=True):
    """What is asked of the list.

    Attributes:
        words: each the beginning of an id or of an address, or one of `STATES`; a row has all.
        show: what the list is narrowed down to.
        sort: what it is sorted by.
        descending: whether the highest comes first.
        after: the place before the page; None for none.
        before: the place behind the page; None for none. At most one of the two is given.
    """

    words: tuple[str, ...] = ()
    show: frozenset[Show] = frozenset()
    sort: Sort = Sort.AT_STAKE
    descending: bool = True
    after: Place | None = None
    before: Place | None = None


def rows_of(watch: Watch, channels: Iterable[ChannelId]) -> Iterator[Row]:
    """Yield the rows of these channels, as they are now; none for one that is gone."""
    incoming, outgoing = watch.incoming, watch.outgoing
    judgements, standings = incoming.judgements, outgoing.judgements
    payees, payers, amount = incoming.payees, outgoing.payers, watch.best.amount
    for channel_id in channels:
        if (channel := watch.channels.get(channel_id)) is None:
            continue
        entry = channel.entry
        is_paid, is_paying = entry.destination in payees, entry.source in payers
        at_stake, state, end, window, protectable = Drops(0), "open", None, 0, True
        if is_paid:
            if (judgement := judgements.get(channel_id)) is None:
                # Nothing presses on it, so that no judgement of it is kept (``guard/incoming.py``).
                at_stake = unpaid(entry, amount(channel_id))
                state = "watching" if at_stake else "settled"
            else:
                at_stake, protectable = judgement.at_stake, judgement.protectable
                state = _VERDICTS[type(judgement.verdict)]
                if (deadline := judgement.deadline) is not None:
                    end, window = deadline.sure_until, max(0, deadline.window)
        elif is_paying and (standing := standings.get(channel_id)) is not None:
            state, end = standing.standing.value, standing.ends_at
        yield Row(
            channel_id,
            entry.source,
            entry.destination,
            entry.amount,
            entry.balance,
            at_stake,
            state,
            end,
            window,
            protectable,
            is_paid,
            is_paying,
        )


def matcher(query: Query) -> Callable[[Row], bool]:
    """Return what tells whether a row is asked for."""
    tests = [_SHOWN[show] for show in Show if show in query.show]
    tests += [_begins_or_is(word) for word in query.words]
    if not tests:
        return lambda _row: True
    if len(tests) == 1:
        return tests[0]
    return lambda row: all(test(row) for test in tests)


def _begins_or_is(word: str) -> Callable[[Row], bool]:
    upper, lower = word.upper(), word.lower()
    if lower in STATES:
        # "closed" is no beginning of an id, and all the others are none either.
        return lambda row: row.state == lower
    return lambda row: (
        row.channel.startswith(upper)
        or row.source.startswith(word)
        or row.destination.startswith(word)
    )


_SHOWN: Final[Mapping[Show, Callable[[Row], bool]]] = {
    Show.AT_STAKE: lambda row: row.at_stake > 0,
    Show.THREATENED: lambda row: row.state == "threatened",
    Show.UNPROTECTABLE: lambda row: not row.protectable,
    Show.CLOSING: lambda row: row.sure_until is not None,
    Show.PAYER: lambda row: row.is_paying,
}

_VALUES: Final[Mapping[Sort, Callable[[Row], int | None]]] = {
    Sort.AT_STAKE: lambda row: row.at_stake,
    # At any moment slack and deadline have the same order, and the deadline stays what it is.
    Sort.SLACK: lambda row: row.sure_until,
    Sort.BALANCE: lambda row: row.balance,
    Sort.AMOUNT: lambda row: row.amount,
    Sort.ID: lambda row: int(row.channel, 16),
}


def place_of(query: Query) -> Callable[[Row], Place]:
    """Return what tells where a row stands in the order that is asked for."""
    value_of, sign = _VALUES[query.sort], -1 if query.descending else 1

    def place(row: Row) -> Place:
        value = value_of(row)
        if value is None:
            return Place(is_without=True, value=0, channel=row.channel)
        return Place(False, sign * value, row.channel)  # noqa: FBT003 - once for each row there is

    return place
