"""What drills add up to."""

from __future__ import annotations

from typing import Any

from watchtower.drill.level import KEPT, levels_of, with_drill


def drill(seconds: float, *, place: str = "network", paid: bool = True) -> dict[str, Any]:
    """Return a record of a drill with a window of 1000 s."""
    return {
        "at": 0,
        "place": place,
        "seconds": seconds,
        "ledgers": int(seconds / 4),
        "paid": paid,
        "window_seconds": 1000,
    }


def test_a_failed_drill_lowers_the_share_and_not_the_times() -> None:
    """What was never paid has no time; it is told by the share that was."""
    (level,) = levels_of([drill(8), drill(300, paid=False), drill(12)])

    assert (level.count, level.paid) == (3, 2)
    assert level.paid_share == 2 / 3
    assert level.max_seconds == 12
    assert level.max_ledgers == 3


def test_ranks_are_times_that_were_measured() -> None:
    """Of twenty drills the 95th percentile is the nineteenth, and of one it is that one."""
    (level,) = levels_of([drill(n) for n in range(20, 0, -1)])
    (alone,) = levels_of([drill(7)])

    assert (level.p50_seconds, level.p95_seconds, level.max_seconds) == (10, 19, 20)
    assert (level.p50_share, level.p95_share, level.max_share) == (0.01, 0.019, 0.02)
    assert (alone.p50_seconds, alone.p95_seconds, alone.max_seconds) == (7, 7, 7)


def test_a_ledger_in_a_box_is_told_apart_from_a_network() -> None:
    """The time of each is mostly that of its ledgers."""
    levels = levels_of([drill(8), drill(1, place="sandbox")])

    assert [(level.place, level.count) for level in levels] == [("network", 1), ("sandbox", 1)]


def test_where_none_was_paid_no_time_is_made_up() -> None:
    """None, and not zero, which would look like the best of all."""
    (level,) = levels_of([drill(300, paid=False)])

    assert (level.p50_seconds, level.max_share, level.max_ledgers) == (None, None, None)
    assert levels_of([]) == []


def test_the_last_hundred_drills_are_kept() -> None:
    """The note does not grow for ever; the newest stands last."""
    drills: list[Any] = []
    for number in range(KEPT + 5):
        drills = with_drill(drills, drill(number))

    assert len(drills) == KEPT
    assert drills[-1]["seconds"] == KEPT + 4
