"""Another tower as a co-signer: asked over mutual TLS, within a time, with nothing of it believed.

What it guarantees: whoever answers has shown the certificate of an authority that we named, and we
ours; a request ends within its time and its answer has a bound, whatever is sent; and a signature
counts only if the key in our own configuration made it for the very transaction that we sent. So a
co-signer that was stolen can refuse and be slow, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from watchtower.keys.cosign_messages import CosignMessage
from watchtower.keys.secret_file import read_secret
from watchtower.keys.tls import context_to
from watchtower.keys.told import MOST_BYTES, MOST_WORDS, Away, Faulty, Told, understood
from watchtower.units import Address

__all__ = ["CosignerPlace", "TowerCosigner"]

_PATH: Final = "/v1/cosign"
_CONNECTIONS: Final = httpx.Limits(max_connections=4, max_keepalive_connections=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CosignerPlace:
    """Where a co-signer is, who it is, and who we are there.

    Attributes:
        account: its account in the signer list.
        public_key: the key that signs for it, in upper-case hex.
        url: ``https://…``; ``http://…`` on this machine alone, which the settings see to.
        authority: a file with the certificates that its own may be of (PEM).
        certificate: a file with our certificate for it (PEM).
        key: a file with the key of that, which others cannot read.
        token: a file with our token there.
    """

    account: Address
    public_key: str
    url: str
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    token: Path | None = None


class TowerCosigner:
    """One other tower that signs with us."""

    def __init__(
        self,
        place: CosignerPlace,
        *,
        patience: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Read the files; connect when there is something to ask.

        Args:
            place: where it is.
            patience: seconds for a request and its answer.
            transport: carries requests where that is not by sockets of this machine.

        Raises:
            ConfigError: a file cannot be read or used, or others can read a secret one.
        """
        self.account = place.account
        self.public_key = place.public_key
        self._patience = patience
        headers = {
            "accept": "application/json",
            # Nothing is unpacked: a small answer must not become a large one.
            "accept-encoding": "identity",
            "content-type": "application/json",
        }
        if place.token is not None:
            headers["authorization"] = f"Bearer {read_secret(place.token).strip()}"
        self._client = httpx.AsyncClient(
            base_url=place.url,
            # Certificates are for sockets: who carries requests otherwise shows none.
            verify=True
            if transport is not None
            else context_to(place.authority, certificate=place.certificate, key=place.key),
            transport=transport,
            headers=headers,
            timeout=patience,
            limits=_CONNECTIONS,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def ask(self, transactions: Sequence[Mapping[str, Any]]) -> Told:
        """Ask for a signature of each of ``transactions``, and verify what comes."""
        content = msgspec.json.encode(CosignMessage(transactions=[dict(t) for t in transactions]))
        try:
            async with (
                asyncio.timeout(self._patience),
                self._client.stream("POST", _PATH, content=content) as response,
            ):
                if response.headers.get("content-encoding", "identity") != "identity":
                    return Faulty("its answer is packed, which it was asked not to do")
                body = bytearray()
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > MOST_BYTES:
                        return Faulty("its answer has no end")
        except TimeoutError:
            return Away(f"nothing came within {self._patience:g} s")
        except (httpx.HTTPError, OSError) as problem:
            return Away((str(problem) or type(problem).__name__)[:MOST_WORDS])
        if response.status_code != HTTPStatus.OK:
            return Away(f"it said {response.status_code}, {_problem(bytes(body))}")
        return understood(
            bytes(body), transactions, account=self.account, public_key=self.public_key
        )


def _problem(body: bytes) -> str:
    """Return what an answer says is the matter (RFC 9457), as far as it says anything."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return "and no reason"
    detail = told.get("detail") or told.get("title") if isinstance(told, Mapping) else None
    return detail[:MOST_WORDS] if isinstance(detail, str) and detail else "and no reason"
