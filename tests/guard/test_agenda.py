"""When time alone may change what is thought of a channel."""

from __future__ import annotations

from watchtower.guard.agenda import Agenda
from watchtower.units import ChannelId, RippleTime

A, B = ChannelId("A" * 64), ChannelId("B" * 64)


def test_channel_comes_up_once_for_each_time_that_was_noted() -> None:
    """However often it was noted, and not before."""
    agenda = Agenda()
    for channel, time in ((A, 30), (B, 10), (A, 20), (A, 30)):
        agenda.note(channel, RippleTime(time))

    assert list(agenda.reached(RippleTime(9))) == []
    assert list(agenda.reached(RippleTime(20))) == [B, A]
    assert list(agenda.reached(RippleTime(20))) == []
    assert list(agenda.reached(RippleTime(31))) == [A]


def test_time_that_came_may_be_noted_again() -> None:
    """A judgement that found nothing new waits for the same threshold anew."""
    agenda = Agenda()
    agenda.note(A, RippleTime(5))
    assert list(agenda.reached(RippleTime(5))) == [A]
    agenda.note(A, RippleTime(5))
    assert list(agenda.reached(RippleTime(5))) == [A]
