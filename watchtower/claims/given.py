"""A claim as somebody gave it: with the key that signed it, or without one.

Most forms in which claims exist name no key, for the channel has one and no other counts. Such a
claim is as good as any once its channel is known; before that nobody can tell it from noise. Pure.
"""

from __future__ import annotations

from msgspec import Struct

from watchtower.judgement.claim import Claim
from watchtower.units import ChannelId, Drops

__all__ = ["Given", "KeylessClaim"]


class KeylessClaim(Struct, frozen=True, kw_only=True, gc=False):
    """A claim without its key. ``amount`` is cumulative drops; the signature is upper-case hex."""

    channel: ChannelId
    amount: Drops
    signature: str

    def under(self, public_key: str) -> Claim:
        """Return the claim as signed by ``public_key``, in upper-case hex."""
        return Claim(
            channel=self.channel,
            amount=self.amount,
            public_key=public_key,
            signature=self.signature,
        )


Given = Claim | KeylessClaim
"""What comes in: well formed, and nothing more."""
