"""A claim: the payer's signed word that the payee may take so much from a channel."""

from __future__ import annotations

from dataclasses import dataclass

from watchtower.units import ChannelId, Drops

__all__ = ["Claim"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A signed claim. ``amount`` is cumulative drops; key and signature are upper-case hex."""

    channel: ChannelId
    amount: Drops
    public_key: str
    signature: str
