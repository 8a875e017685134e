"""Rows that were made up, and queries for them."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from watchtower.interfaces.dashboard.rows import STATES, Query, Row, Show, Sort
from watchtower.units import Address, ChannelId, Drops, RippleTime

ADDRESSES = [
    Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD"),
    Address("rwygKgJ9M6Ms8Fypk2foqvVdSfCaLHJsLK"),
    Address("rLHzPsX6oXkzU2qL12kHCH8G8cnZv1rBJh"),
]

amounts = st.integers(0, 3).map(Drops)


@st.composite
def rows(draw: st.DrawFn, channel: str) -> Row:
    """A row of which little differs from others', so that many are alike."""
    state = draw(st.sampled_from(STATES))
    is_paid = draw(st.booleans())
    return Row(
        channel=ChannelId(channel),
        source=draw(st.sampled_from(ADDRESSES)),
        destination=draw(st.sampled_from(ADDRESSES)),
        amount=draw(amounts),
        balance=draw(amounts),
        at_stake=draw(amounts),
        state=state,
        sure_until=draw(st.none() | st.integers(0, 3).map(RippleTime)),
        window=60,
        protectable=draw(st.booleans()),
        is_paid=is_paid,
        is_paying=draw(st.booleans()) or not is_paid,
    )


@st.composite
def lists(draw: st.DrawFn) -> list[Row]:
    """Rows of different channels, in any order."""
    ids = st.text("0AF", min_size=3, max_size=3).map(lambda begin: begin + "7" * 61)
    return [draw(rows(channel)) for channel in draw(st.lists(ids, unique=True, max_size=20))]


words = st.sampled_from(["0", "a", "AF", "rL", "rLB", "r", "threatened", "Open", "closed", "f7"])
queries = st.builds(
    Query,
    words=st.lists(words, max_size=2).map(tuple),
    show=st.frozensets(st.sampled_from(Show), max_size=2),
    sort=st.sampled_from(Sort),
    descending=st.booleans(),
)


def naive(query: Query, found: list[Row]) -> list[Row]:
    """All rows that are asked for, in order: by what the query says, and nothing clever."""
    return sorted((row for row in found if _is_asked_for(query, row)), key=_key(query))


def _is_asked_for(query: Query, row: Row) -> bool:
    shown = {
        Show.AT_STAKE: row.at_stake > 0,
        Show.THREATENED: row.state == "threatened",
        Show.UNPROTECTABLE: not row.protectable,
        Show.CLOSING: row.sure_until is not None,
        Show.PAYER: row.is_paying,
    }
    return all(shown[show] for show in query.show) and all(_has(row, w) for w in query.words)


def _has(row: Row, word: str) -> bool:
    if word.lower() in STATES:
        return row.state == word.lower()
    names = (row.channel.lower().startswith(word.lower()),)
    return any((*names, row.source.startswith(word), row.destination.startswith(word)))


def _key(query: Query) -> Callable[[Row], tuple[bool, int, str]]:
    def key(row: Row) -> tuple[bool, int, str]:
        value = {
            Sort.AT_STAKE: row.at_stake,
            Sort.SLACK: row.sure_until,
            Sort.BALANCE: row.balance,
            Sort.AMOUNT: row.amount,
            Sort.ID: int(row.channel, 16),
        }[query.sort]
        if value is None:
            return True, 0, row.channel
        return False, -value if query.descending else value, row.channel

    return key
