"""Sessions: a browser that has shown a token once is known by a cookie for a while. Pure.

A browser cannot send a token by itself, and a script that did would have to keep it where every
other script finds it. So the token is shown once, by a form, and the browser is given a name that
nobody can guess in its place.

What it guarantees: of that name only a digest is kept, and the token itself is not kept at all; a
session is worth what its token is worth at the moment, and nothing once that is revoked or over;
it ends by itself when it is not used, and in any case after half a day; and there is an end to how
many there are, of which those of one token cannot take the place of those of all others.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from watchtower.access.gate import Admitted, Gate, Turned
from watchtower.access.token import Scope, Token

__all__ = ["IDLE", "LONGEST", "NAME_BYTES", "Sessions"]

NAME_BYTES: Final = 32
"""Random bytes that a session's name is made of."""

IDLE: Final = 3_600.0
"""Seconds without a request or an open page after which a session is over."""

LONGEST: Final = 43_200.0
"""Seconds after which it is over in any case."""

_MOST: Final = 256
_MOST_OF_ONE: Final = 16
_DOMAIN: Final = b"xrpl-watchtower session 1\0"


@dataclass(slots=True)
class _Session:
    token: Token
    began: float
    used: float

    def is_over(self, now: float) -> bool:
        return now - self.used >= IDLE or now - self.began >= LONGEST


class Sessions:
    """The sessions of one daemon; they end with it."""

    def __init__(self, gate: Gate) -> None:
        """Know nobody yet; ``gate`` says what a token is worth, for every request anew."""
        self._gate = gate
        self._known: dict[bytes, _Session] = {}  # the oldest first

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._known)

    def begin(self, token: Token, name: str, now: float) -> None:
        """Know a browser by ``name`` from now on, for what ``token`` is worth.

        ``name`` is made of `NAME_BYTES` that nobody can predict; ``now`` is steady seconds.
        """
        for digest in [one for one, session in self._known.items() if session.is_over(now)]:
            del self._known[digest]
        own = [one for one, session in self._known.items() if _is_same(session.token, token)]
        if len(own) >= _MOST_OF_ONE:
            del self._known[own[0]]
        elif len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        self._known[_digest(name)] = _Session(token, began=now, used=now)

    def admit(self, name: str, scope: Scope | None, now: float, wall: float) -> Admitted | Turned:
        """Say whether who is known by ``name`` may come in for ``scope``.

        ``now`` is steady seconds, by which sessions end; ``wall`` is seconds since 1970, by which
        tokens expire. A session that is over, or whose token is, is forgotten.
        """
        # Found by a digest: how long that takes says nothing about a name that is near.
        session = self._known.get(digest := _digest(name))
        if session is None:
            return Turned.INVALID
        if session.is_over(now):
            del self._known[digest]
            return Turned.EXPIRED
        found = self._gate.admit_again(session.token, scope, wall)
        if found in (Turned.INVALID, Turned.EXPIRED):
            del self._known[digest]
        else:
            session.used = now
        return found

    def end(self, name: str) -> None:
        """Forget a browser; nothing happens if it is not known."""
        self._known.pop(_digest(name), None)


def _is_same(one: Token, other: Token) -> bool:
    return one.identity == other.identity


def _digest(name: str) -> bytes:
    return sha256(_DOMAIN + name.encode("utf-8", "surrogatepass")).digest()
