"""What the acts of a script do to a world."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from simulation.disk import Ill
from simulation.land import payer
from simulation.misdeeds import do_to_rights
from simulation.script import (
    Act,
    AskToClose,
    Claim,
    ClockJump,
    Cut,
    Deaf,
    DiskIll,
    Flaw,
    Forget,
    Fund,
    Kill,
    Leap,
    Lock,
    Noise,
    PayDirectly,
    PowerOff,
    RedeemElsewhere,
    Renew,
    ServerCut,
    ServerIll,
    Stop,
    Strip,
    UseSeat,
)
from simulation.world import World
from watchtower.judgement.claim import Claim as SignedClaim
from watchtower.units import Drops

__all__ = ["Deeds"]

_SOMEBODY_ELSE: Final = 1_000


class Deeds:
    """The acts of one world that are still to be done."""

    def __init__(self, acts: Sequence[Act]) -> None:
        """Take them in the order in which they are done."""
        self._todo = deque(acts)

    def due(self, world: World, number: int) -> list[Callable[[], None]]:
        """Return what is done while ledger ``number`` is open."""
        opened = [
            partial(_open, world, place)
            for place, plan in enumerate(world.script.channels)
            if plan.opened_in == number
        ]
        due: list[Callable[[], None]] = [*opened]
        while self._todo and self._todo[0].at <= number:
            due.append(partial(_do, world, self._todo.popleft()))
        return due


def _open(world: World, place: int) -> None:
    world.land.open_channel(place, world.script.channels[place])
    world.tell(f"channel {place} is opened")


def _do(world: World, act: Act) -> None:  # noqa: C901 - a list of acts, each with its deed
    world.tell(str(act))
    match act:
        case Claim():
            _give(world, act)
        case AskToClose() | Renew() | Fund() | PayDirectly() | RedeemElsewhere():
            if act.channel in world.land.channels:
                _on_channel(world, act)
        case UseSeat():
            _count(world, "seats_burnt")
            world.land.use_sequence(before_the_tower=act.before_the_tower)
        case Strip():
            _count(world, "signatures_stripped")
            world.land.strip_signatures(act.count, at_close=act.at_close)
        case Noise():
            _count(world, "fee_spikes")
            world.land.fill(act.payments, act.fee)
        case ServerIll() | ServerCut() | Forget():
            _to_server(world, act)
        case Cut() | Deaf():
            _to_network(world, act)
        case DiskIll():
            _count(world, act.ill.value)
            world.host.disk.ill = act.ill
            world.later(act.ledgers, partial(_heal_disk, world, act.ill))
        case Lock():
            _count(world, "store_locked")
            world.begin(asyncio.create_task(_lock(world, act.seconds)))
        case Kill() | PowerOff() | Stop() | ClockJump() | Leap():
            _to_host(world, act)
        case _:
            do_to_rights(world, act)


def _to_host(world: World, act: Act) -> None:
    match act:
        case Kill():
            _count(world, "kills")
            world.host.kill_at(act.step, act.count)
        case PowerOff():
            _count(world, "power_cuts")
            world.host.off()
            world.later(act.ledgers, world.host.on)
        case Stop():
            _count(world, "stops")
            world.host.stop()
        case ClockJump():
            _count(world, "clock_jumps")
            world.host.skew += act.seconds
        case Leap():
            world.calendar.leap(act.seconds)
        case _:
            raise AssertionError(act)


def _count(world: World, kind: str) -> None:
    world.faults[kind] += 1


def _give(world: World, act: Claim) -> None:
    """Have the publisher give a claim to the tower."""
    channel = world.land.channels.get(act.channel)
    if channel is None:
        return
    person = payer(world.script.channels[act.channel].payer)
    signer = payer(_SOMEBODY_ELSE) if act.flaw == Flaw.KEY else person
    amount = act.drops + (1 if act.flaw == Flaw.AMOUNT else 0)
    signature = signer.sign_claim(channel, Drops(amount))
    if act.flaw == Flaw.SIGNATURE:
        signature = signature[:-2] + ("00" if signature[-2:] != "00" else "01")
    claim = SignedClaim(
        channel=channel, amount=Drops(act.drops), public_key=signer.public_key, signature=signature
    )
    giving = world.publisher.give(claim, is_good=not act.flaw)
    world.begin(asyncio.create_task(giving))


def _on_channel(
    world: World, act: AskToClose | Renew | Fund | PayDirectly | RedeemElsewhere
) -> None:
    land, plan = world.land, world.script.channels[act.channel]
    raw = land.raw(land.channels[act.channel])
    if raw is None:
        return
    result = ""
    match act:
        case AskToClose(by_fund=True):
            result = land.fund(act.channel, 1, expiration=land.now + plan.settle_delay + 60)
        case AskToClose():
            result = land.ask_to_close(act.channel)
        case Renew():
            result = land.renew(act.channel)
        case Fund():
            result = land.fund(act.channel, act.drops)
        case PayDirectly():
            balance, amount = int(raw["Balance"]), int(raw["Amount"])
            drops = balance + int((amount - balance) * act.share)
            if drops > balance:
                result = land.claim(act.channel, Balance=str(drops))
        case RedeemElsewhere():
            _count(world, "stale_claims_used")
            kept = world.publisher.promises.get(land.channels[act.channel], ())
            best = max((promise.drops for promise in kept), default=0)
            drops = int(min(best, int(raw["Amount"])) * act.share)
            if drops > int(raw["Balance"]):
                result = land.redeem_elsewhere(act.channel, drops)
    world.tell(f"  which the open ledger answers with {result or 'nothing'}")


def _to_server(world: World, act: ServerIll | ServerCut | Forget) -> None:
    node = world.land.nodes[act.server]
    match act:
        case ServerIll():
            _count(world, act.kind)
            node.misbehave(behave=True, **act.members)
            world.later(act.ledgers, partial(_heal_server, world, act.server))
        case ServerCut():
            _count(world, "connections_cut")
            node.cut()
        case Forget():
            _count(world, "history_lost")
            newest = node.validated.index
            node.forget(newest - act.ledgers, newest - 1)


def _heal_server(world: World, server: int) -> None:
    world.tell(f"server {server} is well again")
    world.land.nodes[server].misbehave(behave=True)


def _to_network(world: World, act: Cut | Deaf) -> None:
    if isinstance(act, Cut):
        _count(world, "network_cut")
        world.network.cut()
        world.later(act.ledgers, partial(world.network.cut, whole=True))
    else:
        _count(world, "network_deaf")
        world.network.is_deaf = True
        world.later(act.ledgers, partial(_hear_again, world))


def _hear_again(world: World) -> None:
    world.network.is_deaf = False


def _heal_disk(world: World, ill: Ill) -> None:
    if world.host.disk.ill is ill:
        world.tell("the disk is well again")
        world.host.disk.ill = None


async def _lock(world: World, seconds: float) -> None:
    """Hold the store's write lock, as another process does."""
    connection = await world.host.driver()(
        Path(world.host.settings.store), isolation_level=None, timeout=5.0
    )
    try:
        await connection.execute("BEGIN IMMEDIATE")
        world.host.disk.locks += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            world.host.disk.locks -= 1
    finally:
        await connection.close()
