"""Mail, chat and pagers, by way of apprise: one address is one route.

Apprise waits where it is called, and can be made to wait for long, so that each route has a thread
of its own, one at most: while an old one hangs, no other is begun. It logs addresses, which hold
passwords, so that nothing it says is heard.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import apprise

from watchtower.alerts.message import Message
from watchtower.alerts.rules import Severity

__all__ = ["AppriseRoute"]

_TYPES: Final = {
    Severity.INFO: apprise.NotifyType.INFO,
    Severity.WARNING: apprise.NotifyType.WARNING,
    Severity.URGENT: apprise.NotifyType.FAILURE,
}

_WITH_ADDRESSES: Final = ("apprise", "urllib3", "requests")
"""Who logs where it goes, and so what lets it in there."""


class AppriseRoute:
    """Tells by one address of apprise's, such as ``mailto://…`` or ``ntfy://…``."""

    kind: Final = "apprise"

    def __init__(
        self,
        url: str,
        *,
        timeout: float,
        least: Severity = Severity.INFO,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Remember the address. Only how it begins is ever named.

        ``wall`` gives seconds since 1970.

        Raises:
            ValueError: apprise knows no such address; the message does not tell it.
        """
        _silence()
        asset = apprise.AppriseAsset(async_mode=False, secure_logging=True)
        service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
        if service is None:
            raise ValueError("apprise knows no such address")
        self._told_by = apprise.Apprise(asset=asset)
        self._told_by.add(service)
        self.name = f"apprise {url.partition('://')[0].lower()}"
        self.least = least
        self._timeout = timeout
        self._wall = wall
        self._is_busy = False

    async def hand_over(self, message: Message) -> str | None:
        """Tell once, within the timeout."""
        if self._is_busy:
            return "the try before this one has not ended"
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str | None] = loop.create_future()

        def settle(why: str | None) -> None:
            self._is_busy = False
            if not answer.done():
                answer.set_result(why)

        def tell() -> None:
            why = self._tell(message)
            # Whoever has stopped meanwhile has closed its loop, and waits for nothing.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, why)

        # A daemon: the process does not wait for a thread that hangs when it is told to stop.
        self._is_busy = True
        threading.Thread(target=tell, name=self.name, daemon=True).start()
        try:
            async with asyncio.timeout(self._timeout):
                return await answer
        except TimeoutError:
            return f"did not end within {self._timeout:g} s"

    def _tell(self, message: Message) -> str | None:
        try:
            is_told = self._told_by.notify(
                body=message.text(self._wall()),
                title=message.title,
                notify_type=apprise.NotifyType.SUCCESS
                if message.has_ended
                else _TYPES[message.severity],
                body_format=apprise.NotifyFormat.TEXT,
            )
        except Exception as failure:  # noqa: BLE001 - a hundred services, each with its own
            # What a failure says may have the address in it.
            return f"failed ({type(failure).__name__})"
        return None if is_told else "was not taken there"


def _silence() -> None:
    for name in _WITH_ADDRESSES:
        silent = logging.getLogger(name)
        silent.handlers[:] = [logging.NullHandler()]
        silent.propagate = False
