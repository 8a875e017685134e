"""Notices are told in the background, most urgent first, and cost the tower nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import structlog
from typing_extensions import override

from tests.alerts.conftest import HttpServer
from watchtower.alerts.deliver import PATIENCE, Deliverer
from watchtower.alerts.message import Message
from watchtower.alerts.record import MOST_RECORDED
from watchtower.alerts.routes import Route, WebhookRoute
from watchtower.alerts.rules import Alarm, Notice, NoticeKind, Severity

HOUR = 3_600


def notice(
    subject: str,
    severity: Severity = Severity.WARNING,
    kind: NoticeKind = NoticeKind.RAISED,
    *,
    escalated: bool = False,
) -> Notice:
    """Return a notice about ``subject``."""
    alarm = Alarm(name="x", subject=subject, severity=severity, sentence="It is so. Look.")
    return Notice(kind=kind, alarm=alarm, escalated=escalated)


class Time:
    """A clock that is made up: whoever waits has waited."""

    def __init__(self) -> None:
        """Begin a while ago."""
        self.now = 1_000_000.0
        self.pauses: list[float] = []

    def read(self) -> float:
        """Return the time."""
        return self.now

    async def pause(self, event: asyncio.Event, seconds: float) -> None:
        """Let the time go by at once, unless what is waited for is there."""
        if not event.is_set():
            self.pauses.append(seconds)
            self.now += seconds
        await asyncio.sleep(0)


@asynccontextmanager
async def delivering_in(
    made: Time, routes: Sequence[Route], **options: Any
) -> AsyncIterator[Deliverer]:
    """Run a deliverer for whom hours go by at once, and that has the longest pauses there are."""
    deliverer = Deliverer(
        routes,
        clock=made.read,
        wall=made.read,
        luck=lambda: 1.0,
        pause=made.pause,
        **options,
    )
    running = asyncio.create_task(deliverer.run())
    yield deliverer
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


class Told:
    """A route that takes what it is not told to refuse, and remembers both."""

    kind = "made up"

    def __init__(self, *refused: str, least: Severity = Severity.INFO) -> None:
        """Refuse what is about ``refused``."""
        self.name = "told"
        self.least = least
        self.refused = set(refused)
        self.tried: list[str] = []
        self.taken: list[Message] = []
        self._asked = asyncio.Condition()

    async def hand_over(self, message: Message) -> str | None:
        """Take it or not."""
        async with self._asked:
            self.tried.append(message.whose)
            self._asked.notify_all()
        if message.whose in self.refused:
            return "does not like it"
        self.taken.append(message)
        return None

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what was tried fulfils a condition."""
        async with asyncio.timeout(30), self._asked:
            await self._asked.wait_for(condition)

    @property
    def about(self) -> list[str]:
        """Whom it was told about, in order."""
        return [message.whose for message in self.taken]


@asynccontextmanager
async def delivering(routes: Sequence[Route], limit: int = 100) -> AsyncIterator[Deliverer]:
    """Run a deliverer whose retries do not wait long."""
    deliverer = Deliverer(routes, limit=limit, first_wait=0.001)
    running = asyncio.create_task(deliverer.run())
    yield deliverer
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def subjects(http_server: HttpServer) -> list[str]:
    """Return whom the requests were about, in order."""
    return [json.loads(request.body)["subject"] for request in http_server.received]


@pytest.mark.parametrize(
    ("severity", "level"),
    [(Severity.INFO, "info"), (Severity.WARNING, "warning"), (Severity.URGENT, "warning")],
)
async def test_every_notice_is_logged_and_never_as_an_error(severity: Severity, level: str) -> None:
    """The level ``error`` is for bugs of ours, and an outsider can cause an alarm."""
    with structlog.testing.capture_logs() as logs:
        Deliverer([]).tell(notice("C1", severity))

    (line,) = logs
    assert (line["event"], line["log_level"], line["subject"]) == ("alarm", level, "C1")
    assert line["sentence"] == "It is so. Look."


async def test_a_notice_reaches_every_route(http_server: HttpServer) -> None:
    """Two routes, one notice each."""
    routes = [WebhookRoute(f"{http_server.url}/{n}", timeout=30) for n in "ab"]
    async with delivering(routes) as deliverer:
        deliverer.tell(notice("C1"))
        assert await deliverer.drained(within=30)

    assert sorted(request.path for request in http_server.received) == ["/a", "/b"]


async def test_a_failed_delivery_is_tried_again(http_server: HttpServer) -> None:
    """A webhook that stumbles twice gets the notice at the third try, and only once."""
    http_server.answers = [500, 503, 200]
    async with delivering([WebhookRoute(http_server.url, timeout=30)]) as deliverer:
        with structlog.testing.capture_logs() as logs:
            deliverer.tell(notice("C1"))
            assert await deliverer.drained(within=30)

    assert subjects(http_server) == ["C1"] * 3
    failures = [line for line in logs if line["event"] == "notice_not_delivered"]
    assert [(line["attempt"], line["given_up"]) for line in failures] == [(1, False), (2, False)]


async def test_a_webhook_that_answers_500_for_hours_loses_nothing_urgent(
    http_server: HttpServer,
) -> None:
    """It is tried with pauses that grow to five minutes, and told when it is well again."""
    http_server.answers = [500] * 100
    made = Time()
    async with delivering_in(made, [WebhookRoute(http_server.url, timeout=30)]) as deliverer:
        began = made.now
        deliverer.tell(notice("C1", Severity.URGENT))
        await http_server.count(50)
        (failing,) = deliverer.report()
        assert await deliverer.drained(within=30)
        (well,) = deliverer.report()

    assert subjects(http_server) == ["C1"] * 101
    assert made.now - began > 7 * HOUR
    assert max(made.pauses) <= 302
    assert made.pauses[0] < 5
    assert (failing["failing_since"], failing["why"]) == (began, "answered 500")
    assert failing["attempts"] >= 49
    assert (well["failing_since"], well["why"], well["delivered"]) == (None, None, 1)
    assert len({request.headers["webhook-id"] for request in http_server.received}) == 1


@pytest.mark.parametrize("severity", list(Severity))
async def test_a_dead_route_is_given_up_loudly_and_is_on_record(severity: Severity) -> None:
    """What is urgent only after a day; and what comes behind it is delivered."""
    made, route = Time(), Told("C1")
    async with delivering_in(made, [route]) as deliverer:
        began = made.now
        with structlog.testing.capture_logs() as logs:
            deliverer.tell(notice("C1", severity))
            await deliverer.drained(within=30)
        assert PATIENCE[severity] <= made.now - began < PATIENCE[severity] + HOUR
        deliverer.tell(notice("C2", severity))
        assert await deliverer.drained(within=30)

    assert route.about == ["C2"]
    assert [line for line in logs if line.get("given_up")]
    assert {line["log_level"] for line in logs} <= {"info", "warning"}
    assert deliverer.report()[0]["given_up"] == 1
    told = deliverer.record.lines()
    assert [(each.subject, each.result, each.why) for each in told] == [
        ("C1", "given up", "does not like it"),
        ("C2", "delivered", None),
    ]
    assert told[0].tries > 10


def test_what_is_urgent_is_tried_for_a_day() -> None:
    """Longer than anybody sleeps."""
    assert PATIENCE[Severity.URGENT] == 24 * HOUR


async def test_a_message_that_is_refused_does_not_hold_up_the_others() -> None:
    """A webhook that does not like one alarm, urgent as it is, gets all others."""
    made, route = Time(), Told("poison")
    async with delivering_in(made, [route]) as deliverer:
        began = made.now
        deliverer.tell(notice("poison", Severity.URGENT))
        for number in range(20):
            deliverer.tell(notice(f"C{number}", Severity.INFO))
        await deliverer.drained(within=30)

    assert route.about == [f"C{number}" for number in range(20)]
    last = max(each.at for each in deliverer.record.lines() if each.result == "delivered")
    assert last - began < 60


async def test_only_the_newest_word_of_an_alarm_is_told_after_an_outage() -> None:
    """Nobody wants to read in the morning how it was in the night."""
    made, route = Time(), Told("C1", "C2")
    async with delivering_in(made, [route]) as deliverer:
        deliverer.tell(notice("C1"))
        await route.until(lambda: len(route.tried) >= 3)
        deliverer.tell(notice("C2"))
        deliverer.tell(notice("C1", kind=NoticeKind.REPEATED))
        deliverer.tell(notice("C1", kind=NoticeKind.RESOLVED))
        route.refused = set()
        assert await deliverer.drained(within=30)

    told = [(message.whose, message.kind) for message in route.taken]
    assert sorted(told) == [("C1", NoticeKind.RESOLVED), ("C2", NoticeKind.RAISED)]


async def test_a_newer_word_that_comes_while_the_older_is_handed_over_replaces_it() -> None:
    """What fails then is out of date, and is not tried again."""
    route = Hanging()
    async with delivering([route]) as deliverer:
        deliverer.tell(notice("C1"))
        async with asyncio.timeout(30):
            await route.asked.wait()
        deliverer.tell(notice("C1", kind=NoticeKind.RESOLVED))
        route.answer.set_result("did not answer")
        assert await deliverer.drained(within=30)

    assert [message.kind for message in route.told] == [NoticeKind.RAISED, NoticeKind.RESOLVED]


async def test_what_is_new_and_urgent_does_not_wait_for_a_pause_to_end() -> None:
    """A route may be well again, and nobody may know yet. Info is not worth the knock."""
    route = Told("C1")
    deliverer = Deliverer([route], first_wait=100_000.0)
    running = asyncio.create_task(deliverer.run())
    deliverer.tell(notice("C1"))
    await route.until(lambda: route.tried == ["C1"])
    deliverer.tell(notice("C2", Severity.INFO))
    deliverer.tell(notice("C3", Severity.URGENT))
    await route.until(lambda: "C3" in route.tried)
    running.cancel()

    assert route.tried[:2] == ["C1", "C3"]


async def test_a_pager_is_told_what_is_urgent_its_end_and_what_was_escalated() -> None:
    """And nothing else: who is woken for nothing sleeps through the next one."""
    route = Told(least=Severity.URGENT)
    async with delivering([route]) as deliverer:
        deliverer.tell(notice("quiet"))
        deliverer.tell(notice("quiet", kind=NoticeKind.RESOLVED))
        deliverer.tell(notice("loud", Severity.URGENT))
        assert await deliverer.drained(within=30)
        deliverer.tell(notice("loud", Severity.WARNING, NoticeKind.RESOLVED))
        deliverer.tell(notice("long", Severity.WARNING, NoticeKind.REPEATED, escalated=True))
        assert await deliverer.drained(within=30)
        deliverer.tell(notice("loud", Severity.WARNING))
        assert await deliverer.drained(within=30)

    assert route.about == ["loud", "loud", "long"]


async def test_what_is_urgent_and_was_not_told_is_told_after_a_restart() -> None:
    """With the same name, by which a receiver knows what it has had; and the record goes on."""
    dead = Told("C1", "C2", "C3")
    async with delivering([dead]) as deliverer:
        deliverer.tell(notice("C1", Severity.URGENT))
        deliverer.tell(notice("C2", Severity.INFO))
        deliverer.tell(notice("C4"))
        await dead.until(lambda: {*dead.tried} >= {"C1", "C2", "C4"})
        kept = msgspec.json.decode(msgspec.json.encode(deliverer.kept()))
    (name,) = {one["id"] for one in kept["waiting"]["told"]}

    alive = Told()
    deliverer = Deliverer([alive])
    deliverer.restore(kept)
    running = asyncio.create_task(deliverer.run())
    assert await deliverer.drained(within=30)
    running.cancel()

    assert [(message.id, message.whose) for message in alive.taken] == [(name, "C1")]
    assert [line.subject for line in deliverer.record.lines()] == ["C4", "C1"]


async def test_what_waited_for_a_route_that_comes_later_is_told_by_it() -> None:
    """Started without routes, or without this one, and told of it when settings are read again."""
    dead, other = Told("C1"), Told()
    other.name = "other"
    async with delivering([dead]) as deliverer:
        deliverer.tell(notice("C1", Severity.URGENT))
        await dead.until(lambda: "C1" in dead.tried)
        kept = msgspec.json.decode(msgspec.json.encode(deliverer.kept()))
    begun = kept["waiting"]["told"][0]["at"]

    alive = Told()
    async with delivering([]) as deliverer:
        deliverer.restore(kept)
        assert deliverer.kept() == kept
        deliverer.reroute([other])
        deliverer.reroute([other, alive])
        assert await deliverer.drained(within=30)
        assert (alive.about, other.about) == (["C1"], [])
        deliverer.reroute([])
        deliverer.reroute([alive])
        assert await deliverer.drained(within=30)
        assert alive.about == ["C1"]

    late = Deliverer([], wall=lambda: begun + PATIENCE[Severity.URGENT])
    late.restore(kept)
    assert late.kept()["waiting"] == {}


async def test_what_is_just_being_handed_over_is_kept_too() -> None:
    """A tower that is killed at that moment does not know whether it arrived."""
    route = Hanging()
    async with delivering([route]) as deliverer:
        deliverer.tell(notice("C1", Severity.URGENT))
        async with asyncio.timeout(30):
            await route.asked.wait()
        assert [one["whose"] for one in deliverer.kept()["waiting"]["hanging"]] == ["C1"]


def test_a_record_that_cannot_be_read_is_no_reason_not_to_start() -> None:
    """It is a convenience; the guard is not."""
    deliverer = Deliverer([Told()])
    with structlog.testing.capture_logs() as logs:
        deliverer.restore({"told": "nonsense"})

    assert [line["event"] for line in logs] == ["alert_record_not_read"]
    assert deliverer.record.lines() == []


async def test_cheap_alarms_do_not_push_the_dear_ones_out_of_the_record() -> None:
    """Whoever wants to hide what was told must not be able to by a flood."""
    route = Told()
    async with delivering([route]) as deliverer:
        deliverer.tell(notice("dear", Severity.URGENT))
        for number in range(3 * MOST_RECORDED):
            deliverer.tell(notice(f"cheap{number}", Severity.INFO))
            assert await deliverer.drained(within=30)

    told = [line.subject for line in deliverer.record.lines()]
    assert told[0] == "dear"
    assert len(told) == MOST_RECORDED + 1


async def test_a_route_that_hangs_does_not_hold_up_the_other(http_server: HttpServer) -> None:
    """Each route has its own worker."""
    http_server.answers = [None]
    hanging = WebhookRoute(f"{http_server.url}/hangs", timeout=600)
    async with delivering([hanging]) as deliverer:
        deliverer.tell(notice("C1"))
        await http_server.count(1)

        async with delivering([hanging, WebhookRoute(f"{http_server.url}/works", timeout=30)]):
            pass
        assert not await deliverer.drained(within=0.05)

    http_server.received.clear()
    http_server.answers = []
    works = WebhookRoute(f"{http_server.url}/works", timeout=30)
    async with delivering([Hanging(), works]) as deliverer:
        deliverer.tell(notice("C2"))
        await http_server.count(1)

    assert [request.path for request in http_server.received] == ["/works"]


class Hanging:
    """A route that does not come back before it is told how, and then takes everything."""

    kind = "made up"

    def __init__(self) -> None:
        """Hang."""
        self.name = "hanging"
        self.least = Severity.INFO
        self.asked = asyncio.Event()
        self.answer = asyncio.get_running_loop().create_future()
        self.told: list[Message] = []

    async def hand_over(self, message: Message) -> str | None:
        """Wait for the answer."""
        self.told.append(message)
        if self.asked.is_set():
            return None
        self.asked.set()
        return str(await self.answer)


async def test_the_most_urgent_goes_first_and_survives_a_flood(http_server: HttpServer) -> None:
    """A thousand cheap alarms neither delay a dear one nor push it out."""
    deliverer = Deliverer([WebhookRoute(http_server.url, timeout=30)], limit=3)
    with structlog.testing.capture_logs() as logs:
        for number in range(5):
            deliverer.tell(notice(f"cheap{number}", Severity.INFO))
        deliverer.tell(notice("dear", Severity.URGENT))
        deliverer.tell(notice("cheap5", Severity.INFO))

    running = asyncio.create_task(deliverer.run())
    assert await deliverer.drained(within=30)
    running.cancel()

    assert subjects(http_server) == ["dear", "cheap0", "cheap1"]
    assert len([line for line in logs if line["event"] == "notice_dropped"]) == 4


async def test_what_waits_leaves_by_the_route_of_the_same_name_when_routes_are_replaced() -> None:
    """Settings that are read again must lose no alarm, and tell none of them twice."""
    slow, better = Slow(), Told()
    async with delivering_in(Time(), [slow]) as deliverer:
        for subject in ("first", "second"):
            deliverer.tell(notice(subject))
        await slow.begun.wait()
        deliverer.reroute([better])
        deliverer.tell(notice("third"))
        slow.answer.set_result("was too slow")
        assert await deliverer.drained(within=30)
        (report,) = deliverer.report()

    assert better.about == ["first", "second", "third"]
    # How the one did that is gone says nothing of the one that is there.
    assert (report["delivered"], report["failing_since"], report["attempts"]) == (3, None, 0)


async def test_what_arrives_by_a_route_that_is_just_replaced_is_told_once() -> None:
    """What is on its way is not cut off: it might have arrived."""
    slow, better = Slow(), Told()
    async with delivering_in(Time(), [slow]) as deliverer:
        deliverer.tell(notice("first"))
        await slow.begun.wait()
        deliverer.reroute([better])
        slow.answer.set_result(None)
        assert await deliverer.drained(within=30)

    assert better.about == []
    assert [line.result for line in deliverer.record.lines()] == ["delivered"]


class Still(Time):
    """A clock that stands: a pause ends only by what is waited for."""

    def __init__(self) -> None:
        """Begin a while ago."""
        super().__init__()
        self.is_paused = asyncio.Event()

    @override
    async def pause(self, event: asyncio.Event, seconds: float) -> None:
        self.is_paused.set()
        await event.wait()


async def test_route_that_was_mended_is_tried_at_once_and_keeps_its_counters() -> None:
    """An operator who mends an address must not wait for the pause of the one that failed."""
    made, broken, mended = Still(), Told("first"), Told(least=Severity.URGENT)
    async with delivering_in(made, [broken]) as deliverer:
        deliverer.tell(notice("fine"))
        assert await deliverer.drained(within=30)
        deliverer.tell(notice("first"))
        await asyncio.wait_for(made.is_paused.wait(), 30)
        deliverer.reroute([mended])
        await mended.until(lambda: mended.tried == ["first"])
        assert await deliverer.drained(within=30)
        (report,) = deliverer.report()
        # What began here as worth it ends here, whatever is worth it by now.
        deliverer.tell(notice("fine", kind=NoticeKind.RESOLVED))
        assert await deliverer.drained(within=30)

    assert mended.about == ["first", "fine"]
    assert (report["delivered"], report["failing_since"]) == (2, None)


async def test_what_waits_for_a_route_that_is_gone_is_let_go_and_that_is_recorded() -> None:
    """Nobody is told there any more; who is told elsewhere hears nothing of it."""
    slow, other, new = Slow(), Told(), Told()
    other.name, new.name = "other", "new"
    async with delivering_in(Time(), [slow, other]) as deliverer:
        for subject in ("first", "second"):
            deliverer.tell(notice(subject, Severity.URGENT))
        await slow.begun.wait()
        deliverer.reroute([other, new])
        deliverer.tell(notice("third"))
        assert await deliverer.drained(within=30)

    assert (other.about, new.about) == (["first", "second", "third"], ["third"])
    gone = [line for line in deliverer.record.lines() if line.route == "told"]
    assert [(line.subject, line.result) for line in gone] == [
        ("first", "dropped"),
        ("second", "dropped"),
    ]
    assert set(deliverer.kept()["waiting"]) == {"other", "new"}


class Slow:
    """A route that answers when the test has it do so."""

    kind = "made up"
    least = Severity.INFO

    def __init__(self) -> None:
        """Answer nothing yet."""
        self.name = "told"
        self.begun = asyncio.Event()
        self.answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    async def hand_over(self, _message: Message) -> str | None:
        """Wait for what to answer."""
        self.begun.set()
        return await self.answer
