"""At night only what is urgent is told, and in the morning everything else that still matters."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.alert_settings import AlertSettings
from watchtower.alerts.desk import Desk
from watchtower.alerts.quiet import Quiet, QuietHours
from watchtower.alerts.rules import Alarm, AlarmBoard, Notice, NoticeKind, Severity
from watchtower.wiring import is_quiet_of

SILENT = Alarm(
    name="server_silent",
    subject="wss://one",
    severity=Severity.WARNING,
    sentence="wss://one is silent. Another server is used.",
)
WORSE = dataclasses.replace(SILENT, severity=Severity.URGENT)
PAID = dataclasses.replace(SILENT, name="redeemed", subject="T1", severity=Severity.INFO)


def notice(kind: NoticeKind, alarm: Alarm = SILENT, told: int = 1) -> Notice:
    """Return one telling of an alarm."""
    return Notice(kind=kind, alarm=alarm, told=told)


@pytest.mark.parametrize(
    ("text", "now", "quiet"),
    [
        ("22:00-07:00", time(21, 59, 59), False),
        ("22:00-07:00", time(22, 0), True),
        ("22:00-07:00", time(0, 0), True),
        ("22:00-07:00", time(6, 59, 59), True),
        ("22:00-07:00", time(7, 0), False),
        ("12:30-13:00", time(12, 45), True),
        ("12:30-13:00", time(13, 0), False),
        ("12:30-13:00", time(0, 0), False),
    ],
)
def test_quiet_hours_begin_and_end_as_the_clock_shows(text: str, now: time, *, quiet: bool) -> None:
    """Over midnight as well as within a day; the end is not quiet any more."""
    hours = QuietHours.parse(text)

    assert hours is not None
    assert hours.cover(now) is quiet


@pytest.mark.parametrize("text", ["", "22-7", "24:00-07:00", "22:00-07:60", "07:00-07:00"])
def test_what_is_no_span_of_a_day_is_not_read_as_one(text: str) -> None:
    """A night that is misread would be a day without a warning."""
    assert QuietHours.parse(text) is None


@pytest.mark.parametrize(
    ("moment", "quiet"),
    [
        (datetime(2027, 3, 28, 4, 59, tzinfo=UTC), True),  # 06:59 in summer, since that night
        (datetime(2027, 3, 28, 5, 0, tzinfo=UTC), False),  # 07:00
        (datetime(2027, 10, 31, 5, 30, tzinfo=UTC), True),  # 06:30 in winter, since that night
        (datetime(2027, 10, 31, 6, 0, tzinfo=UTC), False),
        (datetime(2027, 10, 30, 20, 0, tzinfo=UTC), True),  # 22:00, still in summer
    ],
)
def test_a_night_on_which_clocks_change_ends_when_the_clock_says_so(
    moment: datetime, *, quiet: bool
) -> None:
    """Seven in the morning is seven in the morning, an hour sooner or later."""
    settings = AlertSettings(quiet_hours="22:00-07:00", timezone="Europe/Zurich")

    assert is_quiet_of(settings, moment.timestamp)() is quiet


def test_without_quiet_hours_it_is_never_quiet() -> None:
    """The default tells everything at once."""
    assert is_quiet_of(AlertSettings(), lambda: 0.0)() is False


def test_a_warning_waits_for_the_morning_and_is_told_once() -> None:
    """What went on meanwhile is told as it is by then, as a beginning."""
    quiet = Quiet()
    assert quiet.take(notice(NoticeKind.RAISED), is_quiet=True) == ()
    assert quiet.take(notice(NoticeKind.REPEATED, told=2), is_quiet=True) == ()

    (told,) = quiet.release()
    assert (told.kind, told.told) == (NoticeKind.RAISED, 2)
    assert quiet.release() == ()


def test_one_that_becomes_urgent_is_told_at_once_and_not_again_in_the_morning() -> None:
    """What was held back of it is said by the urgent one."""
    quiet = Quiet()
    quiet.take(notice(NoticeKind.RAISED), is_quiet=True)

    (told,) = quiet.take(notice(NoticeKind.RAISED, WORSE, told=2), is_quiet=True)
    assert told.alarm == WORSE
    assert quiet.release() == ()


def test_one_that_ended_before_it_was_told_is_not_told() -> None:
    """Nobody reads in the morning of a server that was away for a minute at two."""
    quiet = Quiet()
    quiet.take(notice(NoticeKind.RAISED), is_quiet=True)
    quiet.take(notice(NoticeKind.RESOLVED, told=2), is_quiet=True)

    assert quiet.release() == ()


def test_one_that_was_told_in_the_evening_is_told_to_have_ended() -> None:
    """In the morning, for whoever still thinks of it."""
    quiet = Quiet()
    quiet.take(notice(NoticeKind.RAISED), is_quiet=False)
    quiet.take(notice(NoticeKind.RESOLVED, told=2), is_quiet=True)

    assert [told.kind for told in quiet.release()] == [NoticeKind.RESOLVED]


def test_the_desk_tells_in_the_morning_what_it_held_back() -> None:
    """With the look that comes anyway, although nothing new happens."""
    told: list[Notice] = []
    night, now = [True], [0.0]

    class Ear:
        def tell(self, notice: Notice) -> None:
            told.append(notice)

    desk = Desk(Ear(), repeat_after=0, clock=lambda: now[0], is_quiet=lambda: night[0])
    desk.stand(SILENT)
    now[0] = 120.0
    desk.look()  # by now it has lasted for long enough to be told
    desk.happen(PAID)
    desk.look()
    assert told == []
    assert desk.standing() == (SILENT,)

    night[0], now[0] = False, 6 * 3_600.0
    desk.look()
    assert [(one.kind.value, one.alarm.name) for one in told] == [
        ("raised", "server_silent"),
        ("happened", "redeemed"),
    ]
    desk.look()
    assert len(told) == 2


steps = st.lists(
    st.tuples(
        st.sampled_from(("stand", "end", "happen", "due")),
        st.integers(0, 2),
        st.sampled_from(Severity),
        st.booleans(),
        st.floats(0, 500),
    ),
    max_size=40,
)


class Night:
    """A board whose notices go through the quiet hours to one who hears them."""

    def __init__(self) -> None:
        self.board = AlarmBoard(repeat_after=700, escalate_after=2)
        self.quiet = Quiet()
        self.heard: list[Notice] = []
        self.happened: set[str] = set()

    def step(self, action: str, alarm: Alarm, now: float) -> tuple[Notice, ...]:
        """Do one thing with the board; return what it tells."""
        match action:
            case "stand":
                return self.board.stand(alarm, now=now)
            case "end":
                return self.board.end(alarm.name, alarm.subject, now=now)
            case "happen":
                told = self.board.happen(dataclasses.replace(alarm, name="redeemed"), now=now)
                self.happened |= {one.alarm.subject for one in told}
                return told
            case _:
                return self.board.due(now=now)

    def hear(self, notices: tuple[Notice, ...], *, is_quiet: bool) -> None:
        """Pass them on; what is urgent comes through at once, and nothing else at night."""
        for one in notices:
            passed = self.quiet.take(one, is_quiet=is_quiet)
            if one.alarm.severity is Severity.URGENT and one.kind is not NoticeKind.RESOLVED:
                assert one.alarm in [each.alarm for each in passed]
            if is_quiet:
                assert all(each.alarm.severity is Severity.URGENT for each in passed)
            self.heard += passed

    def still_open(self) -> set[str]:
        """Return whose alarms stand for the one who hears; each end and repeat has a beginning."""
        subjects: set[str] = set()
        for one in self.heard:
            if one.kind is NoticeKind.RAISED:
                subjects.add(one.alarm.subject)
            elif one.kind is not NoticeKind.HAPPENED:
                assert one.alarm.subject in subjects
            if one.kind is NoticeKind.RESOLVED:
                subjects.discard(one.alarm.subject)
        return subjects


@given(steps)
def test_no_night_loses_an_alarm_or_holds_an_urgent_one_back(
    course: list[tuple[str, int, Severity, bool, float]],
) -> None:
    """Urgent: in the same step. Everything else: once the night is over, unless it has ended."""
    night, now = Night(), 0.0
    for action, subject, severity, is_quiet, pause in course:
        now += pause
        alarm = dataclasses.replace(SILENT, subject=str(subject), severity=severity)
        night.hear(night.step(action, alarm, now), is_quiet=is_quiet)
    night.hear(night.board.due(now=now + 10_000), is_quiet=True)
    night.heard += night.quiet.release()

    happened = {one.alarm.subject for one in night.heard if one.alarm.name == "redeemed"}
    assert happened == night.happened
    assert night.still_open() == {alarm.subject for alarm in night.board.standing()}
    assert len(night.quiet) == 0
