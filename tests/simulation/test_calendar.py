"""When ledgers close in a world."""

from __future__ import annotations

from simulation.calendar import Calendar


def closes(calendar: Calendar, last: int, count: int, ends: list[int]) -> list[int]:
    """The next close times."""
    found = []
    for _ in range(count):
        last += calendar.next_close(last, [end for end in ends if end > last])
        found.append(last)
    return found


def test_ledgers_come_every_four_seconds() -> None:
    """Exactly, where validators do not round."""
    assert closes(Calendar(100, resolution=1, fine=60), 100, 3, []) == [104, 108, 112]


def test_rounded_close_times_repeat_by_a_second() -> None:
    """So does the network: the second ledger of a rounded moment closes a second later."""
    found = closes(Calendar(100, resolution=10, fine=60), 100, 8, [])
    assert found == [101, 110, 111, 120, 121, 122, 130, 131]


def test_leap_stops_before_the_next_end() -> None:
    """Whoever leapt over it would take away the ledgers in which to redeem."""
    calendar = Calendar(100, resolution=1, fine=60)
    calendar.leap(10_000)
    assert closes(calendar, 100, 2, [1_000]) == [940, 944]


def test_leap_without_an_end_goes_all_the_way() -> None:
    """Nobody is kept waiting by it."""
    calendar = Calendar(100, resolution=1, fine=60)
    calendar.leap(10_000)
    assert closes(calendar, 100, 2, []) == [10_100, 10_104]
