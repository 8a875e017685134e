"""What is wrong with servers becomes an alarm with an end, by a clock that never jumps."""

from __future__ import annotations

import pytest

from watchtower.alerts.desk import Desk
from watchtower.alerts.outage import PATIENCE_SECONDS
from watchtower.alerts.rules import Notice
from watchtower.ledger.health import (
    HealthEvent,
    HistoryMissing,
    HistoryRecovered,
    MessageRejected,
    ServerAmendmentBlocked,
    ServerLagging,
    ServerRecovered,
    ServersDisagreed,
    ServerSilent,
    ServerUnreachable,
    StateReconciled,
    Trouble,
    WrongNetworkServed,
)
from watchtower.units import LedgerIndex

ONE, TWO, THREE = "wss://one", "wss://two", "wss://three"


class Heard:
    """Somebody who is told, and remembers."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def tell(self, notice: Notice) -> None:
        """Remember."""
        self.notices.append(notice)

    def said(self) -> list[tuple[str, str, str]]:
        """Return what was told since the last time: kind, name, subject."""
        said = [(n.kind.value, n.alarm.name, n.alarm.subject) for n in self.notices]
        self.notices.clear()
        return said


class Clock:
    """A monotonic clock that stands until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture(name="heard")
def _heard() -> Heard:
    return Heard()


@pytest.fixture(name="clock")
def _clock() -> Clock:
    return Clock()


@pytest.fixture(name="desk")
def _desk(heard: Heard, clock: Clock) -> Desk:
    return Desk(heard, repeat_after=3600, clock=clock)


TROUBLES: list[tuple[HealthEvent, str, Trouble]] = [
    (ServerUnreachable(server=ONE, why="refused"), "server_unreachable", Trouble.UNREACHABLE),
    (ServerSilent(server=ONE, seconds=20, ledger_index=None), "server_silent", Trouble.SILENT),
    (
        ServerLagging(server=ONE, ledger_index=LedgerIndex(3), best=LedgerIndex(20)),
        "server_lagging",
        Trouble.LAGGING,
    ),
    (
        ServerAmendmentBlocked(server=ONE),
        "server_amendment_blocked",
        Trouble.AMENDMENT_BLOCKED,
    ),
    (
        WrongNetworkServed(server=ONE, found=1, wanted=0),
        "server_wrong_network",
        Trouble.WRONG_NETWORK,
    ),
]


@pytest.mark.parametrize(("event", "name", "trouble"), TROUBLES)
def test_every_trouble_of_a_server_stands_until_it_recovers(
    *, heard: Heard, desk: Desk, clock: Clock, event: HealthEvent, name: str, trouble: Trouble
) -> None:
    """Told once, listed while it stands, and its end told too."""
    desk.health(event)
    desk.health(event)
    clock.now = PATIENCE_SECONDS
    desk.look()
    assert heard.said() == [("raised", name, ONE)]
    assert [alarm.name for alarm in desk.standing()] == [name]

    desk.health(ServerRecovered(server=ONE, trouble=trouble))
    assert heard.said() == [("resolved", name, ONE)]
    assert desk.standing() == ()


def test_a_server_is_told_to_disagree_with_one_that_really_does(heard: Heard, desk: Desk) -> None:
    """Of three, the two that agree are not set against each other, nor blamed."""
    hashes = {ONE: "AA", TWO: "AA", THREE: "BB"}
    desk.health(ServersDisagreed(ledger_index=LedgerIndex(7), hashes=hashes, suspects=(ONE, THREE)))

    sentences = {notice.alarm.subject: notice.alarm.sentence for notice in heard.notices}
    assert sentences.keys() == {ONE, THREE}
    assert f"{ONE} and {THREE} tell different hashes for ledger 7" in sentences[ONE]
    assert f"{THREE} and {ONE} tell" in sentences[THREE]


def test_missing_history_stands_with_its_newest_extent_and_reason(heard: Heard, desk: Desk) -> None:
    """One alarm at a time: the ledgers that are missing now, until they are found."""
    desk.health(HistoryMissing(first=LedgerIndex(3), last=LedgerIndex(5), why="no history"))
    desk.health(HistoryMissing(first=LedgerIndex(3), last=LedgerIndex(9), why="no history"))
    assert heard.said() == [
        ("raised", "history_missing", "3-5"),
        ("resolved", "history_missing", "3-5"),
        ("raised", "history_missing", "3-9"),
    ]
    (alarm,) = desk.standing()
    assert "no history" in alarm.sentence

    desk.health(HistoryRecovered(last=LedgerIndex(9)))
    assert heard.said() == [("resolved", "history_missing", "3-9")]


def test_garbage_of_a_server_is_told_and_does_not_stand(heard: Heard, desk: Desk) -> None:
    """It happened; the ledgers it was about are read again, so there is no end to wait for."""
    desk.health(MessageRejected(server=ONE, why="no JSON"))
    desk.health(MessageRejected(server=ONE, why="no JSON"))

    assert heard.said() == [("happened", "message_rejected", ONE)]
    assert desk.standing() == ()


def test_good_news_is_no_alarm(heard: Heard, desk: Desk) -> None:
    """That everything was read anew is for the tower, and not for people."""
    desk.health(StateReconciled(ledger_index=LedgerIndex(7)))

    assert heard.said() == []


def test_what_goes_on_is_told_again_by_the_monotonic_clock(
    heard: Heard, desk: Desk, clock: Clock
) -> None:
    """Every ``repeat_after`` seconds, when somebody looks."""
    desk.health(ServerUnreachable(server=ONE, why="refused"))
    clock.now = PATIENCE_SECONDS
    desk.look()
    heard.said()

    clock.now = 3599
    desk.look()
    assert heard.said() == []
    clock.now = 3600
    desk.look()
    assert heard.said() == [("repeated", "server_unreachable", ONE)]


def test_a_cursor_that_stands_still_while_ledgers_go_on_is_an_alarm(
    heard: Heard, desk: Desk
) -> None:
    """Whatever the reason, even one that nobody thought of; and its end is told."""
    for newest in range(100, 175):
        desk.progress(LedgerIndex(99), LedgerIndex(newest))
    assert heard.said() == []

    desk.progress(LedgerIndex(99), LedgerIndex(175))
    assert heard.said() == [("raised", "cursor_stuck", "cursor")]
    (alarm,) = desk.standing()
    assert "Ledger 100 is still not accounted for, 75 ledgers later" in alarm.sentence

    desk.progress(LedgerIndex(174), LedgerIndex(176))
    assert heard.said() == [("resolved", "cursor_stuck", "cursor")]


def test_a_cursor_that_moves_slowly_through_long_history_is_no_alarm(
    heard: Heard, desk: Desk
) -> None:
    """Far behind and catching up is not stuck; and while no ledger comes, nothing is."""
    desk.progress(None, None)
    for accounted in range(1, 50):
        desk.progress(LedgerIndex(accounted), LedgerIndex(1_000 + 70 * accounted))
    for _ in range(200):
        desk.progress(LedgerIndex(49), LedgerIndex(1_000 + 70 * 49))

    assert heard.said() == []


def test_a_first_start_that_never_gets_anywhere_is_an_alarm(heard: Heard, desk: Desk) -> None:
    """Nothing was accounted for yet, and that stays so."""
    for newest in range(10, 90):
        desk.progress(None, LedgerIndex(newest))

    assert heard.said() == [("raised", "cursor_stuck", "cursor")]
