"""Requests to one tower over HTTP, each answered with JSON or with an error of ours.

What it guarantees: a request ends within its time, its answer has a bound, and nothing goes
through a proxy that some variable names: claims and tokens are for the tower alone.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec

from watchtower.errors import ConfigError, TowerRefusedError, TowerUnreachableError
from watchtower.hosts import is_loopback

__all__ = ["Told", "Wire"]

_UNIX: Final = "unix:"
_TOKEN: Final = re.compile(r"[!-~]+", re.ASCII)
_MOST_BYTES: Final = 8 << 20
_MOST_TOLD: Final = 300
"""Letters of what a server says that go into an error, and so into a log."""

_MOST_PATIENCE: Final = 300.0
"""Seconds that a server may ask us to stay away; it may be mistaken."""

_CONNECTIONS: Final = httpx.Limits(max_connections=32, max_keepalive_connections=8)

_LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that say nothing about the request: what is asked here may be asked again."""


class Told(msgspec.Struct, frozen=True):
    """An answer: its status and its JSON."""

    status: int
    said: Any


class Wire:
    """The way to one tower.

    Args:
        place: ``http://…``, ``https://…``, or ``unix:`` and the path of a socket.
        token: what says who we are, with or without white space around it, as the last line of a
            file has; None where the socket's mode does.
        timeout: seconds for one request and its answer.

    Raises:
        ConfigError: there is no such place, it names a user, or a token cannot be sent or would
            go over the network in the clear. Neither the user nor the token is in it.
    """

    def __init__(self, place: str, *, token: str | None, timeout: float) -> None:
        self.place = place
        self._timeout = timeout
        path = place.removeprefix(_UNIX) if place.startswith(_UNIX) else None
        if path is None:
            _refuse_unsafe(place, token)
        headers = {"accept": "application/json"}
        if token is not None:
            headers["authorization"] = f"Bearer {_sendable(token, place)}"
        transport = httpx.AsyncHTTPTransport(uds=path, limits=_CONNECTIONS)
        self._client = httpx.AsyncClient(
            base_url="http://door" if path is not None else place,
            transport=transport,
            headers=headers,
            timeout=timeout,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def get(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        *,
        also: frozenset[int] = frozenset(),
    ) -> Told:
        """Ask something; statuses of ``also`` are answers, too.

        Raises:
            TowerUnreachableError: there is no answer now.
            TowerRefusedError: it refuses to answer.
        """
        return await self._ask("GET", path, also=also, params=params)

    async def post(self, path: str, message: Any) -> Told:
        """Hand something over.

        Raises:
            TowerUnreachableError: there is no answer now, and nobody knows whether it heard.
            TowerRefusedError: it refuses the request.
        """
        body = msgspec.json.encode(message)
        return await self._ask(
            "POST", path, content=body, headers={"content-type": "application/json"}
        )

    async def _ask(
        self, method: str, path: str, *, also: frozenset[int] = frozenset(), **request: Any
    ) -> Told:
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._client.stream(method, path, **request) as response,
            ):
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _MOST_BYTES:
                        raise TowerUnreachableError(place=self.place, why="its answer has no end")
        except TimeoutError as late:
            why = f"nothing came within {self._timeout:g} s"
            raise TowerUnreachableError(place=self.place, why=why) from late
        except (httpx.HTTPError, OSError) as problem:
            why = str(problem) or type(problem).__name__
            raise TowerUnreachableError(place=self.place, why=why) from problem
        return self._understood(response, bytes(body), also)

    def _understood(self, response: httpx.Response, body: bytes, also: frozenset[int]) -> Told:
        status = response.status_code
        if status in _LATER - also:
            raise TowerUnreachableError(
                place=self.place,
                why=f"it said {status}, {_problem(body, status)[1]}",
                retry_after=_retry_after(response.headers),
            )
        if status != HTTPStatus.OK and status not in also:
            word, why = _problem(body, status)
            raise TowerRefusedError(place=self.place, status=status, word=word, why=why)
        try:
            return Told(status, msgspec.json.decode(body))
        except (msgspec.DecodeError, UnicodeError, RecursionError) as wrong:
            # Whoever said this is hardly a tower; something may stand before it for now.
            why = "its answer is no JSON"
            raise TowerUnreachableError(place=self.place, why=why) from wrong


def _sendable(token: str, place: str) -> str:
    stripped = token.strip()
    if not _TOKEN.fullmatch(stripped):
        # Found out with each request, it would pass for a tower that is away, and be in each log.
        why = "its token is empty, or has characters inside that no token has"
        raise ConfigError(path=place, why=why)
    return stripped


def _refuse_unsafe(place: str, token: str | None) -> None:
    if "@" in place:
        # The place is in every error, and so in logs: a password must not be in it.
        why = "it names a user, or has an @ for something else; say who you are with `token`"
        raise ConfigError(path="of the tower's place", why=why)
    try:
        url = httpx.URL(urlsplit(place).geturl())
    except (ValueError, httpx.InvalidURL):
        url = httpx.URL()
    if not url.host or url.scheme not in {"http", "https"}:
        why = "the tower's place should be like http://127.0.0.1:8412 or unix:/run/…/door.sock"
        raise ConfigError(path=place, why=why)
    if token is not None and url.scheme == "http" and not is_loopback(url.host):
        why = "its token would go over the network for everybody to read; use https"
        raise ConfigError(path=place, why=why)


def _problem(body: bytes, status: int) -> tuple[str, str]:
    """Return a problem's word and sentence (RFC 9457), as far as there are any."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        told = None
    told = told if isinstance(told, Mapping) else {}
    word, why = told.get("type"), told.get("detail") or told.get("title")
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "no reason"
    return (
        word[:_MOST_TOLD] if isinstance(word, str) and word else phrase,
        why[:_MOST_TOLD] if isinstance(why, str) and why else phrase,
    )


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds that the server asks for; 0 if it asks for none, or gives a date."""
    given = headers.get("retry-after", "")
    return min(float(given), _MOST_PATIENCE) if given.isascii() and given.isdigit() else 0.0
