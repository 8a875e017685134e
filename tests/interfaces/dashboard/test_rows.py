"""Rows out of a watch: each tells of its channel what the tower's own judgement does."""

from __future__ import annotations

import pytest

from tests.guard.test_watch import PAYEE, PAYER, START, changed, claim, closed, entry
from watchtower.guard.watch import Watch
from watchtower.interfaces.dashboard.rows import Row, rows_of
from watchtower.judgement.judge import Judgement
from watchtower.judgement.policy import Policy
from watchtower.units import ChannelId, Drops, RippleTime

SETTLED, WATCHED, THREATENED, EXPIRED, UNSAFE, CANCELLED = range(1, 7)


def guarding(**sides: object) -> Watch:
    """A watch with a channel of each kind, all of them judged."""
    watch = Watch(sides.get("payees", [PAYEE]), Policy(), payers=sides.get("payers", []))  # type: ignore[arg-type]  # the two sides are lists of addresses
    watch.ledger_closed(closed(10))
    ends = RippleTime(START + 3_000)
    for number, made in {
        SETTLED: entry(SETTLED, balance=Drops(30_000_000)),
        WATCHED: entry(WATCHED, balance=Drops(10_000_000)),
        THREATENED: entry(THREATENED, expiration=ends),
        EXPIRED: entry(EXPIRED, expiration=RippleTime(START)),
        UNSAFE: entry(UNSAFE, settle_delay=30),
        CANCELLED: entry(CANCELLED, cancel_after=RippleTime(START + 10**7)),
    }.items():
        watch.learn(changed(9, made))
        watch.raise_best(claim(30_000_000, number))
    return watch


def row_of(watch: Watch, number: int) -> Row:
    """The row of one channel."""
    (row,) = rows_of(watch, [ChannelId(f"{number:064X}")])
    return row


@pytest.mark.parametrize(
    ("number", "state", "at_stake"),
    [
        (SETTLED, "settled", 0),
        (WATCHED, "watching", 20_000_000),
        (THREATENED, "threatened", 30_000_000),
        (EXPIRED, "expired", 0),
        (UNSAFE, "watching", 30_000_000),
        (CANCELLED, "watching", 30_000_000),
    ],
)
def test_row_says_what_the_judgement_says(number: int, state: str, at_stake: int) -> None:
    """Also of a channel on which nothing presses, and of which no judgement is kept."""
    watch = guarding()
    judged: dict[str, Judgement] = {one.channel: one for one in watch.judge()}
    row, judgement = row_of(watch, number), judged[f"{number:064X}"]
    assert (row.state, row.at_stake) == (state, at_stake)
    assert row.state == type(judgement.verdict).__name__.lower()
    assert row.at_stake == judgement.at_stake
    assert row.protectable == judgement.protectable == (number != UNSAFE)
    deadline = judgement.deadline
    assert row.sure_until == (None if deadline is None else deadline.sure_until)
    assert row.window == (0 if deadline is None else deadline.window)
    assert (row.is_paid, row.is_paying) == (True, False)


def test_channel_of_a_payer_stands_where_its_payer_sees_it() -> None:
    """Nothing is at stake for who pays; and between two of ours the payee's verdict is told."""
    watch = guarding(payees=[], payers=[PAYER])
    watch.accounted(closed(10).ledger_index)
    watch.judge_outgoing()
    row = row_of(watch, THREATENED)
    assert (row.state, row.at_stake, row.sure_until) == ("closing", 0, START + 3_000)
    assert (row.is_paid, row.is_paying) == (False, True)
    assert row_of(watch, WATCHED).state == "open"
    both = guarding(payers=[PAYER])
    both.judge()
    row = row_of(both, THREATENED)
    assert (row.state, row.at_stake) == ("threatened", 30_000_000)
    assert (row.is_paid, row.is_paying) == (True, True)


def test_channel_that_is_gone_has_no_row() -> None:
    """It went while its page was looked for."""
    watch = guarding()
    watch.judge()
    names = list(watch.channels)
    watch.forget(names[0])
    assert [row.channel for row in rows_of(watch, names)] == names[1:]
