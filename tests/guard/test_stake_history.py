"""What was at stake over time: bounded, in order, with every peak and every gap."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from watchtower.guard.stake_history import GRAINS, HOURS, Grain, Look, StakeHistory, spans

SMALL = (Grain(step=3, kept=12), Grain(step=10, kept=50))
"""Grains that a few dozen looks go beyond."""


def look(at: int, at_stake: int = 7, **changes: int) -> Look:
    """A look at a tower of ten channels."""
    made = Look(
        at=at, ledger=at // 4, at_stake=at_stake, unprotectable=0, paid=0, lost=0, channels=10
    )
    return structs.replace(made, **changes)


def seen(looks: list[Look], grains: tuple[Grain, ...] = SMALL) -> StakeHistory:
    """A history of these looks."""
    history = StakeHistory(grains)
    for each in looks:
        history.add(each)
    return history


amounts = st.integers(0, 20)
steps_on = st.lists(
    st.tuples(st.integers(0, 9), amounts, amounts, amounts, amounts), min_size=1, max_size=60
)


def on_and_on(made: list[tuple[int, int, int, int, int]]) -> list[Look]:
    """Looks of which each is so many seconds behind the one before."""
    looks, now = [], 1_000
    for seconds, at_stake, unprotectable, paid, lost in made:
        now += seconds
        each = look(now, at_stake, unprotectable=unprotectable, paid=paid, lost=lost)
        looks.append(each)
    return looks


@given(steps_on)
def test_history_is_that_of_looking_at_every_look_anew(
    made: list[tuple[int, int, int, int, int]],
) -> None:
    """The highest of each step, with all that was paid and lost in it, as far back as is kept."""
    looks = on_and_on(made)
    history = seen(looks)
    for grain in SMALL:
        kept = {each.at // grain.step: each for each in history.over(grain)}
        assert list(kept) == sorted(kept)
        assert len(kept) <= grain.kept // grain.step + 1
        for each in looks:
            if each.at > looks[-1].at - grain.kept + grain.step:
                assert kept[each.at // grain.step].at_stake >= each.at_stake
        for number, told in kept.items():
            those = [each for each in looks if each.at // grain.step == number]
            highest = max(those, key=lambda one: one.at_stake)
            assert (told.at, told.at_stake) == (highest.at, highest.at_stake)
            assert told.unprotectable == max(each.unprotectable for each in those)
            assert told.paid == sum(each.paid for each in those)
            assert told.lost == sum(each.lost for each in those)


@given(st.lists(st.tuples(st.integers(0, 300), amounts), max_size=60))
def test_times_ascend_and_memory_is_bounded_whatever_the_times_are(
    made: list[tuple[int, int]],
) -> None:
    """Also where a ledger's time was false for a while, and goes back."""
    history = seen([look(at, at_stake) for at, at_stake in made])
    for grain in SMALL:
        steps = [each.at // grain.step for each in history.over(grain)]
        assert all(before < after for before, after in pairwise(steps))
        assert len(steps) <= grain.kept // grain.step + 1
        if made:
            assert steps[-1] == made[-1][0] // grain.step


@given(steps_on)
def test_gaps_stay_gaps(made: list[tuple[int, int, int, int, int]]) -> None:
    """Between two rows of looks there is a whole step in which nobody looked, and in no row is."""
    history = seen(on_and_on(made))
    for grain in SMALL:
        looks = history.over(grain)
        rows = list(spans(looks, grain))
        assert [each for row in rows for each in row] == list(looks)
        for row in rows:
            numbers = [each.at // grain.step for each in row]
            assert all(after - before == 1 for before, after in pairwise(numbers))
        for before, after in pairwise(rows):
            assert after[0].at // grain.step - before[-1].at // grain.step > 1


@given(steps_on)
def test_note_tells_the_whole_history(made: list[tuple[int, int, int, int, int]]) -> None:
    """What a restart reads is what was written, and it goes on as if there had been none."""
    looks = on_and_on(made)
    history = seen(looks[: len(looks) // 2])
    history.lost = 5
    again = StakeHistory.of_note(history.note(), SMALL)
    assert again.lost == 5
    for each in looks[len(looks) // 2 :]:
        again.add(each)
    assert [again.over(grain) for grain in SMALL] == [seen(looks).over(grain) for grain in SMALL]


def broken_notes() -> list[Any]:
    """Notes that nobody wrote, or another version."""
    note = seen([look(1_000), look(1_005)]).note()
    grain, other = note["grains"]
    first, second = grain["looks"]
    return [
        None,
        7,
        "stake",
        [],
        {},
        {**note, "form": 2},
        {**note, "lost": -1},
        {**note, "grains": [grain]},
        {**note, "grains": [other, grain]},
        {**note, "grains": [{**grain, "step": 4}, other]},
        {**note, "grains": [{**grain, "looks": [second, first]}, other]},
        {**note, "grains": [{**grain, "looks": [first, first]}, other]},
        {**note, "grains": [{**grain, "looks": [[1, *second[1:]], second]}, other]},
        {**note, "grains": [{**grain, "looks": [[-1, *second[1:]]]}, other]},
        {**note, "grains": [{**grain, "looks": [first[:3]]}, other]},
        {**note, "grains": [{**grain, "looks": [[*first[:2], -7, *first[3:]]]}, other]},
        {**note, "grains": [{**grain, "looks": [[*first[:2], 2**70, *first[3:]]]}, other]},
        {**note, "grains": [{**grain, "looks": [[*first[:2], "7", *first[3:]]]}, other]},
    ]


def test_note_that_is_broken_or_of_another_form_is_an_empty_history() -> None:
    """It is for looking at: no tower stays down for it."""
    for note in broken_notes():
        history = StakeHistory.of_note(note, SMALL)
        assert (history.last, history.lost) == (None, 0), note
        history.add(look(1_000))
        assert history.last == look(1_000)


def test_ninety_days_take_less_than_a_thousand_looks() -> None:
    """What is written down at once stays small however long a tower runs."""
    history = seen([], GRAINS)
    for at in range(0, 91 * 86_400, 600):
        history.add(look(at))
    for at in range(91 * 86_400, 91 * 86_400 + 4 * 3_600, 30):
        history.add(look(at))
    assert [len(history.over(grain)) for grain in GRAINS] == [180, 288, 360]
    assert history.last == history.over(HOURS)[-1]
