"""A head at another tower, which keeps it for us over HTTP.

What it guarantees: whoever answers has shown the certificate of an authority that we named, or is
on this machine; a request ends within its time, and what is read has a bound, whatever is sent; no
redirect and no proxy takes our token elsewhere. Nothing of an answer is believed here. A tower that
keeps our head falsely can keep silent, serve one of before, or one that is none: the first two
only fail to warn, and the third is told as what it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import httpx
import msgspec

from watchtower.errors import ConfigError
from watchtower.keys.secret_file import read_secret
from watchtower.keys.tls import context_to
from watchtower.store.head import MOST_BYTES
from watchtower.store.head_keeping import HeadUnreachable

__all__ = ["HeadTower", "KeepingTower"]

_PATIENCE: Final = 4.0
"""Seconds for a request and its answer."""

_MOST_WORDS: Final = 300
"""Letters of a reason that are told of on."""

_UNKNOWN: Final = "unknown_head"
_CONNECTIONS: Final = httpx.Limits(max_connections=2, max_keepalive_connections=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepingTower:
    """Where a tower is that keeps our head, and who we are there.

    Attributes:
        url: ``https://…``; ``http://…`` on this machine alone, which the settings see to.
        token: a file with our token there, which others cannot read.
        authority: a file with the certificates that its own may be of (PEM).
        certificate: a file with our certificate for it (PEM), if it wants one.
        key: a file with the key of that, which others cannot read.
    """

    url: str
    token: Path
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


class HeadTower:
    """A head that another tower keeps."""

    def __init__(
        self,
        place: KeepingTower,
        store: Callable[[], Awaitable[bytes]],
        *,
        patience: float = _PATIENCE,
    ) -> None:
        """Read the files; connect when there is something to ask.

        Args:
            place: where it is.
            store: returns the identity of the store whose head it is.
            patience: seconds for a request and its answer.

        Raises:
            ConfigError: a file cannot be read or used, or others can read a secret one.
        """
        self.name = place.url
        self._store = store
        self._patience = patience
        self._token = place.token
        read_secret(place.token)
        is_plain = place.url.startswith("http://")
        self._client = httpx.AsyncClient(
            base_url=place.url,
            verify=True
            if is_plain
            else context_to(place.authority, certificate=place.certificate, key=place.key),
            # Nothing is unpacked: a small answer must not become a large one.
            headers={"accept": "application/json", "accept-encoding": "identity"},
            timeout=patience,
            limits=_CONNECTIONS,
            follow_redirects=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def read(self) -> bytes | None:
        """Return what is kept there; None if the tower says that it keeps nothing for us."""
        status, body = await self._ask("GET")
        if status == HTTPStatus.OK:
            return body
        # Another 404 is of a tower that keeps no heads, or of something that is no tower.
        if status == HTTPStatus.NOT_FOUND and _problem(body).get("type") == _UNKNOWN:
            return None
        raise HeadUnreachable(_why(status, body))

    async def write(self, head: bytes) -> None:
        """Have a head kept; it is on the other tower's disk then, if that is honest."""
        status, body = await self._ask("PUT", head)
        if status != HTTPStatus.NO_CONTENT:
            raise HeadUnreachable(_why(status, body))

    async def _ask(self, method: str, head: bytes | None = None) -> tuple[int, bytes]:
        try:
            # Anew each time: a token that was exchanged is good from then on.
            headers = {"authorization": f"Bearer {read_secret(self._token).strip()}"}
        except ConfigError as wrong:
            raise HeadUnreachable(str(wrong).rstrip(".")) from None
        if head is not None:
            headers["content-type"] = "application/json"
        path = f"/v1/heads/{(await self._store()).hex()}"
        body = bytearray()
        try:
            async with (
                asyncio.timeout(self._patience),
                self._client.stream(method, path, content=head, headers=headers) as response,
            ):
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise HeadUnreachable("its answer is packed, which it was asked not to do")
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > MOST_BYTES:
                        # No head is so long, and what was read so far is none.
                        break
        except TimeoutError:
            raise HeadUnreachable(f"nothing came within {self._patience:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as problem:
            why = (str(problem) or type(problem).__name__)[:_MOST_WORDS]
            raise HeadUnreachable(why) from None
        return response.status_code, bytes(body[: MOST_BYTES + 1])


def _problem(body: bytes) -> Mapping[str, object]:
    """Return what an answer says is the matter (RFC 9457), as far as it says anything."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return told if isinstance(told, Mapping) else {}


def _why(status: int, body: bytes) -> str:
    problem = _problem(body)
    detail = problem.get("detail") or problem.get("title")
    if not isinstance(detail, str) or not detail:
        return f"it said {status}, and no reason"
    return f"it said {status}: {detail[:_MOST_WORDS].rstrip('.')}"
