"""A network that goes ahead of this version is told, until it does not any more."""

from __future__ import annotations

from tests.alerts.test_desk import Heard
from watchtower.alerts.desk import Desk
from watchtower.guard.watch import Watch
from watchtower.judgement.policy import Policy
from watchtower.judgement.rules import amendment_id
from watchtower.ledger.events import END_OF_LEDGER, AmendmentsRead, Position
from watchtower.tower.amendment_watch import AmendmentWatch
from watchtower.units import LedgerIndex, RippleTime

KNOWN = amendment_id("fixCleanup3_2_0")
NEW = "E" * 64


class Network:
    """What is read of a network, flag ledger after flag ledger."""

    def __init__(self) -> None:
        self.watch = Watch([], Policy())
        self.heard = Heard()
        self.look = AmendmentWatch(self.watch, Desk(self.heard, repeat_after=3600)).look
        self.ledger = 256

    async def has(
        self, enabled: set[str] | None, majorities: dict[str, int] | None = None
    ) -> list[tuple[str, str, str]]:
        """What is told once this was read."""
        self.ledger += 256
        since = {(name, RippleTime(at)) for name, at in (majorities or {}).items()}
        self.watch.learn(
            AmendmentsRead(
                enabled=None if enabled is None else frozenset(enabled),
                at=Position(LedgerIndex(self.ledger), END_OF_LEDGER),
                majorities=frozenset(since),
            )
        )
        await self.look()
        return self.heard.said()


async def test_an_unknown_amendment_is_told_from_its_majority_until_it_loses_that() -> None:
    """Nothing is told before anything was read, nor of what is known."""
    network = Network()
    await network.look()
    assert network.heard.said() == []
    assert await network.has({KNOWN}) == []
    assert await network.has({KNOWN}, {NEW: 779_561_310}) == [("raised", "network_ahead", NEW)]
    assert await network.has({KNOWN}, {NEW: 779_561_310}) == []
    assert await network.has({KNOWN}) == [("resolved", "network_ahead", NEW)]


async def test_servers_that_contradict_each_other_end_nothing() -> None:
    """One that is a flag ledger behind is no reason to say that all is well."""
    network = Network()
    assert await network.has({NEW}) == [("raised", "network_ahead", NEW)]
    assert await network.has(None) == []
    assert await network.has(set()) == [("resolved", "network_ahead", NEW)]


async def test_the_day_is_told_and_that_it_has_come() -> None:
    """Two weeks behind the majority; afterwards the same alarm says that it is enabled."""
    network = Network()
    desk = Desk(network.heard, repeat_after=0)
    network.look = AmendmentWatch(network.watch, desk).look
    await network.has({KNOWN}, {NEW: 779_561_310})
    [before] = desk.standing()
    await network.has({KNOWN, NEW})
    [after] = desk.standing()
    assert "will be enabled at about 2024-09-27T16:48:30Z" in before.sentence
    assert "is enabled on this network" in after.sentence


async def test_a_server_that_invents_thousands_is_told_of_as_a_few() -> None:
    """Nobody's status has a thousand lines of them, and what is enabled comes first."""
    network = Network()
    desk = Desk(network.heard, repeat_after=0)
    network.look = AmendmentWatch(network.watch, desk).look
    invented = {f"{number:064X}" for number in range(1_000)}
    await network.has({NEW}, dict.fromkeys(invented, 7))
    told = {alarm.subject for alarm in desk.standing()}
    assert len(told) < 25
    assert NEW in told
