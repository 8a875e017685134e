"""What a platform imports: claims handed to the tower, never lost, and never served too early.

``guard`` is apart: only who guards routes imports it.

    async with TowerClient("unix:/run/watchtower/door.sock", queue=Path("claims.queue")) as tower:
        answer = await tower.submit(read_claim(channel, amount, signature, public_key))
        if answer.serve:
            ...
"""

from watchtower.client.answers import Answer, ChannelShown, Queued, Readiness
from watchtower.client.claim import Claim, is_signed_by_its_key, read_claim
from watchtower.client.tower import TowerClient

__all__ = [
    "Answer",
    "ChannelShown",
    "Claim",
    "Queued",
    "Readiness",
    "TowerClient",
    "is_signed_by_its_key",
    "read_claim",
]
