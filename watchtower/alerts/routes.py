"""The ways out of the house for a notice: a command of the operator's, and a webhook.

A route hands over one report and says whether it arrived. It raises nothing that the world could
cause, gives up after a timeout, and gives the other side nothing but the report: a command does
not see our environment's secrets, and a webhook's address (which is often a secret itself) is
never logged.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from typing import Final, Protocol
from urllib.parse import urlsplit

import httpx

__all__ = ["CommandRoute", "Route", "WebhookRoute", "request"]

_OURS: Final = ("WATCHTOWER_", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_")
"""What of our environment no command is given: the passphrase, and the way to speak for us."""


class Route(Protocol):
    """One way to tell somebody."""

    @property
    def name(self) -> str:
        """What the log calls this route; nothing secret."""
        ...

    async def hand_over(self, report: bytes) -> str | None:
        """Hand ``report`` (JSON) over; return None if it arrived, else why it did not."""
        ...


class CommandRoute:
    """Runs a command, without a shell, with the report on its standard input.

    Its output is thrown away. A command that outlives ``timeout`` seconds is killed, with all it
    started.
    """

    def __init__(
        self, command: Sequence[str], *, timeout: float, environment: Mapping[str, str]
    ) -> None:
        """Remember the command; ``environment`` is ours, and is thinned out for the command."""
        self.name = f"command {command[0]}"
        self._command = tuple(command)
        self._timeout = timeout
        self._environment = {
            name: value for name, value in environment.items() if not name.startswith(_OURS)
        }

    async def hand_over(self, report: bytes) -> str | None:
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
                await process.communicate(report)
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
    """Posts the report to an http(s) address; any answer of the 200s is an arrival."""

    def __init__(self, url: str, *, timeout: float) -> None:
        """Remember the address. Only its host is ever named."""
        self.name = f"webhook {urlsplit(url).hostname}"
        self._url = url
        self._timeout = timeout

    async def hand_over(self, report: bytes) -> str | None:
        """Post the report once. Redirects are not followed: they would lead it elsewhere."""
        headers = {"Content-Type": "application/json"}
        return await request("POST", self._url, self._timeout, content=report, headers=headers)


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
        async with (
            asyncio.timeout(timeout),
            httpx.AsyncClient(timeout=timeout) as client,
            client.stream(method, url, content=content, headers=headers) as answer,
        ):
            return None if answer.is_success else f"answered {answer.status_code}"
    except TimeoutError:
        return f"did not answer within {timeout:g} s"
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as problem:
        return f"cannot be reached ({type(problem).__name__})"
