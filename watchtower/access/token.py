"""Tokens: what whoever knocks shows, what is kept of it, and what it is good for.

A token is ``xwt_``, a public part by which it is found, and a secret of 256 random bits. Only the
SHA-256 of the secret is kept: there is nothing to guess in 256 bits, so a slow hash would slow
down nobody but us, for every request. The form is easy to find in what should not hold any, and
``logs.py`` does.

Pure; luck and time are arguments.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

from watchtower.errors import TokenFormatError

__all__ = [
    "RANDOM_BYTES",
    "Scope",
    "Token",
    "digest_of",
    "identity_of",
    "mint",
    "parse_expiry",
    "parse_name",
    "parse_quota",
]

_PREFIX: Final = "xwt_"
_IDENTITY_BYTES: Final = 8
_SECRET_BYTES: Final = 32
RANDOM_BYTES: Final = _IDENTITY_BYTES + _SECRET_BYTES
"""What `mint` wants of luck."""

_FORM: Final = re.compile(rf"{_PREFIX}([0-9a-f]{{16}})_[0-9A-Za-z_-]{{43}}\Z", re.ASCII)
_NAME: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}\Z", re.ASCII)
_QUOTA: Final = re.compile(r"([0-9]{1,9})/minute\Z", re.ASCII)
_DURATION: Final = re.compile(r"([0-9]{1,5})(d|h|m)\Z", re.ASCII)
_SECONDS: Final = {"d": 86_400, "h": 3_600, "m": 60}
_DOMAIN: Final = b"xrpl-watchtower token 1\0"


class Scope(StrEnum):
    """What a token is good for."""

    SUBMIT = "submit"  # hand over claims, and ask what they would be worth
    READ = "read"  # see channels
    ADMIN = "admin"  # see how the tower is; everything else besides, but for signatures
    COSIGN = "cosign"  # ask for signatures under claims of the signer lists that we are in
    HEADS = "heads"  # have the heads of a store kept here
    METRICS = "metrics"  # read what is measured, and see nothing else


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is kept of a token.

    Attributes:
        identity: its public part, 16 hexadecimal digits.
        name: what its owner calls it; no two tokens share one.
        digest: the SHA-256 of the token.
        scopes: what it is good for.
        quota: claims a minute that are served for it; None for as many as come.
        expires: until when it is good, in seconds since 1970 by the host's clock; None for ever.
        created: since when, likewise.
    """

    identity: str
    name: str
    digest: bytes
    scopes: tuple[Scope, ...]
    quota: int | None
    expires: int | None
    created: int

    def may(self, scope: Scope | None) -> bool:
        """Return whether it is good for ``scope``; every token is good for None.

        Signatures are for who was let in for them in so many words.
        """
        if scope is None or scope in self.scopes:
            return True
        return Scope.ADMIN in self.scopes and scope is not Scope.COSIGN

    def is_expired(self, now: float) -> bool:
        """Return whether its time is over; ``now`` is in seconds since 1970."""
        return self.expires is not None and now >= self.expires


def mint(
    name: str,
    scopes: Iterable[Scope],
    *,
    random: bytes,
    now: float,
    quota: int | None = None,
    expires: int | None = None,
) -> tuple[Token, str]:
    """Return a new token as it is kept, and as its owner shows it, which is told only once.

    ``random`` are `RANDOM_BYTES` that nobody can predict.

    Raises:
        TokenFormatError: it has a quota, and no scope to hand over claims.
    """
    identity = random[:_IDENTITY_BYTES].hex()
    secret = urlsafe_b64encode(random[_IDENTITY_BYTES:]).decode().rstrip("=")
    text = f"{_PREFIX}{identity}_{secret}"
    token = Token(
        identity=identity,
        name=name,
        digest=digest_of(text),
        scopes=tuple(sorted(set(scopes))),
        quota=quota,
        expires=expires,
        created=int(now),
    )
    if quota is not None and not token.may(Scope.SUBMIT):
        raise TokenFormatError(why="a quota is of claims, and without `submit` it hands over none")
    return token, text


def identity_of(text: str) -> str | None:
    """Return the public part of what may be a token; None if it has no token's form."""
    found = _FORM.match(text)
    return None if found is None else found[1]


def digest_of(text: str) -> bytes:
    """Return what is kept of a token instead of it."""
    return sha256(_DOMAIN + text.encode()).digest()


def parse_name(text: str) -> str:
    """Return a token's name.

    Raises:
        TokenFormatError: it is empty or long, or has other than letters, digits, ``.``, ``_``
            and ``-``.
    """
    if not _NAME.match(text):
        why = (
            f"{text!r} is no name for it; use up to 64 letters, digits, dots, dashes and "
            "underscores"
        )
        raise TokenFormatError(why=why)
    return text


def parse_quota(text: str) -> int:
    """Return how many claims a minute a quota such as ``600/minute`` allows.

    Raises:
        TokenFormatError: it is not so written, or allows none.
    """
    found = _QUOTA.match(text)
    if found is None or not (per_minute := int(found[1])):
        raise TokenFormatError(why=f"{text!r} is no quota; write it like 600/minute")
    return per_minute


def parse_expiry(text: str, now: float) -> int:
    """Return when a token expires, in seconds since 1970.

    ``text`` is how long from ``now`` (``90d``, ``12h``, ``30m``), or a day or time in UTC
    (``2027-03-01``, ``2027-03-01T12:00:00Z``).

    Raises:
        TokenFormatError: it is neither, or over already.
    """
    if (found := _DURATION.match(text)) is not None:
        expires = int(now) + int(found[1]) * _SECONDS[found[2]]
    else:
        try:
            given = datetime.fromisoformat(text)
        except ValueError:
            why = f"{text!r} is no time; write it like 90d, 12h or 2027-03-01"
            raise TokenFormatError(why=why) from None
        expires = int(given.replace(tzinfo=given.tzinfo or UTC).timestamp())
    if expires <= now:
        raise TokenFormatError(why=f"it would expire at {text}, which is over")
    return expires
