"""Reading the configuration again when somebody asks for it (SIGHUP), while the tower guards on.

What it guarantees: a file that cannot be read, or says what cannot be, changes nothing and is
told. No connection, no loop and nothing that is on its way ends by it; nothing is written, so that
whoever is killed in the middle of it starts with the file as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import structlog

from watchtower.alerts import of_settings
from watchtower.alerts.desk import Desk
from watchtower.aside import aside
from watchtower.errors import WatchtowerError
from watchtower.reloading import Reloading, Spelled
from watchtower.settings import config_path, load

__all__ = ["Rereading"]

_log = structlog.get_logger(__name__)


class Manager(Protocol):
    """Whoever started us, and waits for a reload that was asked for to be over."""

    def reloading(self) -> None:
        """Say that the configuration is being read again."""
        ...

    def ready(self, status: str) -> None:
        """Say that this is over."""
        ...


class Rereading:
    """Reads the file that ``environment`` names, for who follows ``reloading``."""

    def __init__(
        self,
        reloading: Reloading,
        environment: Mapping[str, str],
        *,
        desk: Desk,
        manager: Manager,
        status: Callable[[], str],
    ) -> None:
        """Read nothing yet; ``status`` tells in one line how the tower is."""
        self._reloading = reloading
        self._environment = environment
        self._desk = desk
        self._manager = manager
        self._status = status

    async def reread_for_ever(self, asked: asyncio.Event) -> None:
        """Read the file whenever ``asked`` is set, until cancelled."""
        while True:
            await asked.wait()
            # Before the file is read: who asks meanwhile may have changed it once more.
            asked.clear()
            self._manager.reloading()
            why = await self.reread()
            refused = "" if why is None else f"; settings not taken up: {why}"
            self._manager.ready(self._status() + refused)

    async def reread(self) -> str | None:
        """Read the file and take it up; return why not, as a sentence, if it was not."""
        path = config_path(self._environment)
        try:
            # The file, and those that it names, may be on a share that hangs, also at the end.
            spelled = await aside(lambda: self._spelled(path), "settings")
        except WatchtowerError as problem:
            return self._refuse(str(path), str(problem))
        changes = self._reloading.take_up(spelled)
        if changes.why_refused is not None:
            return self._refuse(str(path), changes.why_refused)
        self._desk.end("reload_refused", str(path))
        _log.info("settings_read_again", changed=list(changes.live))
        return None

    def _spelled(self, path: Path) -> Spelled:
        return self._reloading.spelled(load(path, self._environment))

    def _refuse(self, path: str, why: str) -> str:
        _log.warning("reload_refused", why=why)
        # What is wrong now may be something else than what was told before.
        self._desk.end("reload_refused", path)
        self._desk.stand(of_settings.reload_refused(path, why=why))
        return why
