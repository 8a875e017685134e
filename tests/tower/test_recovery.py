"""A restored store acts when it may, and is in recovery until every server was heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.guard.test_watch import closed
from tests.store import make
from tests.tower.conftest import XRP, Stage
from tests.tower.test_daemon import note
from watchtower.alerts.desk import Desk
from watchtower.alerts.rules import Notice
from watchtower.errors import UnreachableError
from watchtower.guard.watch import Watch
from watchtower.judgement.policy import Policy
from watchtower.ledger.events import ChannelChanged, Position
from watchtower.sandbox.server import Sandbox
from watchtower.store.database import Store
from watchtower.store.notes import RECOVERY
from watchtower.tower.recovery import Recovery, presses, until_one_may_act
from watchtower.units import Address, Drops, LedgerIndex, RippleTime

NOBODY = "ws://127.0.0.1:1"


async def _mark(stage: Stage) -> None:
    async with stage.store() as store, store.write() as work:
        await work.notes.put(RECOVERY, {"backup": "b"})


async def _missing(stage: Stage) -> dict[str, str]:
    told: Any = (await note(stage, RECOVERY)).get("missing", {})
    return dict(told)


async def test_one_server_that_is_away_keeps_it_in_recovery_by_name_and_everybody_is_paid(
    stage: Stage,
) -> None:
    """What is owed leaves once two have told; the third ends it by coming, or by being given up."""
    two = stage.sandbox.url.replace("127.0.0.1", "localhost")
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    await _mark(stage)
    stage.with_settings(servers=(stage.sandbox.url, two, NOBODY))
    await stage.close_request(channel)
    async with stage.tower():
        await stage.until_paid(channel, 30 * XRP)

        async def only_one() -> bool:
            return set(await _missing(stage)) == {NOBODY}

        await stage.until(only_one)
    assert (await _missing(stage))[NOBODY]
    assert (await note(stage, RECOVERY))["backup"] == "b"
    stage.with_settings(servers=(stage.sandbox.url, two))
    async with stage.tower():

        async def is_over() -> bool:
            return await note(stage, RECOVERY) == {}

        await stage.until(is_over)


async def test_channel_near_its_end_is_redeemed_though_nothing_can_be_reconciled(
    stage: Stage,
) -> None:
    """The one server that there is tells of the channel itself, and no list of any."""
    channel = await stage.channel(settle_delay=600)
    await stage.keep(channel, 30 * XRP)
    await _mark(stage)
    async with Sandbox(beside=stage.sandbox) as server:
        server.misbehave(lies={"account_objects": {"validated": False}})
        stage.with_settings(servers=(server.url,))
        async with stage.tower():
            await stage.close_request(channel)
            await stage.until_paid(channel, 30 * XRP)
    assert set(await _missing(stage)) == {server.url}


async def test_channel_whose_end_is_far_away_waits_for_the_reconciling(stage: Stage) -> None:
    """There is time to hear what the restored store has missed."""
    channel = await stage.channel(settle_delay=86_400)
    await stage.keep(channel, 30 * XRP)
    await _mark(stage)
    async with Sandbox(beside=stage.sandbox) as server:
        server.misbehave(lies={"account_objects": {"validated": False}})
        stage.with_settings(servers=(server.url,))
        async with stage.tower():
            await stage.close_request(channel)
            await stage.until_told(channel, "close_requested")
            ledgers = iter(range(20))

            async def has_time_passed() -> bool:
                return next(ledgers, None) is None

            await stage.until(has_time_passed)
            assert await stage.balance(channel) == 0
    assert "attempt_made" not in {entry.kind for entry in await stage.story(channel)}


class Scene:
    """A restored store, a watch, and servers that tell what a test says."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.watch = Watch([make.PAYEE], Policy(), channels=[make.channel(1)])
        self.tells: dict[str, list[ChannelChanged] | None] = {}
        self.asked_again = 0
        self.asked: list[str] = []
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        self.desk = Desk(self, repeat_after=3600)

    def tell(self, _notice: Notice) -> None:
        """Tell nobody."""

    def reconcile(self) -> None:
        """Count how often all is read anew."""
        self.asked_again += 1

    async def listed(self, server: str, _account: Address) -> Sequence[ChannelChanged]:
        """Return what a server tells."""
        self.asked.append(server)
        if self.meanwhile is not None:
            await self.meanwhile()
        told = self.tells[server]
        if told is None:
            raise UnreachableError(servers=server, why="it is down")
        return told

    def recovery(self) -> Recovery:
        """Make who compares."""
        return Recovery(
            self.watch,
            servers=list(self.tells),
            accounts=[make.PAYEE],
            listed=self.listed,
            again=self,
            store=self.store,
            desk=self.desk,
            every=0.001,
        )

    async def note(self) -> Any:
        """Return what stands in the store."""
        async with self.store.read() as work:
            return await work.notes.get(RECOVERY)

    async def until_missing(self, servers: set[str]) -> dict[str, str]:
        """Wait until just these are missing."""
        async with asyncio.timeout(30):
            while True:
                found: dict[str, str] = (await self.note() or {}).get("missing", {})
                if set(found) == servers:
                    return found


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """A store in recovery."""
    async with await make.store(tmp_path / "w.db") as store:
        async with store.write() as work:
            await work.notes.put(RECOVERY, {"backup": "b", "cursor": 7})
        yield Scene(store)


def _told(number: int = 1, *, balance: int = 0, at: int = 200) -> ChannelChanged:
    entry = make.channel(number, balance=balance).entry
    return ChannelChanged(entry=entry, at=Position(LedgerIndex(at), 0))


async def test_each_server_has_to_tell_what_is_known_here(scene: Scene) -> None:
    """One denies a channel, one tells of another, one has it otherwise, one is away."""
    scene.tells = {
        "good": [_told()],
        "denies": [],
        "more": [_told(), _told(2)],
        "otherwise": [_told(balance=5)],
        "away": None,
    }
    reconciled = asyncio.Event()
    running = asyncio.create_task(scene.recovery().run(reconciled))
    first = await scene.until_missing(set(scene.tells))
    assert set(first.values()) == {"it has not been asked yet"}
    reconciled.set()
    missing = await scene.until_missing(set(scene.tells) - {"good"})
    assert "it is down" in missing["away"]
    assert "of 1 channels" in missing["denies"]
    (alarm,) = scene.desk.standing()
    assert (alarm.name, "denies" in alarm.sentence) == ("in_recovery", True)
    assert (await scene.note())["cursor"] == 7
    scene.tells["denies"] = scene.tells["away"] = [_told()]
    await scene.until_missing({"more", "otherwise"})
    scene.watch.learn(_told(2))
    await scene.until_missing({"otherwise"})
    assert scene.asked_again
    scene.tells["otherwise"] = [_told(balance=5), _told(2)]
    scene.watch.learn(_told(balance=5, at=300))
    async with asyncio.timeout(30):
        await running
    assert await scene.note() is None
    assert scene.desk.standing() == ()


async def test_what_puts_it_in_recovery_meanwhile_is_not_ended_with_what_was_reconciled(
    scene: Scene,
) -> None:
    """A head speaks against the store while servers are asked: they are asked anew for that."""
    scene.tells = {"good": [_told()]}

    async def doubt() -> None:
        if len(scene.asked) == 1:
            async with scene.store.write() as work:
                await work.notes.put_in_recovery({"heads": ["there"]})

    scene.meanwhile = doubt
    reconciled = asyncio.Event()
    reconciled.set()
    async with asyncio.timeout(30):
        await scene.recovery().run(reconciled)
    assert scene.asked == ["good", "good"]
    assert await scene.note() is None


async def test_what_puts_it_in_recovery_while_the_tower_runs_is_reconciled(scene: Scene) -> None:
    """At the start nothing was the matter; each time everybody is asked, and by name."""
    async with scene.store.write() as work:
        await work.notes.drop(RECOVERY)
    scene.tells = {"good": [_told()], "away": None}
    reconciled = asyncio.Event()
    reconciled.set()
    running = asyncio.create_task(scene.recovery().run_for_ever(reconciled, is_due=False))
    try:
        for _ in range(2):
            scene.tells["away"] = None
            async with scene.store.write() as work:
                await work.notes.put_in_recovery({"heads": ["there"]})
            await scene.until_missing({"away"})
            assert [alarm.name for alarm in scene.desk.standing()] == ["in_recovery"]
            scene.tells["away"] = [_told()]
            await scene.until_missing(set())
            assert await scene.note() is None
    finally:
        running.cancel()


async def test_who_is_away_has_nobody_read_everything_anew(scene: Scene) -> None:
    """Of a hundred thousand channels that would be five hundred requests, for nothing."""
    scene.tells = {"away": None}
    await scene.recovery().look()
    assert scene.asked_again == 0


async def test_channels_of_others_in_an_accounts_list_do_not_count(scene: Scene) -> None:
    """A payee's account may pay by channels, too, which nobody guards here."""
    entry = msgspec.structs.replace(
        make.channel(5).entry, source=make.PAYEE, destination=make.PAYER
    )
    own = ChannelChanged(entry=entry, at=Position(LedgerIndex(200), 0))
    scene.tells = {"good": [_told(), own]}
    reconciled = asyncio.Event()
    reconciled.set()
    async with asyncio.timeout(30):
        await scene.recovery().run(reconciled)
    assert await scene.note() is None


@pytest.mark.parametrize(
    ("left", "claim", "is_pressing"),
    [(600, 500, True), (86_400, 500, False), (600, None, False), (None, 500, False)],
)
async def test_what_presses_is_an_unpaid_claim_near_its_end(
    left: int | None, claim: int | None, *, is_pressing: bool
) -> None:
    """And neither a channel without a claim, nor one that nobody closes."""
    newest = closed(10)
    expiration = None if left is None else RippleTime(newest.close_time + left)
    entry = msgspec.structs.replace(make.channel(1).entry, expiration=expiration)
    channel = msgspec.structs.replace(make.channel(1), entry=entry)
    claims = [] if claim is None else [make.claim(1, Drops(claim))]
    watch = Watch([make.PAYEE], Policy(), channels=[channel], claims=claims)
    assert not presses(watch, Policy())
    watch.ledger_closed(newest)
    assert presses(watch, Policy()) is is_pressing
    if is_pressing:
        await until_one_may_act(asyncio.Event(), lambda: presses(watch, Policy()))
