"""What a channel's page draws and tells: nothing is hidden, and nothing is drawn too large."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.interfaces.test_story import numbered
from tests.store import make
from watchtower.interfaces.dashboard.funds import WIDTH, parts_of, pieces
from watchtower.interfaces.dashboard.time_left import Urgency, time_left
from watchtower.interfaces.dashboard.tried import told, tried
from watchtower.judgement.deadline import Deadline
from watchtower.judgement.verdict import End
from watchtower.ledger.events import ChannelEntry, Seat
from watchtower.response.attempt import NEVER, OutcomeKind, Purpose
from watchtower.units import MAX_DROPS, Address, ChannelId, Drops, RippleTime

AMOUNTS = st.integers(0, MAX_DROPS)


def entry(amount: int, balance: int) -> ChannelEntry:
    """A channel that holds so much, of which so much was paid."""
    return ChannelEntry(
        channel=ChannelId("A" * 64),
        source=Address("rA"),
        destination=Address("rB"),
        amount=Drops(amount),
        balance=Drops(balance),
        public_key=make.KEY,
        settle_delay=3600,
    )


@pytest.mark.parametrize(
    ("amount", "balance", "claimed", "shown"),
    [
        (100, 0, 0, {"not promised": (0, 1000)}),
        (100, 0, 30, {"at stake": (0, 300), "not promised": (300, 700)}),
        (100, 20, 30, {"paid": (0, 200), "at stake": (200, 100), "not promised": (300, 700)}),
        (100, 20, 10, {"paid": (0, 200), "not promised": (200, 800)}),
        (100, 20, 100, {"paid": (0, 200), "at stake": (200, 800)}),
        (80, 20, 100, {"paid": (0, 200), "at stake": (200, 600), "promised beyond": (800, 200)}),
        (100, 100, 100, {"paid": (0, 1000)}),
        (0, 0, 0, {}),
    ],
)
def test_funds_are_drawn_as_long_as_they_are(
    amount: int, balance: int, claimed: int, shown: dict[str, tuple[int, int]]
) -> None:
    """What was paid, what is at stake, what nobody promised, and what nobody funded."""
    parts = parts_of(entry(amount, balance), Drops(claimed))
    assert [(p.name.removesuffix(" the funds"), (p.x, p.width)) for p in parts] == [*shown.items()]


@given(amount=AMOUNTS, balance=AMOUNTS, claimed=AMOUNTS)
def test_no_drop_is_missing_and_the_smallest_part_is_seen(
    amount: int, balance: int, claimed: int
) -> None:
    """One drop beside all XRP there is stands there, and the bar is exactly as long as it is."""
    amount, balance = max(amount, balance), min(amount, balance)
    parts = parts_of(entry(amount, balance), Drops(claimed))
    assert sum(part.drops for part in parts) == max(amount, claimed)
    assert all(part.width >= 6 and part.drops > 0 for part in parts)
    ends = [0, *(part.x + part.width for part in parts)]
    assert ends[-1] == (WIDTH if parts else 0)
    assert [part.x for part in parts] == ends[:-1]


@given(amounts=st.lists(st.integers(1, MAX_DROPS), min_size=1, max_size=4))
def test_pieces_are_about_as_long_as_what_they_stand_for(amounts: list[int]) -> None:
    """Nobody draws a tenth as a half: what is given to the shortest is a few units."""
    widths = pieces(amounts)
    assert sum(widths) == WIDTH
    for amount, width in zip(amounts, widths, strict=True):
        assert abs(width - amount * WIDTH / sum(amounts)) <= 6 * len(amounts)


@pytest.mark.parametrize(
    ("slack", "urgency", "width"),
    [
        (3601, Urgency.FAR, WIDTH),
        (3600, Urgency.SURE, WIDTH),
        (1801, Urgency.SURE, 500),
        (1800, Urgency.LESS, 500),
        (901, Urgency.LESS, 250),
        (900, Urgency.LOW, 250),
        (0, Urgency.LOW, 0),
        (-1, Urgency.LATE, 0),
        (-300, Urgency.OVER, 0),
    ],
)
def test_time_left_shrinks_from_the_window_to_nothing(
    slack: int, urgency: Urgency, width: int
) -> None:
    """Each step has a word, so that nobody has to see a colour or measure a bar."""
    deadline = Deadline(
        by=End.EXPIRATION,
        ends_at=RippleTime(10_300),
        sure_until=RippleTime(10_000),
        window=3600,
    )
    left = time_left(deadline, RippleTime(10_000 - slack))
    assert (left.urgency, left.width, left.slack) == (urgency, width, slack)
    assert left.ends_in == slack + 300


def test_window_that_never_was_is_drawn_as_nothing_left() -> None:
    """A settle delay below the margin leaves no time at all, and no division by it."""
    deadline = Deadline(
        by=End.CANCEL_AFTER, ends_at=RippleTime(500), sure_until=RippleTime(100), window=-200
    )
    left = time_left(deadline, RippleTime(400))
    assert (left.urgency, left.width) == (Urgency.LATE, 0)
    assert "CancelAfter" in left.by


@pytest.mark.parametrize("kind", OutcomeKind)
def test_every_outcome_has_words_and_is_good_or_bad(kind: OutcomeKind) -> None:
    """The word alone must tell which."""
    outcome = replace(make.outcome(kind, 0), why="its result is tefPAST_SEQ")
    shown = tried(replace(make.attempt(), outcome=outcome))
    assert shown.outcome
    assert shown.went_well is (kind.value in {"paid", "already_paid", "done"})
    ((code, meaning),) = shown.codes
    assert code == "tefPAST_SEQ"
    assert "used already" in meaning


@pytest.mark.parametrize("purpose", Purpose)
def test_attempt_that_nobody_has_proven_anything_of_is_on_its_way(purpose: Purpose) -> None:
    """Whatever it is for; signed ahead it has no last ledger."""
    attempt = replace(
        make.attempt(), purpose=purpose, last_ledger=NEVER, seat=Seat(5, is_ticket=True)
    )
    shown = tried(attempt)
    assert shown.purpose
    assert (shown.outcome, shown.went_well, shown.last_ledger) == ("on its way", None, None)
    assert shown.seat == "ticket 5"


def test_what_strangers_say_at_length_is_cut() -> None:
    """A kind of entry that this version does not know is told as it is, and not without end."""
    shown = told(numbered("of_a_later_version", colour="x" * 5_000))
    assert len(shown.words) == 600
    assert shown.words.endswith("…")
    outcome = replace(make.outcome(), why="y" * 5_000)
    assert len(tried(replace(make.attempt(), outcome=outcome)).why) == 600


def test_entry_is_told_with_what_its_codes_mean() -> None:
    """As the command does, in the same words."""
    shown = told(numbered("attempt_settled", outcome="refused", paid=0, why="tecNO_TARGET"))
    assert (shown.kind, shown.ledger, shown.written) == ("attempt settled", 85, 1_767_225_601.0)
    assert shown.words == ": refused, 0 XRP; tecNO_TARGET"
    assert [code for code, _ in shown.codes] == ["tecNO_TARGET"]
