"""What systemd is told about the daemon: ready, how it is, alive, stopping.

One datagram each to the socket that ``NOTIFY_SOCKET`` names (sd_notify(3)); without it, nothing
happens. Telling never blocks and never fails the daemon: a service manager that does not listen
is logged and otherwise ignored.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog

__all__ = ["ServiceManager"]

_log = structlog.get_logger()

_MICROSECONDS: Final = 1_000_000

_TOLD_EVERY: Final = 10.0
"""Seconds between two lines for ``systemctl status``."""


class ServiceManager:
    """The service manager that started this process, or nobody."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Read ``NOTIFY_SOCKET``, ``WATCHDOG_USEC`` and ``WATCHDOG_PID`` from ``environment``."""
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._feed_every = _feed_every(environment) if self._address else None

    @property
    def feed_every(self) -> float | None:
        """Seconds between two signs of life; None when nobody waits for any.

        Half the time after which we would be restarted, as sd_watchdog_enabled(3) recommends.
        """
        return self._feed_every

    def ready(self, status: str) -> None:
        """Say that start-up is done."""
        self._send(f"READY=1\nSTATUS={_one_line(status)}")

    def reloading(self) -> None:
        """Say that the configuration is being read again, until `ready` is said.

        With the moment, by which systemd knows that this is the reload that it asked for
        (sd_notify(3), ``Type=notify-reload``).
        """
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={now}")

    def status(self, status: str) -> None:
        """Say in one line how things are, for ``systemctl status``."""
        self._send(f"STATUS={_one_line(status)}")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that we are on our way out."""
        self._send("STOPPING=1")

    async def feed(self, is_alive: Callable[[], bool]) -> None:
        """Feed the watchdog, while ``is_alive`` says so, until cancelled.

        Returns at once when nobody waits for it.
        """
        if self._feed_every is None:
            return
        while True:
            if is_alive():
                self.alive()
            await asyncio.sleep(self._feed_every)

    async def tell_for_ever(self, status: Callable[[], str], every: float = _TOLD_EVERY) -> None:
        """Say how things are, every so many seconds, until cancelled.

        Returns at once when nobody listens.
        """
        if self._address is None:
            return
        while True:
            await asyncio.sleep(every)
            self.status(status())

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as unix:
                unix.settimeout(0)
                unix.sendto(message.encode(), self._address)
        except OSError as problem:
            _log.warning("service_manager_not_told", why=problem.strerror or str(problem))


def _address(path: str) -> str | None:
    """Return the socket's address; a leading ``@`` means Linux' abstract namespace."""
    if path.startswith("@"):
        return f"\0{path[1:]}"
    return path if path.startswith("/") else None


def _feed_every(environment: Mapping[str, str]) -> float | None:
    """Return half the watchdog's time, unless it is meant for another process."""
    pid, microseconds = environment.get("WATCHDOG_PID"), environment.get("WATCHDOG_USEC", "")
    if pid not in {None, str(os.getpid())} or not microseconds.isdecimal():
        return None
    return int(microseconds) / _MICROSECONDS / 2 or None


def _one_line(text: str) -> str:
    """Return ``text`` without line breaks: a second line would be a message of its own."""
    return " ".join(text.splitlines())
