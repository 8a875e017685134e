"""An outage of all servers is one message when it begins and one when it ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.alerts.test_desk import ONE, THREE, TWO, Clock, Heard
from watchtower.alerts import of_network
from watchtower.alerts.desk import Desk
from watchtower.alerts.outage import PATIENCE_SECONDS, Outage
from watchtower.alerts.rules import Alarm, Notice, NoticeKind, Severity
from watchtower.ledger.health import ServerRecovered, ServerSilent, ServerUnreachable, Trouble

ALL = {ONE: "refused", TWO: "refused", THREE: "refused"}
LONG = PATIENCE_SECONDS
MAX_STEPS = 60


class Night:
    """A desk with three servers, looked at every five seconds, by a clock that tests move."""

    def __init__(self, escalate_after: int = 0) -> None:
        self.heard, self.clock = Heard(), Clock()
        self.desk = Desk(
            self.heard, repeat_after=3600, escalate_after=escalate_after, clock=self.clock
        )

    def down(self, *servers: str) -> None:
        """Each server is gone."""
        for server in servers:
            self.desk.health(ServerUnreachable(server=server, why="refused"))

    def up(self, *servers: str) -> None:
        """Each server is back."""
        for server in servers:
            self.desk.health(ServerRecovered(server=server, trouble=Trouble.UNREACHABLE))

    def blind(self, *, is_blind: bool = True) -> None:
        """No server is heard, or one is again."""
        if is_blind:
            self.desk.stand(of_network.no_server(ALL))
        else:
            self.desk.end("no_server", of_network.SERVERS)

    def go(self, seconds: float) -> list[tuple[str, str, str]]:
        """Let time go by; return what was told since the last time."""
        for _ in range(int(seconds // 5)):
            self.clock.now += 5
            self.desk.look()
        return self.heard.said()


def test_an_outage_of_all_servers_is_told_once_and_its_end_once() -> None:
    """Each was gone, fell silent and came back for itself: the cause is one, and so is the word."""
    night = Night()
    night.down(ONE, TWO, THREE)
    assert night.go(20) == []
    night.blind()
    night.desk.health(ServerSilent(server=TWO, seconds=20, ledger_index=None))
    assert night.go(1_800) == [("raised", "no_server", "servers")]
    (alarm,) = (one for one in night.desk.standing() if one.name == "no_server")
    assert all(f"{server}: refused" in alarm.sentence for server in (ONE, TWO, THREE))
    night.up(ONE)
    night.blind(is_blind=False)
    night.go(20)
    night.up(TWO, THREE)
    night.desk.health(ServerRecovered(server=TWO, trouble=Trouble.SILENT))
    assert night.heard.said() == []
    assert night.go(3_600) == []
    assert night.desk.standing() == ()


def test_the_end_of_an_outage_is_told_at_once() -> None:
    """Whoever was woken wants to go to bed again."""
    night = Night()
    night.blind()
    night.heard.said()
    night.blind(is_blind=False)
    assert night.heard.said() == [("resolved", "no_server", "servers")]


def test_a_server_that_stays_away_behind_the_outage_is_told_then() -> None:
    """It is another matter now, and its end is told, too."""
    night = Night()
    night.down(ONE, TWO, THREE)
    night.blind()
    night.go(600)
    night.up(ONE, TWO)
    night.blind(is_blind=False)
    night.heard.said()
    assert night.go(LONG - 5) == []
    assert night.go(5) == [("raised", "server_unreachable", THREE)]
    night.up(THREE)
    assert night.heard.said() == [("resolved", "server_unreachable", THREE)]


def test_a_server_that_was_told_before_an_outage_is_not_repeated_in_it() -> None:
    """And its end is told, for somebody has heard of it."""
    night = Night()
    night.down(ONE)
    assert night.go(LONG) == [("raised", "server_unreachable", ONE)]
    night.blind()
    assert ("repeated", "server_unreachable", ONE) not in night.go(4_000)
    night.up(ONE)
    assert night.heard.said() == [("resolved", "server_unreachable", ONE)]


def test_an_outage_that_goes_on_still_wakes_the_next_one() -> None:
    """It is told again and again, and then escalated."""
    night = Night(escalate_after=2)
    night.down(ONE, TWO, THREE)
    night.blind()
    night.go(3_600)
    night.clock.now += 3_600
    night.desk.look()
    (again,) = night.heard.notices
    assert (again.alarm.name, again.escalated) == ("no_server", True)


def test_a_server_that_lies_is_told_at_once_and_in_an_outage_too() -> None:
    """It is no matter of being away."""
    outage, lie = Outage(), notice("servers_disagree", ONE, NoticeKind.RAISED)
    assert outage.take(notice("no_server", "servers", NoticeKind.RAISED), now=0) != ()
    assert outage.take(lie, now=1) == (lie,)


def notice(name: str, subject: str, kind: NoticeKind) -> Notice:
    """One telling of an alarm."""
    alarm = Alarm(name=name, subject=subject, severity=Severity.WARNING, sentence="It is so. Look.")
    return Notice(kind=kind, alarm=alarm)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([ONE, TWO, "servers"]), st.booleans(), st.sampled_from([0, 5, 70])
        ),
        max_size=MAX_STEPS,
    )
)
def test_every_beginning_that_is_told_has_its_end_and_every_end_its_beginning(
    steps: list[tuple[str, bool, int]],
) -> None:
    """Whatever comes and goes in which order; and what still stands at last is told in the end."""
    outage, standing, told = Outage(), set[str](), set[str]()
    now = 0

    def hear(notices: tuple[Notice, ...]) -> None:
        for one in notices:
            if one.kind is NoticeKind.RESOLVED:
                told.remove(one.alarm.subject)
            else:
                assert one.alarm.subject not in told
                assert one.alarm.subject == "servers" or "servers" not in told
                told.add(one.alarm.subject)

    for subject, begins, seconds in steps:
        now += seconds
        if begins == (subject in standing):
            continue
        (standing.add if begins else standing.discard)(subject)
        kind = NoticeKind.RAISED if begins else NoticeKind.RESOLVED
        name = "no_server" if subject == "servers" else "server_unreachable"
        hear(outage.take(notice(name, subject, kind), now=now))
        hear(outage.due(now=now))
    if "servers" in standing:
        standing.discard("servers")
        hear(outage.take(notice("no_server", "servers", NoticeKind.RESOLVED), now=now))
    hear(outage.due(now=now + LONG))
    assert told == standing
