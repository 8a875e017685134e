"""The signer's process: opens its store, listens at its socket, and signs until it is stopped."""

from __future__ import annotations

import asyncio
import grp
import pwd
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import structlog

from watchtower.errors import ConfigError, SignerRunsError, StoreBusyError
from watchtower.interfaces.systemd import ServiceManager
from watchtower.signer.clerk import Clerk
from watchtower.signer.door import Door, listening_socket, who_listens
from watchtower.signer_settings import SignerSettings
from watchtower.store.alone import alone
from watchtower.store.database import Store
from watchtower.store.unlocking import Unlocker

__all__ = ["run"]

_log = structlog.get_logger(__name__)


async def run(
    settings: SignerSettings,
    secret: str | Unlocker,
    environment: Mapping[str, str],
    *,
    config: Path,
    stopping: Callable[[], AbstractContextManager[asyncio.Event]],
    clock: Callable[[], float] = time.time,
) -> Mapping[str, Any]:
    """Sign for whoever may ask, until stopped.

    Args:
        settings: as loaded.
        secret: the passphrase of the store, or who opens it otherwise.
        environment: where systemd says how to reach it.
        config: where the settings stand, for what is wrong with them.
        stopping: a context that gives an event, which is set once somebody asks to stop.
        clock: the host's time, in seconds since 1970.

    Returns:
        For which accounts it signed, and where it listened.

    Raises:
        ConfigError: the settings name a user or group that is not there, or a folder for the socket
            in which others can write.
        ListenError: nobody can listen at the socket.
        SignerRunsError: another signer runs on the store, or at the socket.
        StoreError: the store cannot be opened.
    """
    table = settings.signer
    users = frozenset(_user(name, config) for name in table.users)
    group = _group(table.group, config)
    manager = ServiceManager(environment)
    path = Path(table.store)
    async with await Store.open(path, secret, clock=clock) as store:
        with _alone(path, Path(table.socket)), stopping() as stop:
            clerk = await Clerk.begin(store, settings, clock=clock)
            at = listening_socket(Path(table.socket), group=group, config=config)
            with at:
                tasks = [
                    asyncio.create_task(Door(clerk, users=users).serve(at)),
                    asyncio.create_task(manager.feed(lambda: True)),
                ]
                await _say_ready(clerk, settings, manager)
                await _until(stop, tasks)
                manager.stopping()
    _log.info("stopped")
    return {"accounts": list(settings.addresses), "socket": table.socket}


@contextmanager
def _alone(store: Path, at: Path) -> Iterator[None]:
    """Hold the store and the place at the socket, or say who does.

    Raises:
        SignerRunsError: another signer has one of the two.
    """
    there = who_listens(at)
    who = f"process {there} listens at {at}"
    with ExitStack() as stack:
        try:
            stack.enter_context(alone(store))
        except StoreBusyError:
            if there is None:
                who = f"a process that does not listen at {at}, but elsewhere, or not yet"
            raise SignerRunsError(where=f"on the store {store}", who=who) from None
        if there is not None:
            # Its socket must not be taken away from it: the daemon would ask the wrong one.
            raise SignerRunsError(where=f"at {at}, on another store", who=f"process {there}")
        yield


async def _until(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Wait until somebody asks to stop, or a task fails; end the tasks."""
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({stopped, tasks[0]}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (stopped, *tasks):
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ended:
        if isinstance(end, Exception):
            raise end


async def _say_ready(clerk: Clerk, settings: SignerSettings, manager: ServiceManager) -> None:
    held = {key.account for key in await clerk.keys()}
    # Where others sign for an account, it may well have no key here.
    missing = [a for a in settings.own or settings.addresses if a not in held]
    for account in missing:
        _log.warning("key_missing", account=account)
    _log.info("signing", accounts=settings.addresses, socket=settings.signer.socket)
    served = {*settings.addresses, *settings.own}
    manager.ready(f"signing with the keys of {len(held)} of {len(served)} accounts")


def _user(name: str | int, config: Path) -> int:
    """Return the number of a user who may ask."""
    if isinstance(name, int):
        return name
    try:
        return pwd.getpwnam(name).pw_uid
    except (KeyError, ValueError):
        why = f"`signer.users` names {name!r}, and there is no such user"
        raise ConfigError(path=config, why=why) from None


def _group(name: str, config: Path) -> int | None:
    """Return the number of the group that may come to the socket; None for the signer's own."""
    if not name:
        return None
    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, ValueError):
        why = f"`signer.group` is {name!r}, and there is no such group"
        raise ConfigError(path=config, why=why) from None
