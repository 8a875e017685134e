"""The parts of the daemon, each made once: what stands before the first task, and what it runs.

Decides nothing; who knows whom is drawn here, and nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from watchtower.claims.intake import Intake
from watchtower.cosigners import cosign_line, cosigned_hand
from watchtower.errors import UnreachableError
from watchtower.following import (
    alarms_follow,
    judging_follows,
    responding_follows,
    rounds_follow,
)
from watchtower.ground import Ground
from watchtower.hsm_access import hsm_keys_of, hsm_of
from watchtower.interfaces.feed import Feed
from watchtower.interfaces.systemd import ServiceManager
from watchtower.keys.signer_line import SignerLine
from watchtower.ledger.catchup import StreamSettings
from watchtower.ledger.channels import find_channels
from watchtower.ledger.events import ChannelChanged
from watchtower.ledger.servers import Servers
from watchtower.ledger.stream import Stream
from watchtower.looks import looks_of
from watchtower.machine import Machine
from watchtower.metrics.measures import Measures
from watchtower.reloading import Reloading
from watchtower.response.forward import Forward
from watchtower.response.launch import Launch
from watchtower.response.respond import Limits, Responder
from watchtower.response.restock import Restocker
from watchtower.response.submit import Submitter
from watchtower.response.tickets import TicketPool
from watchtower.settings import Settings
from watchtower.signing import Signing
from watchtower.store.database import Store
from watchtower.store.reserve import Reserve
from watchtower.telling import telling_of
from watchtower.tower.changes import Changes, Note
from watchtower.tower.chronicle import Chronicle
from watchtower.tower.coverage import Coverage
from watchtower.tower.foresight import Foresight
from watchtower.tower.herald import Herald
from watchtower.tower.locksmith import Locksmith, SignerCare
from watchtower.tower.losses import Losses
from watchtower.tower.means import Means
from watchtower.tower.memory import Memory, remember
from watchtower.tower.pending import PendingClaims
from watchtower.tower.recovery import Recovery
from watchtower.tower.restraint import Restraint
from watchtower.tower.steward import Steward
from watchtower.tower.tending import Rounds
from watchtower.tower.tower import Tower
from watchtower.units import Address
from watchtower.wiring import (
    guard_of,
    limits_of,
    link_settings,
    payer_policy_of,
    policy_of,
    pool_of,
    serving_limits_of,
)

if TYPE_CHECKING:
    from watchtower.keys.hsm_keys import HsmKeys

__all__ = ["build", "prepare", "recovery_of"]


async def prepare(
    stack: AsyncExitStack,
    store: Store,
    settings: Settings,
    environment: Mapping[str, str],
    machine: Machine,
    *,
    shadow: bool,
    once: bool,
    in_doubt: bool,
) -> Ground:
    """Open the way to the servers, and bring back what the store remembers."""
    memory = await _remember(store, settings, in_doubt=in_doubt)
    watch = memory.watch
    servers = await stack.enter_async_context(_servers(store, settings, machine))
    stream = await stack.enter_async_context(_stream(servers, memory, settings))
    measures = Measures(asyncio.get_running_loop().time)
    store.when_committed = measures.committed
    feed = Feed(lambda: None if watch.newest is None else watch.newest.pressing_time, measures.told)
    telling = await telling_of(settings, environment, store, machine, measures, once=once)
    reloading = Reloading(settings)
    alarms_follow(reloading, telling, machine.clock)
    line = _line(stack, settings)
    letters = cosign_line(settings, once=once)  # who answers once connects to no broker
    return Ground(
        settings=settings,
        reloading=reloading,
        accounts=settings.addresses,
        store=store,
        reserve=Reserve(store.path, settings.space.reserve_bytes, machine.measure),
        servers=servers,
        stream=stream,
        watch=watch,
        changes=Changes(memory.cursor, tell=feed.tell),
        losses=Losses(memory.losses, lost=watch.incoming.lost, store=store),
        measures=measures,
        feed=feed,
        deliverer=telling.deliverer,
        desk=telling.desk,
        telling=telling,
        cosigned=await cosigned_hand(
            stack,
            settings,
            store,
            watch,
            desk=telling.desk,
            servers=servers,
            line=line,
            letters=letters,
            transport=machine.to_cosigners,
        ),
        cosign_line=letters,
        service=ServiceManager(environment),
        line=line,
        memory=memory,
        shadow=shadow,
        once=once,
        machine=machine,
        hsm_keys=_hsm_keys(stack, settings, environment),
    )


async def _remember(store: Store, settings: Settings, *, in_doubt: bool) -> Memory:
    return await remember(
        store,
        settings.payees,
        policy_of(settings),
        payers=settings.payers,
        own=settings.authority.own,
        payer_policy=payer_policy_of(settings),
        in_doubt=in_doubt,
    )


def _stream(
    servers: Servers, memory: Memory, settings: Settings
) -> AbstractAsyncContextManager[Stream]:
    pace = StreamSettings(reconcile=settings.ledger.reconcile_seconds)
    known = memory.watch.open_channels
    return servers.stream(cursor=memory.cursor, open_channels=known, settings=pace)


def _servers(store: Store, settings: Settings, machine: Machine) -> Servers:
    return Servers(
        settings.servers,
        accounts=settings.addresses,
        delegate=settings.authority.own,
        network_id=store.network,
        settings=link_settings(settings),
        dial=machine.dial,
        luck=machine.luck,
    )


def _hsm_keys(
    stack: AsyncExitStack, settings: Settings, environment: Mapping[str, str]
) -> HsmKeys | None:
    """Return the keys of the token that the settings name; None if they name none."""
    hsm = hsm_of(settings.hsm, environment)
    if hsm is None or not settings.hsm.keys:
        return None
    stack.push_async_callback(hsm.close)
    return hsm_keys_of(hsm, settings.hsm)


def build(ground: Ground) -> tuple[Tower, Rounds, Submitter]:
    """Make the tower, who makes the rounds for it, and who sends what it decides."""
    settings, store, servers = ground.settings, ground.store, ground.servers
    limits, pool = limits_of(settings), pool_of(settings)
    cap = limits.fees.cap
    submitter = Submitter(servers)
    launch = Launch(
        ground.watch,
        store=store,
        submitter=submitter,
        shadow=ground.shadow,
        tell=ground.feed.tell,
    )
    signing = _signing(ground)
    responder = Responder(
        ground.watch,
        servers=servers,
        signer=signing.hands,
        submitter=submitter,
        launch=launch,
        limits=limits,
        forward=Forward(
            ground.watch, launch, can_sign=signing.can_sign, goes_first=signing.goes_ahead
        ),
    )
    means = Means(ground.watch, store=store, pool=pool, fee_cap=cap)

    async def may_have_tickets(account: Address) -> bool:
        # A delegate or a signer list makes none, so that nobody is asked for the reserve of any.
        return signing.makes_tickets(account) and await means.admit(account)

    restocker = Restocker(
        ground.watch,
        servers=servers,
        signer=signing.hands,
        launch=launch,
        limits=limits,
        pool=pool,
        admit=may_have_tickets,
    )
    tower = Tower(
        ground.watch,
        store=store,
        changes=ground.changes,
        responder=responder,
        restocker=None if ground.once else restocker,
        desk=ground.desk,
        herald=_herald(ground),
        steward=Steward(ground.watch, store=store, desk=ground.desk, changes=ground.changes),
        pulses=[ground.telling.heart],
    )
    rounds = _rounds(ground, tower, limits, pool, signing)
    responding_follows(
        ground.reloading, responder=responder, restocker=restocker, means=means, signing=signing
    )
    judging_follows(ground.reloading, tower)
    return tower, rounds, submitter


def _herald(ground: Ground) -> Herald:
    proven = () if ground.hsm_keys is None else ground.hsm_keys.accounts
    return Herald(ground.desk, ground.changes, losses=ground.losses, proven=proven)


def _signing(ground: Ground) -> Signing:
    return Signing(
        ground.settings,
        ground.store,
        ground.watch,
        clock=asyncio.get_running_loop().time,
        elsewhere=ground.hsm_keys,
        line=ground.line,
        care=None if ground.line is None else SignerCare(ground.line.path, ground.desk),
        others=() if ground.cosigned is None else (ground.cosigned,),
    )


def _line(stack: AsyncExitStack, settings: Settings) -> SignerLine | None:
    """Return the line to the signer apart, which is asked for nothing yet; None without one."""
    if not settings.keys.signer:
        return None
    line = SignerLine(Path(settings.keys.signer))
    stack.push_async_callback(line.close)
    return line


def _rounds(
    ground: Ground, tower: Tower, limits: Limits, pool: TicketPool, signing: Signing
) -> Rounds:
    settings, store = ground.settings, ground.store
    cosigned, clock = ground.cosigned, asyncio.get_running_loop().time
    key_holders = [signing.hold, *(() if cosigned is None else (cosigned.hold,))]
    intake = Intake(store, guard_of(settings), tell=ground.feed.tell)
    foresight = _foresight(ground, limits, pool, signing)
    restraint = Restraint(ground.watch.incoming.exposure, serving_limits_of(settings), ground.desk)
    locksmith = None
    if ground.line is not None:
        holders = [tower.steward.hold, *key_holders]
        locksmith = Locksmith(ground.line, holders, ground.desk, fee_cap=limits.fees.cap)

    rounds_follow(
        ground.reloading,
        intake=intake,
        foresight=foresight,
        restraint=restraint,
        locksmith=locksmith,
    )
    return Rounds(
        tower,
        store=store,
        servers=ground.servers,
        desk=ground.desk,
        foresight=foresight,
        pending=PendingClaims(tower, store=store, servers=ground.servers, intake=intake),
        restraint=restraint,
        key_holders=key_holders,
        looks=looks_of(ground, tower, signing),
        coverage=Coverage(
            ground.watch,
            ground.desk,
            signing.is_to_be_served,
            clock=clock,
        ),
        routes=ground.telling.watch,
        chronicle=Chronicle(
            ground.watch,
            ground.memory.stake_history,
            store=store,
            reconciled=tower.reconciled,
            clock=clock,
        ),
        journal_number=ground.memory.journal_number,
        shadow=ground.shadow,
        rhythm=ground.machine.rhythm,
        clock=ground.machine.clock,
        tell=_tell_of_others(ground),
        locksmith=locksmith,
    )


def _foresight(ground: Ground, limits: Limits, pool: TicketPool, signing: Signing) -> Foresight:
    return Foresight(
        ground.watch,
        servers=ground.servers,
        desk=ground.desk,
        limits=limits,
        pool=pool,
        spends_own=signing.spends_own,
        clock=asyncio.get_running_loop().time,
    )


def _tell_of_others(ground: Ground) -> Callable[[Iterable[Note]], None]:
    """Return what is told of claims that other processes wrote: they are counted, too."""

    def tell(notes: Iterable[Note]) -> None:
        claims = tuple(notes)
        ground.feed.tell(claims)
        ground.measures.answered_elsewhere(len(claims))

    return tell


def recovery_of(ground: Ground) -> Recovery:
    """Make who compares a restored store with what every server says."""

    async def listed(server: str, account: Address) -> Sequence[ChannelChanged]:
        for link in ground.servers.ready():
            if link.url == server:
                return await find_channels(link, account)
        why = next(one.why for one in ground.servers.states() if one.server == server)
        raise UnreachableError(servers=server, why=why or "it is not connected")

    return Recovery(
        ground.watch,
        servers=ground.settings.servers,
        accounts=ground.accounts,
        listed=listed,
        again=ground.stream,
        store=ground.store,
        desk=ground.desk,
        every=ground.machine.rhythm.rounds,
    )
