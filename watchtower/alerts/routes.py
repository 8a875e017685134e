"""The ways out of the house for a notice: a command of the operator's, and a webhook.

A route hands over one message and says whether it arrived. It raises nothing that the world could
cause, gives up after a timeout, and gives the other side nothing but the report: a command does
not see our environment's secrets, and a webhook's address (which is often a secret itself) is
never logged.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final, Protocol
from urllib.parse import urlsplit

import httpx

from watchtower.alerts.message import Message
from watchtower.alerts.rules import Severity
from watchtower.alerts.signature import signed_headers

__all__ = ["CommandRoute", "Route", "WebhookRoute", "request"]

_OURS: Final = ("WATCHTOWER_", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_")
"""What of our environment no command is given: the passphrase, and the way to speak for us."""


class Route(Protocol):
    """One way to tell somebody."""

    name: str
    """What the log calls this route; nothing secret."""

    @property
    def kind(self) -> str:
        """What sort of route it is, in one word."""
        ...

    @property
    def least(self) -> Severity:
        """From which severity on it is told."""
        ...

    async def hand_over(self, message: Message) -> str | None:
        """Hand ``message`` over; return None if it arrived, else why it did not."""
        ...


class CommandRoute:
    """Runs a command, without a shell, with the report on its standard input.

    Its output is thrown away. A command that outlives ``timeout`` seconds is killed, with all it
    started.
    """

    kind: Final = "command"

    def __init__(
        self,
        command: Sequence[str],
        *,
        timeout: float,
        environment: Mapping[str, str],
        least: Severity = Severity.INFO,
    ) -> None:
        """Remember the command; ``environment`` is ours, and is thinned out for the command."""
        self.name = f"command {command[0]}"
        self.least = least
        self._command = tuple(command)
        self._timeout = timeout
        self._environment = {
            name: value for name, value in environment.items() if not name.startswith(_OURS)
        }

    async def hand_over(self, message: Message) -> str | None:
        """Run the command once."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=self._environment,
                start_new_session=True,
            )
        except (OSError, ValueError) as problem:
            return f"cannot be started: {problem}"
        try:
            async with asyncio.timeout(self._timeout):
                # A command that does not read its input breaks the pipe, and that is its right.
                await process.communicate(message.report.encode())
        except TimeoutError:
            return f"did not end within {self._timeout:g} s"
        finally:
            await _end(process)
        return f"ended with {process.returncode}" if process.returncode else None


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of the command's session, and leave no zombie behind."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


class WebhookRoute:
    """Posts the report to an http(s) address; any answer of the 200s is an arrival.

    Every try of one message has the same ``webhook-id``, and with ``secrets`` it is signed
    (``signature.py``).
    """

    kind: Final = "webhook"

    def __init__(
        self,
        url: str,
        *,
        timeout: float,
        name: str = "",
        secrets: Sequence[bytes] = (),
        least: Severity = Severity.INFO,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Remember the address. Only its host is ever named, or ``name`` in its place.

        ``wall`` gives seconds since 1970.
        """
        self.name = f"webhook {name or urlsplit(url).hostname}"
        self.least = least
        self._url = url
        self._timeout = timeout
        self._secrets = tuple(secrets)
        self._wall = wall

    async def hand_over(self, message: Message) -> str | None:
        """Post the report once. Redirects are not followed: they would lead it elsewhere."""
        body = message.report.encode()
        signed = signed_headers(self._secrets, name=message.id, at=int(self._wall()), body=body)
        headers = {"Content-Type": "application/json", **signed}
        return await request("POST", self._url, self._timeout, content=body, headers=headers)


@lru_cache(maxsize=1)
def _authorities() -> ssl.SSLContext:
    """Return whose certificates are believed.

    Read once, and on a thread: some hundred and fifty certificates take longer than a whole
    reaction to a close request, and would be read for every try at a webhook that fails.
    """
    return httpx.create_ssl_context()


async def request(
    method: str,
    url: str,
    timeout: float,  # noqa: ASYNC109 - the timeout is the route's, not the caller's
    *,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> str | None:
    """Make one request; return None if it was answered in the 200s, else why it was not.

    The answer's body is not read: it may be endless. Nothing here tells the address: the messages
    of exceptions may, so only their names are given.
    """
    try:
        trust = await asyncio.to_thread(_authorities)
        async with (
            asyncio.timeout(timeout),
            httpx.AsyncClient(timeout=timeout, verify=trust) as client,
            client.stream(method, url, content=content, headers=headers) as answer,
        ):
            return None if answer.is_success else f"answered {answer.status_code}"
    except TimeoutError:
        return f"did not answer within {timeout:g} s"
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as problem:
        return f"cannot be reached ({type(problem).__name__})"
