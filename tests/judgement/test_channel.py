"""The channel's map: what moves it, what cannot, and what is told about it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from watchtower.judgement.channel import Channel, Phase, ends_at, observe, phase
from watchtower.judgement.channel_events import (
    ChannelClosed,
    ChannelEvent,
    ChannelOpened,
    ChannelReappeared,
    CloseRequested,
    ExpirationMoved,
    Funded,
    Paid,
    Renewed,
)
from watchtower.ledger.events import (
    END_OF_LEDGER,
    ChannelChanged,
    ChannelDeleted,
    ChannelEntry,
    ChannelMissing,
    Position,
)
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime, TxHash

ID = ChannelId("A" * 64)
ENTRY = ChannelEntry(
    channel=ID,
    source=Address("r36oydBJLqRk6nBAske77Vz1cnHARjUKGZ"),
    destination=Address("rPzyFpgj9j6EgN6CNDpRDSFqc7rw7829KX"),
    amount=Drops(100),
    balance=Drops(10),
    public_key="ED" + "0" * 64,
    settle_delay=3600,
)


def at(ledger: int, index: int = 0) -> Position:
    """A place in history."""
    return Position(LedgerIndex(ledger), index)


def changed(place: Position, **changes: int | None) -> ChannelChanged:
    """The channel changed at ``place``."""
    return ChannelChanged(entry=replace(ENTRY, **changes), at=place)


def deleted(place: Position, balance: int) -> ChannelDeleted:
    """The channel left the ledger at ``place``."""
    entry = replace(ENTRY, balance=Drops(balance))
    return ChannelDeleted(entry=entry, at=place, transaction=TxHash("B" * 64))


def missing(ledger: int) -> ChannelMissing:
    """A server did not find the channel in ``ledger``."""
    return ChannelMissing(channel=ID, at=at(ledger, END_OF_LEDGER))


KNOWN = Channel(entry=ENTRY, as_of=at(5))


def test_first_sight_opens_the_channel() -> None:
    """A channel that is seen for the first time is known from then on."""
    assert observe(None, changed(at(5))) == (KNOWN, (ChannelOpened(channel=ID, at=at(5)),))


def test_channel_first_seen_closing_is_told_as_closing() -> None:
    """Started with a channel that is closing already, we raise the same alarm."""
    _, events = observe(None, changed(at(5), expiration=99))
    assert events == (
        ChannelOpened(channel=ID, at=at(5)),
        CloseRequested(channel=ID, at=at(5), expiration=RippleTime(99)),
    )


@pytest.mark.parametrize("place", [at(4), at(5), at(4, END_OF_LEDGER)])
def test_late_or_repeated_fact_changes_nothing(place: Position) -> None:
    """An older fact, or one of the same place, cannot turn back the state."""
    assert observe(KNOWN, changed(place, balance=1, expiration=3)) == (KNOWN, ())


def test_same_state_at_a_later_place_is_no_event() -> None:
    """Read again and found the same: only the place moves."""
    after, events = observe(KNOWN, changed(at(6)))
    assert after == Channel(entry=ENTRY, as_of=at(6))
    assert events == ()


def test_several_things_may_happen_in_one_step() -> None:
    """A missed ledger or two: the difference of the states tells all of it."""
    _, events = observe(KNOWN, changed(at(8), amount=150, balance=30, expiration=99))
    assert events == (
        Funded(channel=ID, at=at(8), drops=Drops(50), amount=Drops(150)),
        Paid(channel=ID, at=at(8), drops=Drops(20), balance=Drops(30)),
        CloseRequested(channel=ID, at=at(8), expiration=RippleTime(99)),
    )


def test_close_renew_and_close_again_are_all_told() -> None:
    """The watch goes on after the first event."""
    state: Channel | None = KNOWN
    told: list[ChannelEvent] = []
    for ledger, expiration in ((6, 99), (7, 120), (8, None), (9, 130)):
        state, events = observe(state, changed(at(ledger), expiration=expiration))
        told.extend(events)
    assert [type(event) for event in told] == [
        CloseRequested, ExpirationMoved, Renewed, CloseRequested,
    ]  # fmt: skip
    assert told[1] == ExpirationMoved(
        channel=ID, at=at(7), before=RippleTime(99), after=RippleTime(120)
    )


def test_deletion_is_final_whatever_arrives_after_it() -> None:
    """An id never comes back; facts that say so are late, or lies."""
    closed, events = observe(KNOWN, deleted(at(9), 40))
    assert closed is not None
    assert closed.is_final
    assert events == (
        Paid(channel=ID, at=at(9), drops=Drops(30), balance=Drops(40)),
        ChannelClosed(channel=ID, at=at(9), paid=Drops(40), returned=Drops(60)),
    )
    for fact in (changed(at(20)), missing(20), deleted(at(20), 0), changed(at(9))):
        assert observe(closed, fact) == (closed, ())


def test_channel_unknown_until_its_deletion_is_closed_at_once() -> None:
    """Its deletion says all that matters; no opening is made up."""
    closed, events = observe(None, deleted(at(9), 40))
    assert closed == Channel(entry=replace(ENTRY, balance=Drops(40)), as_of=at(9), closed_at=at(9))
    assert [type(event) for event in events] == [ChannelClosed]


def test_missing_channel_is_closed_with_its_balance_unknown() -> None:
    """Nobody saw it go: what it paid at the end is not made up."""
    gone, events = observe(KNOWN, missing(8))
    assert gone == replace(KNOWN, closed_at=at(8, END_OF_LEDGER))
    assert not gone.is_final
    assert events == (ChannelClosed(channel=ID, at=at(8, END_OF_LEDGER), paid=None, returned=None),)
    assert observe(gone, missing(7)) == (gone, ())
    later, events = observe(gone, missing(9))
    assert events == ()
    assert later == replace(KNOWN, closed_at=at(9, END_OF_LEDGER))


def test_deletion_found_after_the_channel_was_missing_tells_the_balance() -> None:
    """The late fact is older, and knows more."""
    gone, _ = observe(KNOWN, missing(8))
    closed, events = observe(gone, deleted(at(7), 40))
    assert closed is not None
    assert closed.closed_at == closed.as_of == at(7)
    assert events[-1] == ChannelClosed(channel=ID, at=at(7), paid=Drops(40), returned=Drops(60))


def test_state_between_the_last_one_known_and_the_loss_is_still_taken_in() -> None:
    """A channel called missing at 8 had paid 30 at 7: the late fact counts, and closes nothing."""
    gone, _ = observe(KNOWN, missing(8))
    after, events = observe(gone, changed(at(7), balance=30))
    assert after == Channel(
        entry=replace(ENTRY, balance=Drops(30)), as_of=at(7), closed_at=at(8, END_OF_LEDGER)
    )
    assert [type(event) for event in events] == [Paid]


def test_one_servers_word_does_not_end_an_obligation_for_ever() -> None:
    """A later ledger that has the channel outweighs a server that did not find it."""
    gone, _ = observe(KNOWN, missing(8))
    alive, events = observe(gone, changed(at(9), expiration=99))
    assert alive == Channel(entry=replace(ENTRY, expiration=RippleTime(99)), as_of=at(9))
    assert [type(event) for event in events] == [ChannelReappeared, CloseRequested]


def test_lagging_server_that_has_not_seen_the_channel_yet_closes_nothing() -> None:
    """Missing in a ledger before the state we know is no news."""
    assert observe(KNOWN, missing(4)) == (KNOWN, ())
    assert observe(None, missing(4)) == (None, ())


@pytest.mark.parametrize(
    ("expiration", "cancel_after", "end"),
    [(None, None, None), (50, None, 50), (None, 60, 60), (50, 60, 50), (60, 50, 50)],
)
def test_channel_ends_at_whichever_comes_first(
    expiration: int | None, cancel_after: int | None, end: int | None
) -> None:
    """Expiration and CancelAfter do the same."""
    assert ends_at(changed(at(5), expiration=expiration, cancel_after=cancel_after).entry) == end


def test_phases_follow_the_map_with_the_strict_comparison() -> None:
    """At the very second of its end a channel counts as expired."""
    closing = Channel(entry=replace(ENTRY, expiration=RippleTime(50)), as_of=at(5))
    assert phase(KNOWN, RippleTime(2**32 - 1)) is Phase.OPEN
    assert phase(closing, RippleTime(49)) is Phase.CLOSING
    assert phase(closing, RippleTime(50)) is Phase.EXPIRED
    assert phase(replace(closing, closed_at=at(6)), RippleTime(49)) is Phase.CLOSED
