"""A thousand channels that close at once are a few messages, of which none is forgotten."""

from __future__ import annotations

import dataclasses
import re

from hypothesis import given
from hypothesis import strategies as st

from watchtower.alerts.crowd import HANDFUL, TOGETHER_SECONDS, Crowd
from watchtower.alerts.desk import Desk
from watchtower.alerts.rules import CALM_SECONDS, Alarm, Notice, NoticeKind, Severity

CLOSING = Alarm(
    name="close_requested",
    subject="C1",
    severity=Severity.WARNING,
    sentence="Channel C1 is about to end. It is redeemed now.",
)


def closing(number: int, severity: Severity = Severity.WARNING) -> Alarm:
    """Return the alarm of one of many channels."""
    return dataclasses.replace(CLOSING, subject=f"C{number}", severity=severity)


def notice(number: int, kind: NoticeKind = NoticeKind.RAISED, told: int = 1) -> Notice:
    """Return one telling of it."""
    return Notice(kind=kind, alarm=closing(number), told=told)


def test_a_thousand_closing_channels_are_six_messages_and_all_of_them_stand() -> None:
    """Five by their names, and one that says how many more; the status lists each."""
    told: list[Notice] = []
    now = [0.0]

    class Ear:
        def tell(self, notice: Notice) -> None:
            told.append(notice)

    desk = Desk(Ear(), repeat_after=0, clock=lambda: now[0])
    for number in range(1_000):
        desk.stand(closing(number))
    desk.look()
    assert len(told) == HANDFUL

    now[0] = TOGETHER_SECONDS
    desk.look()
    desk.look()
    assert len(told) == HANDFUL + 1
    assert told[-1].alarm.subject == "995 more began"
    assert "995 more began of the alarm close_requested" in told[-1].alarm.sentence
    assert len(desk.standing()) == 1_000


def test_urgent_ones_are_told_together_at_the_next_look() -> None:
    """A crowd of them is not a reason to wait a minute."""
    crowd = Crowd()
    for number in range(8):
        alarm = closing(number, Severity.URGENT)
        crowd.take(Notice(kind=NoticeKind.RAISED, alarm=alarm), now=0)

    (together,) = crowd.due(now=0)
    assert together.alarm.severity is Severity.URGENT
    assert together.alarm.subject == "3 more began"


def test_one_more_than_a_handful_is_told_by_its_name() -> None:
    """A sum of one would hide a name for nothing."""
    crowd = Crowd()
    for number in range(HANDFUL + 1):
        crowd.take(notice(number), now=0)

    assert crowd.due(now=TOGETHER_SECONDS) == (notice(HANDFUL),)


def test_one_that_ended_before_it_was_counted_is_not_told() -> None:
    """Neither its beginning nor its end."""
    crowd = Crowd()
    for number in range(HANDFUL + 1):
        crowd.take(notice(number), now=0)

    assert crowd.take(notice(HANDFUL, NoticeKind.RESOLVED, told=2), now=1) == ()
    assert crowd.due(now=1e9) == ()


def test_one_that_became_worse_and_ended_before_it_was_counted_is_not_told() -> None:
    """It was told twice by the rules, and heard by nobody."""
    crowd = Crowd()
    for number in range(HANDFUL + 1):
        crowd.take(notice(number), now=0)

    assert crowd.take(notice(HANDFUL, told=2), now=1) == ()
    assert crowd.take(notice(HANDFUL, NoticeKind.RESOLVED, told=3), now=2) == ()
    assert crowd.due(now=1e9) == ()


def test_one_that_was_counted_is_told_when_it_ends() -> None:
    """Who heard of eight waits for the end of each."""
    crowd = Crowd()
    for number in range(HANDFUL + 3):
        crowd.take(notice(number), now=0)
    assert len(crowd.due(now=TOGETHER_SECONDS)) == 1

    ended = notice(HANDFUL, NoticeKind.RESOLVED, told=2)
    assert crowd.take(ended, now=TOGETHER_SECONDS + 1) == (ended,)


def test_one_that_began_again_is_not_told_as_ended() -> None:
    """The last that is heard of it is that it stands."""
    crowd = Crowd()
    for number in range(HANDFUL + 1):
        assert crowd.take(notice(number), now=CALM_SECONDS * number)
    now = CALM_SECONDS * HANDFUL
    for number in range(HANDFUL + 1):
        crowd.take(notice(number, NoticeKind.RESOLVED, told=2), now=now)

    assert crowd.take(notice(HANDFUL), now=now + 1) == (notice(HANDFUL),)
    assert crowd.due(now=1e9) == ()


@given(
    st.lists(
        st.tuples(
            st.integers(0, HANDFUL + 3),
            st.sampled_from((None, *Severity)),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_the_end_of_what_nobody_heard_of_is_not_told(
    course: list[tuple[int, Severity | None, bool]],
) -> None:
    """However alarms begin, change and end, by day and by night: no end without a beginning."""
    told: list[Notice] = []
    now, quiet = [0.0], [False]

    class Ear:
        def tell(self, notice: Notice) -> None:
            told.append(notice)

    desk = Desk(Ear(), repeat_after=0, clock=lambda: now[0], is_quiet=lambda: quiet[0])
    for number, severity, is_quiet in course:
        quiet[0] = is_quiet
        if severity is None:
            desk.end(CLOSING.name, f"C{number}")
        else:
            desk.stand(closing(number, severity))
    heard: set[str] = set()
    for one in told:
        if one.kind is NoticeKind.RESOLVED:
            assert one.alarm.subject in heard
        (heard.discard if one.kind is NoticeKind.RESOLVED else heard.add)(one.alarm.subject)

    quiet[0], now[0] = False, TOGETHER_SECONDS
    before = len(told)
    desk.look()
    for one in told[before:]:
        if one.kind is NoticeKind.RESOLVED:
            count = re.match(r"(\d+) more", one.alarm.subject)
            assert (int(count[1]) if count else 1) <= len(heard)


def test_after_the_calm_they_are_told_one_by_one_again() -> None:
    """A crowd in the morning does not make the evening's alarm a number."""
    crowd = Crowd()
    for number in range(HANDFUL):
        crowd.take(notice(number), now=0)

    assert crowd.take(notice(99), now=CALM_SECONDS) == (notice(99),)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 30),
            st.sampled_from((NoticeKind.HAPPENED, NoticeKind.RAISED)),
            st.floats(0, 100),
        ),
        max_size=60,
    )
)
def test_everything_that_is_taken_is_told_by_its_name_or_counted(
    course: list[tuple[int, NoticeKind, float]],
) -> None:
    """The sums and the names together are all that came."""
    crowd, now = Crowd(), 0.0
    came, named, counted = 0, 0, 0
    for number, (_, kind, pause) in enumerate(course):
        now += pause
        came += 1
        named += len(crowd.take(notice(number, kind), now=now))
        for one in crowd.due(now=now):
            count = re.match(r"(\d+) more", one.alarm.subject)
            counted += int(count[1]) if count else 1
    for one in crowd.due(now=now + TOGETHER_SECONDS):
        count = re.match(r"(\d+) more", one.alarm.subject)
        counted += int(count[1]) if count else 1

    assert named + counted == came
