"""What is told of a token's keys, and what they seal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from watchtower.keys.vault import Algorithm

__all__ = ["HsmKeyCard", "Sealed"]

_ED25519_PREFIX: Final = "ED"


@dataclass(frozen=True, slots=True, kw_only=True)
class HsmKeyCard:
    """What may be told of a token's key; ``never_leaves``: the token gives it to nobody."""

    label: str
    public_key: str
    never_leaves: bool

    @property
    def algorithm(self) -> Algorithm:
        """Which kind of key it is."""
        is_ed25519 = self.public_key.startswith(_ED25519_PREFIX)
        return Algorithm.ED25519 if is_ed25519 else Algorithm.SECP256K1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A secret that only a token opens: by which mechanism, with which nonce."""

    mechanism: str
    nonce: bytes
    data: bytes
