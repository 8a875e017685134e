"""The best claim of every channel, in as little memory as it takes. Pure.

A million claims are kept here, each with its signature, so that what is owed can be redeemed while
the disk cannot be read. A signature takes half as many bytes as its hexadecimal, and the key is
its channel's own. Whatever is not of that form, such as a claim on a channel that is not known
yet, is kept as it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Final

from typing_extensions import override

from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.units import ChannelId, Drops

__all__ = ["BestClaims"]

_AMOUNT_BYTES: Final = 8


class BestClaims(MutableMapping[ChannelId, Claim]):
    """Claims by their channel; one of them is made anew whenever it is looked at."""

    def __init__(self, channels: Mapping[ChannelId, Channel], claims: Iterable[Claim] = ()) -> None:
        """Keep ``claims``; ``channels`` are those of the watch, and know their keys."""
        self._channels = channels
        self._packed: dict[ChannelId, bytes | Claim] = {}
        for claim in claims:
            self[claim.channel] = claim

    def amount(self, channel: ChannelId) -> Drops:
        """Return the drops of a channel's best claim; 0 where there is none."""
        packed = self._packed.get(channel)
        if packed is None:
            return Drops(0)
        if isinstance(packed, Claim):
            return packed.amount
        return Drops(int.from_bytes(packed[:_AMOUNT_BYTES]))

    @override
    def __getitem__(self, channel: ChannelId) -> Claim:
        packed = self._packed[channel]
        if isinstance(packed, Claim):
            return packed
        return Claim(
            channel=channel,
            amount=Drops(int.from_bytes(packed[:_AMOUNT_BYTES])),
            public_key=self._channels[channel].entry.public_key,
            signature=packed[_AMOUNT_BYTES:].hex().upper(),
        )

    @override
    def __setitem__(self, channel: ChannelId, claim: Claim) -> None:
        known = self._channels.get(channel)
        is_its_own = known is not None and known.entry.public_key == claim.public_key
        packed = _packed(claim) if is_its_own and channel == claim.channel else None
        # By the watch's own name of the channel, where it has one: nobody needs a second one.
        name = known.entry.channel if is_its_own and known is not None else channel
        self._packed[name] = claim if packed is None else packed

    @override
    def __delitem__(self, channel: ChannelId) -> None:
        del self._packed[channel]

    def forget(self, channel: ChannelId) -> None:
        """Drop a channel's claim, whether or not its channel is still there."""
        self._packed.pop(channel, None)

    @override
    def __contains__(self, channel: object) -> bool:
        return channel in self._packed

    @override
    def __iter__(self) -> Iterator[ChannelId]:
        return iter(self._packed)

    @override
    def __len__(self) -> int:
        return len(self._packed)


def _packed(claim: Claim) -> bytes | None:
    """Return amount and signature as bytes; None where these would not spell the same claim."""
    try:
        signature = bytes.fromhex(claim.signature)
    except ValueError:
        return None
    if signature.hex().upper() != claim.signature:
        return None
    return claim.amount.to_bytes(_AMOUNT_BYTES) + signature
