"""When a person is told, and when not again."""

from __future__ import annotations

import dataclasses
import json

from hypothesis import given
from hypothesis import strategies as st

from watchtower.alerts.rules import CALM_SECONDS, Alarm, AlarmBoard, Notice, NoticeKind, Severity
from watchtower.units import RippleTime

SILENT = Alarm(
    name="server_silent",
    subject="wss://one",
    severity=Severity.WARNING,
    sentence="wss://one is silent. Another server is used.",
)
LOST = dataclasses.replace(SILENT, name="lost", subject="C1", severity=Severity.URGENT)


def kinds(notices: tuple[Notice, ...]) -> list[str]:
    """Return what is told, shortly."""
    return [notice.kind.value for notice in notices]


def test_an_alarm_that_stands_is_told_once() -> None:
    """The same condition seen at every ledger is one message, not one a ledger."""
    board = AlarmBoard(repeat_after=3600)

    told = [board.stand(SILENT, now=float(ledger)) for ledger in range(100)]

    assert kinds(told[0]) == ["raised"]
    assert not any(told[1:])


def test_one_that_goes_on_is_told_again_with_its_newest_sentence() -> None:
    """After ``repeat_after`` seconds, and every so often from then on."""
    board = AlarmBoard(repeat_after=3600)
    board.stand(SILENT, now=0)
    board.stand(dataclasses.replace(SILENT, sentence="Still silent."), now=10)

    assert board.due(now=3599) == ()
    (again,) = board.due(now=3600)
    assert (again.kind, again.told, again.alarm.sentence) == (
        NoticeKind.REPEATED,
        2,
        "Still silent.",
    )
    assert board.due(now=7199) == ()
    assert [notice.told for notice in board.due(now=7200)] == [3]


def test_without_repetition_nothing_is_told_twice() -> None:
    """``repeat_seconds = 0`` switches repeating off."""
    board = AlarmBoard(repeat_after=0)
    board.stand(SILENT, now=0)

    assert board.due(now=1e9) == ()


def test_an_end_is_told_once_and_only_of_what_was_told() -> None:
    """Resolving what does not stand is silence."""
    board = AlarmBoard(repeat_after=3600)
    assert board.end(SILENT.name, SILENT.subject, now=0) == ()
    board.stand(SILENT, now=1)

    assert kinds(board.end(SILENT.name, SILENT.subject, now=2)) == ["resolved"]
    assert board.end(SILENT.name, SILENT.subject, now=3) == ()
    assert board.due(now=1e9) == ()


def test_a_flapping_server_does_not_flood() -> None:
    """Up and down every second for an hour is told now and then, and never as an end alone."""
    board = AlarmBoard(repeat_after=3600)
    told: list[str] = []
    for second in range(3600):
        told += kinds(board.stand(SILENT, now=float(second)))
        told += kinds(board.due(now=float(second)))
        told += kinds(board.end(SILENT.name, SILENT.subject, now=second + 0.5))

    assert len(told) <= 2 * (3600 / CALM_SECONDS)
    assert told == ["raised", "resolved"] * (len(told) // 2)


def test_one_that_came_back_and_stays_is_told_after_the_calm() -> None:
    """Holding back is not forgetting: what stands is told, a little later."""
    board = AlarmBoard(repeat_after=0)
    board.stand(SILENT, now=0)
    board.end(SILENT.name, SILENT.subject, now=1)

    assert board.stand(SILENT, now=2) == ()
    assert board.due(now=CALM_SECONDS - 1) == ()
    assert kinds(board.due(now=CALM_SECONDS)) == ["raised"]


def test_what_was_told_long_ago_is_told_at_once_whatever_else_is_repeated() -> None:
    """One alarm that is repeated all the time does not keep others from being told."""
    board, other = AlarmBoard(repeat_after=100), dataclasses.replace(SILENT, subject="wss://two")
    board.stand(SILENT, now=0)
    board.stand(other, now=10)
    board.end(other.name, other.subject, now=20)
    for now in (100, 200, 300):
        assert kinds(board.due(now=now)) == ["repeated"]

    assert kinds(board.stand(other, now=10 + CALM_SECONDS)) == ["raised"]


def test_an_urgent_one_is_never_held_back() -> None:
    """A payer who toggles a close request cannot silence the one that matters."""
    board = AlarmBoard(repeat_after=3600)
    board.stand(LOST, now=0)
    board.end(LOST.name, LOST.subject, now=1)

    assert kinds(board.stand(LOST, now=2)) == ["raised"]


def test_one_that_got_worse_is_told_at_once() -> None:
    """Severity counts, not only the name."""
    board = AlarmBoard(repeat_after=3600)
    board.stand(SILENT, now=0)
    worse = dataclasses.replace(SILENT, severity=Severity.URGENT)

    assert kinds(board.stand(worse, now=1)) == ["raised"]
    assert board.stand(SILENT, now=2) == ()


def test_an_urgent_one_that_nobody_ends_is_escalated_and_so_is_its_end() -> None:
    """Whoever is woken when the first one does not answer also hears that it is over."""
    board = AlarmBoard(repeat_after=100, escalate_after=3)
    told = list(board.stand(LOST, now=0))
    for now in (100, 200, 300):
        told += board.due(now=now)
    told += board.end(LOST.name, LOST.subject, now=301)

    assert [notice.escalated for notice in told] == [False, False, True, True, True]


def test_one_that_is_not_urgent_is_never_escalated() -> None:
    """However often it was told; and what was told of it before it became urgent does not count."""
    board = AlarmBoard(repeat_after=100, escalate_after=2)
    told = list(board.stand(SILENT, now=0))
    for now in (100, 200, 300):
        told += board.due(now=now)
    assert not any(notice.escalated for notice in told)

    worse = dataclasses.replace(SILENT, severity=Severity.URGENT)
    assert [notice.escalated for notice in board.stand(worse, now=301)] == [False]
    assert [notice.escalated for notice in board.due(now=401)] == [True]


def test_a_happening_is_told_once_even_if_it_is_replayed() -> None:
    """A replay of the same ledger does not announce the same payment again."""
    board = AlarmBoard(repeat_after=3600)

    assert kinds(board.happen(LOST, now=0)) == ["happened"]
    assert board.happen(LOST, now=1) == ()
    assert kinds(board.happen(dataclasses.replace(LOST, subject="C2"), now=1)) == ["happened"]
    assert board.standing() == ()


def test_what_stands_is_listed_the_most_severe_first() -> None:
    """The status begins with what matters most."""
    board = AlarmBoard(repeat_after=3600)
    board.stand(SILENT, now=0)
    board.stand(LOST, now=0)

    assert board.standing() == (LOST, SILENT)


def test_a_report_is_plain_json_with_the_time_for_people() -> None:
    """Commands and webhooks get text and numbers, and ledger time as ISO 8601."""
    alarm = dataclasses.replace(LOST, since=RippleTime(0))
    report = Notice(kind=NoticeKind.HAPPENED, alarm=alarm).report()

    assert json.loads(json.dumps(report)) == {
        "kind": "happened",
        "name": "lost",
        "subject": "C1",
        "severity": "urgent",
        "sentence": LOST.sentence,
        "since": "2000-01-01T00:00:00Z",
        "told": 1,
        "escalated": False,
        "guide": "docs/alerts.md#lost",
    }


actions = st.lists(
    st.tuples(
        st.sampled_from(("stand", "end", "due")),
        st.integers(0, 2),
        st.sampled_from(Severity),
        st.floats(0, 500),
    ),
    max_size=40,
)


@given(actions)
def test_whatever_happens_what_stands_has_been_told_after_the_calm(
    steps: list[tuple[str, int, Severity, float]],
) -> None:
    """No order of raising, ending and asking loses an alarm, and every end follows a beginning."""
    board, now = AlarmBoard(repeat_after=1000), 0.0
    open_for_people: dict[str, bool] = {}

    def hear(notices: tuple[Notice, ...]) -> None:
        for notice in notices:
            subject = notice.alarm.subject
            if notice.kind is NoticeKind.RESOLVED:
                assert open_for_people[subject]
            open_for_people[subject] = notice.kind is not NoticeKind.RESOLVED

    for action, subject, severity, pause in steps:
        now += pause
        alarm = dataclasses.replace(SILENT, subject=str(subject), severity=severity)
        if action == "stand":
            hear(board.stand(alarm, now=now))
        elif action == "end":
            hear(board.end(alarm.name, alarm.subject, now=now))
        else:
            hear(board.due(now=now))
    hear(board.due(now=now + CALM_SECONDS))

    standing = {alarm.subject for alarm in board.standing()}
    assert {subject for subject, is_open in open_for_people.items() if is_open} == standing


def test_other_time_for_repeating_counts_from_when_it_was_told() -> None:
    """What stands is told again by the new time; without one, never."""
    board = AlarmBoard(repeat_after=3600)
    board.stand(SILENT, now=0)
    board.hold_to(60, 0, "here", now=100)

    assert board.due(now=159) == ()
    assert kinds(board.due(now=160)) == ["repeated"]
    board.hold_to(0, 0, "here", now=170)
    assert board.due(now=100_000) == ()
    board.hold_to(60, 0, "here", now=100_000)
    assert kinds(board.due(now=100_060)) == ["repeated"]
    assert board.due(now=100_060) == ()


def test_escalating_by_other_rules_begins_with_the_next_telling() -> None:
    """What was told often enough by then is escalated, and the new document is named."""
    urgent = Alarm(name="x", subject="y", severity=Severity.URGENT, sentence="It is so. Look.")
    board = AlarmBoard(repeat_after=60)
    board.stand(urgent, now=0)
    board.hold_to(60, 2, "https://here.example", now=10)
    (told,) = board.due(now=70)

    assert (told.escalated, told.guide) == (True, "https://here.example")
