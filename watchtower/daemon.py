"""The daemon: builds every part once, runs them together, stops them in reverse.

With ``assembly.py`` it is the one module that knows everybody. It decides nothing: what is built
there speaks only through the Protocols that each part declares.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import structlog

from watchtower.alerts import catalogue
from watchtower.assembly import build, prepare, recovery_of
from watchtower.claims.intake import Intake
from watchtower.cosigners import acquaint
from watchtower.endings import End, until_answered, until_signalled
from watchtower.errors import (
    ConfigError,
    LookStoppedError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
)
from watchtower.following import intake_follows, retention_follows
from watchtower.front import Front, open_front
from watchtower.front import loops as front_loops
from watchtower.ground import Ground
from watchtower.heads import head_keeper, places_of
from watchtower.keys.vault import Vault
from watchtower.machine import Machine
from watchtower.response.submit import Submitter
from watchtower.settings import Settings, config_path
from watchtower.store.alone import alone
from watchtower.store.database import Store
from watchtower.store.head_keeping import HeadKeeper
from watchtower.store.reserve import Reserve
from watchtower.store.unlocking import Unlocker
from watchtower.tower.head_watch import HeadWatch
from watchtower.tower.key_watch import KeyWatch
from watchtower.tower.recovery import presses, until_one_may_act
from watchtower.tower.retention import Retention
from watchtower.tower.tending import Rounds
from watchtower.tower.tower import Tower
from watchtower.under_systemd import awake, how_it_is, reread
from watchtower.wiring import guard_of

__all__ = ["run"]

_log = structlog.get_logger(__name__)

_RETRY: Final = 1.0
_LAST_ALERTS: Final = 5.0
"""Seconds that alarms have to reach people while the daemon stops."""

_LAST_WORD: Final = 3.0
"""Seconds that transactions have to reach servers while the daemon stops."""


class _Stopped(Exception):  # noqa: N818 - a turn of events, and never leaves this module
    """Somebody asked the daemon to stop, or ``--once`` is done."""


async def run(
    settings: Settings,
    secret: str | Unlocker,
    environment: Mapping[str, str],
    *,
    once: bool = False,
    shadow: bool = False,
    machine: Machine | None = None,
) -> Mapping[str, Any]:
    """Guard the channels of the settings' accounts until SIGTERM or SIGINT.

    Args:
        settings: as loaded.
        secret: the passphrase of the store, or who opens it otherwise.
        environment: where systemd says how to reach it.
        once: look, answer what needs answering, wait for the outcomes, and return.
        shadow: decide everything and send nothing.
        machine: what to run on; this one if not given.

    Returns:
        How things stood at the end, in JSON values.

    Raises:
        ConfigError: what shows the broker who we are, or where alarms go, cannot be read, or is not
            installed; or a signer holds the keys, and there are some here as well.
        ListenError: nobody can listen where the settings say.
        CertificateError: a certificate that the settings name cannot be used.
        NoTokenError: others than this machine could come, and none of them in.
        StoreError: the store cannot be opened, or another daemon runs on it.
        TicketPoolError: an account cannot hold a ticket pool that is new, and nothing is promised.
        UnreachableError: with ``once``, no server answers.
        SigningError: with ``once``, something is owed and could not be signed.
        RequestRefusedError: with ``once``, something is owed to an account that is gone.
        LookStoppedError: with ``once``, not everything had its outcome when it was to stop.
    """
    path, machine = Path(settings.store), machine or Machine()
    async with AsyncExitStack() as stack:
        # First in, so last out: to be asked a second time, to the very end, ends nothing.
        heard = stack.enter_context(ExitStack())
        # Before anything else: to be asked too early must not end us.
        asked = None if once else stack.enter_context(machine.reloading())
        store = await stack.enter_async_context(await _open(path, secret, settings, machine))
        stack.enter_context(alone(path))
        await _refuse_secrets(store, settings, environment)
        heads = await _look_at_heads(stack, store, settings, environment, machine)
        clock = machine.clock
        front = None if once else await open_front(stack, settings, store, environment, clock)
        doubt = heads is not None and heads.is_in_doubt
        ground = await prepare(
            stack, store, settings, environment, machine, shadow=shadow, once=once, in_doubt=doubt
        )
        watch = None if heads is None else _head_watch(heads, ground)
        asking = None if asked is None else (environment, asked)
        # Whoever asked earlier has ended us at once, when nothing was on its way yet.
        stop = heard.enter_context(machine.stopping())
        end = until_answered(stop) if once else until_signalled(stop)
        return await _run_tasks(ground, end, front, watch, asking)


async def _open(path: Path, secret: str | Unlocker, settings: Settings, machine: Machine) -> Store:
    """Open the store, on a full disk too: what is owed is redeemed by what the reserve had."""
    reserve = Reserve(path, settings.space.reserve_bytes, machine.measure)

    async def opened() -> Store:
        return await Store.open(path, secret, clock=machine.clock, driver=machine.driver)

    try:
        store = await opened()
    except StoreReadOnlyError:
        raise
    except StoreFullError:
        if not reserve.give_up():
            raise
        store = await opened()
    store.when_full = reserve.give_up
    return store


async def _refuse_secrets(store: Store, settings: Settings, environment: Mapping[str, str]) -> None:
    """Refuse to hold keys where a signer holds them: who steals this process must find none."""
    if not settings.keys.signer:
        return
    held = [card.account for card in await Vault(store).cards()]
    if held:
        why = (
            f"`keys.signer` names a signer, and the store {store.path} holds the key of "
            f"{', '.join(held)} all the same; import it there, and remove it here with "
            f"`watchtower key remove --account {held[0]}`"
        )
        raise ConfigError(path=config_path(environment), why=why)


async def _look_at_heads(
    stack: AsyncExitStack,
    store: Store,
    settings: Settings,
    environment: Mapping[str, str],
    machine: Machine,
) -> HeadKeeper | None:
    """Compare the store with its heads before it is believed; None if there are none.

    A store that may have been put back is in recovery from here on, and told about for as long as
    nobody has accepted it. None is refused: what it knows is owed all the same.
    """
    places = await stack.enter_async_context(places_of(settings, environment, store))
    if not places:
        return None
    keeper = head_keeper(store, places, machine.clock)
    try:
        await keeper.begin()
    except StoreError as failure:
        # Whatever is the matter: this tower would run without heads, and must not end by them.
        _log.warning("heads_not_compared", why=str(failure))
    return keeper


def _head_watch(keeper: HeadKeeper, ground: Ground) -> HeadWatch:
    clock = asyncio.get_running_loop().time
    return HeadWatch(keeper, ground.desk, wall=ground.machine.clock, clock=clock)


Loop = tuple[str, Coroutine[Any, Any, None]]


async def _run_tasks(
    ground: Ground,
    end: End,
    front: Front | None,
    heads: HeadWatch | None,
    asking: tuple[Mapping[str, str], asyncio.Event] | None,
) -> Mapping[str, Any]:
    """Run everything together until ``end`` returns or anything fails."""
    tower, rounds, submitter = build(ground)
    if ground.cosigned is not None:
        intake = Intake(ground.store, guard_of(ground.settings), tell=ground.feed.tell)
        intake_follows(ground.reloading, [intake])
        acquaint(ground.cosigned, intake=intake, tower=tower, submitter=submitter)
    async with asyncio.TaskGroup() as alarms:
        telling = alarms.create_task(ground.deliverer.run(), name="deliver alarms")
        loops = [] if front is None else [*front_loops(ground, tower, rounds, front)]
        if heads is not None:
            ground.measures.head_age = heads.age
            loops.append(("compare heads", heads.watch_for_ever()))
        loops.append(("prune journal", _prune(ground, tower, heads)))
        if asking is not None:
            loops.append(("read settings again", reread(ground, rounds, *asking)))
        failure = await _work(ground, tower, rounds, submitter, front=loops, end=end)
        ground.service.stopping()
        if failure is None or isinstance(failure, LookStoppedError):
            await tower.finish()
            await rounds.tell_stopped()
            if heads is not None:
                await heads.look()
        ground.desk.look()  # what was counted to be told together is told now, or never
        await ground.deliverer.drained(within=_LAST_ALERTS)
        await ground.telling.watch.keep_the_last()
        await ground.losses.keep_the_last()
        telling.cancel()
    if failure is not None:
        raise failure
    return rounds.status(ground.servers.states())


async def _work(
    ground: Ground,
    tower: Tower,
    rounds: Rounds,
    submitter: Submitter,
    *,
    front: Iterable[Loop],
    end: End,
) -> BaseException | None:
    """Run every loop until ``end`` returns; return what went wrong, if anything did."""
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(submitter.run(), name="submit")
            for name, loop in (*_loops(ground, tower, rounds), *front):
                tasks.create_task(loop, name=name)
            asked_early = None
            try:
                await end(ground, tower, rounds)
            except LookStoppedError as early:
                asked_early = early
            await _see_off(tower, submitter)
            raise asked_early or _Stopped
    except BaseExceptionGroup as group:
        return _first(group)


async def _see_off(tower: Tower, submitter: Submitter) -> None:
    """Let the pass that is under way end, and what it has written down leave, for a moment.

    What does not leave by then is left to the next start, which may be hours away.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(_LAST_WORD):
            await tower.rests.wait()
            await submitter.drained()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException | None:
    """Return what really went wrong; None if we were only asked to stop."""
    _, failures = group.split(_Stopped)
    if failures is None:
        return None
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _loops(ground: Ground, tower: Tower, rounds: Rounds) -> Iterator[Loop]:
    yield "listen", tower.listen(ground.stream.deliveries())
    yield "respond", _respond(ground, tower)
    yield "take claims", rounds.take_claims_for_ever()
    yield "tend", rounds.tend_for_ever()
    yield "look at keys in doubt", rounds.look_at_keys_in_doubt()
    yield "feed watchdog", ground.service.feed(awake(ground, tower))
    yield "tell how it is", ground.service.tell_for_ever(lambda: how_it_is(ground, rounds))
    recovery = recovery_of(ground)
    in_recovery = ground.memory.in_recovery
    yield "recover", recovery.run_for_ever(tower.reconciled, is_due=in_recovery)
    if ground.hsm_keys is not None:
        watch = KeyWatch(ground.hsm_keys, desk=ground.desk, holder=rounds)
        yield "prove keys", watch.watch_for_ever()
    yield "heartbeat", ground.telling.heart.run()


async def _prune(ground: Ground, tower: Tower, heads: HeadWatch | None) -> None:
    """Prune once everything was read: at a start there is enough to do, and the cursor is old."""
    retention = Retention(
        ground.store,
        ground.settings.journal.keep_days,
        clock=ground.machine.clock,
        why_not=ground.reserve.why_no_claims,
        up_to=lambda: None if heads is None else heads.oldest,
    )
    retention_follows(ground.reloading, retention)
    await tower.reconciled.wait()
    await retention.prune_for_ever()


async def _respond(ground: Ground, tower: Tower) -> None:
    """Respond for ever, once it is sure on which network, and on what memory, we stand."""
    store, servers = ground.store, ground.servers
    if len(ground.settings.servers) == 1:
        ground.desk.stand(catalogue.single_server(ground.settings.servers[0]))
    await tower.heard.wait()
    await _insist(ground, lambda: store.pin_network(servers.network_id or 0))
    if ground.memory.in_recovery:
        # A restored copy may have missed what was paid, and promised, since it was made.
        watch = ground.watch
        await until_one_may_act(tower.reconciled, lambda: presses(watch, watch.incoming.policy))
    await tower.respond_for_ever()


async def _insist(ground: Ground, write: Callable[[], Awaitable[None]]) -> None:
    """Write until it succeeds: a full disk is to be mended, and no reason to end."""
    while True:
        try:
            return await write()
        except (StoreFullError, StoreBusyError) as failure:
            alarm = catalogue.store_not_writing(str(ground.store.path), why=str(failure))
            ground.desk.stand(alarm)
            await asyncio.sleep(_RETRY)
