"""What is told to whoever follows, and how little a follower that is too slow can hold."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from watchtower.interfaces.feed import Feed, Line
from watchtower.interfaces.happening import EVERYTHING, Happening, Interest, Lagged
from watchtower.units import ChannelId, LedgerIndex, RippleTime

ONE, OTHER = ChannelId("11" * 32), ChannelId("22" * 32)
NOW = RippleTime(800_000_000)


def line(number: int, channel: ChannelId | None = ONE, kind: str = "paid") -> Line:
    """What the journal says."""
    return kind, channel, LedgerIndex(number), {"drops": number}


def a_feed() -> Feed:
    """A feed of a tower that knows what time it is."""
    return Feed(lambda: NOW)


def ledgers(told: list[Happening | Lagged]) -> list[int | Lagged]:
    """The ledgers of what was told, and the holes."""
    return [one if isinstance(one, Lagged) else one.ledger or 0 for one in told]


def test_what_is_told_is_what_the_journal_says() -> None:
    """With the newest ledger time beside it, in JSON values."""
    feed = a_feed()
    with feed.follow() as following:
        feed.tell([("close_requested", ONE, LedgerIndex(7), {"expiration": 5})])
        (told,) = following.take()
    assert isinstance(told, Happening)
    assert told.report() == {
        "kind": "close_requested",
        "channel": ONE,
        "ledger": 7,
        "ledger_time": "2025-05-08T06:13:20Z",
        "facts": {"expiration": 5},
    }


def test_who_follows_nothing_is_asked_nothing() -> None:
    """With nobody following, or behind the end of it, not even the time is asked for."""

    def never() -> RippleTime:
        raise AssertionError

    feed = Feed(never)
    with feed.follow():
        pass
    feed.tell([line(1)])


def test_interest_is_in_channels_and_in_kinds() -> None:
    """Both have to fit; what is about no channel is for those that want all channels."""
    feed = a_feed()
    only = Interest(channels=frozenset({ONE}), kinds=frozenset({"paid"}))
    with feed.follow(only) as some, feed.follow() as everything:
        feed.tell([line(1), line(2, OTHER), line(3, ONE, "funded"), line(4, None)])
        assert ledgers(some.take()) == [1]
        assert ledgers(everything.take()) == [1, 2, 3, 4]


def test_who_is_too_slow_is_told_how_much_it_missed_and_where() -> None:
    """It holds no more than its room, and the others miss nothing."""
    feed = a_feed()
    with feed.follow(room=3) as slow, feed.follow() as other:
        feed.tell([line(number) for number in range(1, 8)])
        assert len(slow) == 3
        assert ledgers(slow.take()) == [1, 2, 3, Lagged(missed=4)]
        feed.tell([line(8)])
        assert ledgers(slow.take()) == [8]
        assert ledgers(other.take()) == [*range(1, 9)]


def test_a_thousand_followers_share_what_they_are_told() -> None:
    """Memory grows with what happened, and not with who follows."""
    feed = a_feed()
    with feed.follow() as one, feed.follow() as other:
        feed.tell([line(1)])
        assert one.take()[0] is other.take()[0]


async def test_a_follower_is_woken_once_until_it_has_taken() -> None:
    """Whoever is told through a callback can leave all the work for later."""
    feed, woken = a_feed(), []
    with feed.follow(told=lambda: woken.append(1)) as following:
        feed.tell([line(1), line(2)])
        assert len(woken) == 1
        following.take()
        feed.tell([line(3)])
        assert len(woken) == 2


async def test_who_waits_is_told_one_after_the_other() -> None:
    """`async for`, across several tellings."""
    feed, found = a_feed(), []

    async def follow() -> None:
        with feed.follow() as following:
            async for told in following:
                found.append(told)
                if len(found) == 3:
                    return

    following = asyncio.create_task(follow())
    await asyncio.sleep(0)
    feed.tell([line(1), line(2)])
    await asyncio.sleep(0)
    feed.tell([line(3)])
    await asyncio.wait_for(following, 10)
    assert ledgers(found) == [1, 2, 3]


@given(
    st.integers(1, 5),
    st.lists(st.one_of(st.none(), st.integers(1, 4)), max_size=30),
)
def test_nothing_is_lost_without_being_counted(room: int, steps: list[int | None]) -> None:
    """Whatever is told and taken, in whatever turn: told and missed add up, in their order."""
    feed, number, found = a_feed(), 0, 0
    with feed.follow(EVERYTHING, room=room) as following:
        for step in [*steps, None]:
            if step is not None:
                feed.tell([line(number + more) for more in range(1, step + 1)])
                number += step
                assert len(following) <= room
                continue
            for told in ledgers(following.take()):
                if isinstance(told, Lagged):
                    found += told.missed
                else:
                    found += 1
                    assert told == found
    assert found == number
