"""The gate: who may do what, by the tokens that are in memory.

What it guarantees: whoever shows a token is compared in constant time with the one token that has
its public part, and costs no look at the store, however often they knock. Memory grows with the
tokens there are, never with who knocks.

Pure; time is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from hmac import compare_digest
from typing import Final

from watchtower.access.token import Scope, Token, digest_of, identity_of
from watchtower.claims.quota import Bucket

__all__ = ["Admitted", "Gate", "Turned"]

_SCHEME: Final = "bearer "
_NOBODY: Final = bytes(32)
_NEVER_WITHOUT: Final = frozenset({Scope.COSIGN, Scope.HEADS})


class Turned(Enum):
    """Why somebody is turned away."""

    NO_TOKEN = "no token"  # noqa: S105 - says that there is none
    INVALID = "not a token of ours"
    EXPIRED = "expired"
    SCOPE = "of another scope"


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who may come in: a token and what is left of its quota, or anybody."""

    token: Token | None = None
    bucket: Bucket | None = None


_ANYBODY: Final = Admitted()


class Gate:
    """Lets people in by their tokens."""

    def __init__(self, *, is_required: bool) -> None:
        """Know no tokens yet; ``is_required`` says that nobody comes in without one."""
        self._is_required = is_required
        self._tokens: dict[str, Token] = {}
        self._buckets: dict[str, Bucket] = {}

    @property
    def is_required(self) -> bool:
        """Whether nobody comes in without a token."""
        return self._is_required

    def hold(self, tokens: Iterable[Token]) -> None:
        """Let in who has one of ``tokens`` from now on, and nobody else.

        What is left of a token's quota stays with it.
        """
        self._tokens = {token.identity: token for token in tokens}
        buckets = {}
        for identity, token in self._tokens.items():
            if token.quota is not None:
                bucket = self._buckets.get(identity) or Bucket(token.quota)
                bucket.per_minute = token.quota
                buckets[identity] = bucket
        self._buckets = buckets

    def opens_to_somebody(self, now: float) -> bool:
        """Return whether there is a token that is good now, in seconds since 1970."""
        return any(not token.is_expired(now) for token in self._tokens.values())

    def admit(self, shown: str | None, scope: Scope | None, now: float) -> Admitted | Turned:
        """Say whether somebody may come in for ``scope``; None is what any token is good for.

        A token that is shown is looked at even where none is needed, so that whoever shows one
        learns in time that it was revoked. Nobody asks for signatures without one, or has heads
        kept: they belong to the token.

        Args:
            shown: what the header ``Authorization`` says; None if it is not there.
            scope: what they want.
            now: seconds since 1970, by the host's clock.
        """
        is_required = self._is_required or scope in _NEVER_WITHOUT
        if shown is None:
            return Turned.NO_TOKEN if is_required else _ANYBODY
        if shown[: len(_SCHEME)].lower() != _SCHEME:
            return Turned.NO_TOKEN if is_required else Turned.INVALID
        text = shown[len(_SCHEME) :].strip(" ")
        identity = identity_of(text)
        token = None if identity is None else self._tokens.get(identity)
        is_theirs = compare_digest(_NOBODY if token is None else token.digest, digest_of(text))
        if token is None or not is_theirs:
            return Turned.INVALID
        return self._worth(token, scope, now)

    def admit_again(self, token: Token, scope: Scope | None, now: float) -> Admitted | Turned:
        """Say whether whoever has shown ``token`` before may still come in, for ``scope``.

        What they showed is not needed, so that nobody has to keep it: a token that was revoked,
        or made anew under the same name, has another public part.
        """
        held = self._tokens.get(token.identity)
        if held is None or not compare_digest(held.digest, token.digest):
            return Turned.INVALID
        return self._worth(held, scope, now)

    def _worth(self, token: Token, scope: Scope | None, now: float) -> Admitted | Turned:
        if token.is_expired(now):
            return Turned.EXPIRED
        if not token.may(scope):
            return Turned.SCOPE
        return Admitted(token, self._buckets.get(token.identity))
