"""How room on the disk is judged: by what is left, by its pace, and by what the reserve has."""

from __future__ import annotations

import pytest

from watchtower.store.space import Pace, Room, Thresholds, claims_have_room, is_urgent

MIB = 1 << 20
HOUR = 3_600.0
WHEN = Thresholds(
    warning_bytes=100 * MIB,
    urgent_bytes=10 * MIB,
    warning_seconds=48 * HOUR,
    urgent_seconds=12 * HOUR,
)


@pytest.mark.parametrize(
    ("available", "files", "hours", "urgent"),
    [
        (100 * MIB, None, None, None),
        (100 * MIB - 1, None, None, False),
        (10 * MIB, None, None, False),
        (10 * MIB - 1, None, None, True),
        (500 * MIB, 1_000, 48, None),
        (500 * MIB, 999, None, False),
        (500 * MIB, 99, None, True),
        (500 * MIB, None, 47, False),
        (500 * MIB, None, 11, True),
        # The worst of them counts.
        (50 * MIB, 50, 100, True),
    ],
)
def test_alarm_rises_with_what_is_left_and_with_the_time_until_nothing_is(
    available: int, files: int | None, hours: float | None, *, urgent: bool | None
) -> None:
    """Bytes, files and hours, each by itself."""
    room = Room(available=available, files=files)
    full_in = None if hours is None else hours * HOUR

    assert is_urgent(room, full_in, WHEN) is urgent


def test_thresholds_of_nothing_are_never_reached() -> None:
    """Zero switches off: no disk has less than nothing left."""
    off = Thresholds(warning_bytes=0, urgent_bytes=0, warning_seconds=0, urgent_seconds=0)

    assert is_urgent(Room(available=0), 0.0, off) is None


@pytest.mark.parametrize(
    ("available", "held", "may"),
    [
        (4 * MIB, 16 * MIB, True),
        (4 * MIB - 1, 16 * MIB, False),
        (16 * MIB, 0, False),  # given up: what is left is for redeeming
        (20 * MIB - 1, 0, False),
        (20 * MIB, 0, True),  # it could be made again
        (4 * MIB, 32 * MIB, True),  # of before the setting was lowered
    ],
)
def test_claims_never_have_the_room_of_the_reserve(available: int, held: int, *, may: bool) -> None:
    """Whether it stands, was given up, or was never made."""
    assert claims_have_room(Room(available=available), reserve=16 * MIB, held=held) is may


def test_without_a_reserve_claims_have_what_there_is() -> None:
    """The operator wanted none."""
    assert claims_have_room(Room(available=0), reserve=0, held=0)


def _paced(*looks: tuple[float, int]) -> tuple[float, float] | None:
    pace = Pace()
    for hours, mib in looks:
        pace.look(hours * HOUR, mib * MIB)
    return pace.full_in()


def test_pace_is_that_of_the_slower_half() -> None:
    """A hundred an hour, then fifty: at fifty an hour five hundred last ten hours."""
    told = _paced((0, 800), (1, 700), (2, 600), (3, 550), (4, 500))

    assert told == pytest.approx((10 * HOUR, 4 * HOUR))


@pytest.mark.parametrize(
    "looks",
    [
        (),
        ((0, 800),),
        ((0, 800), (0.5, 400)),  # too soon to tell
        ((0, 800), (1, 300), (2, 300)),  # one big file
        ((0, 800), (1, 800), (2, 300)),  # another one, just now
        ((0, 800), (1, 700), (2, 900)),  # somebody made room
        ((0, 800), (5, 700)),  # nobody looked in between
    ],
)
def test_no_pace_is_told_where_none_can_be_told_truly(looks: tuple[tuple[float, int], ...]) -> None:
    """It would wake somebody up for nothing, and not be believed the next time."""
    assert _paced(*looks) is None


def test_pace_forgets_what_is_older_than_a_day() -> None:
    """What was written a week ago says nothing of tomorrow."""
    pace = Pace()
    for look in range(7 * 24 * 6):
        pace.look(look * 600.0, 10_000 * MIB if look < 6 * 24 * 6 else 5_000 * MIB)

    assert pace.full_in() is None
