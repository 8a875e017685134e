"""A reader who pays: reads a challenge, signs a claim for it, and comes again.

It knows the scheme by the drafts alone, and shares no code with the guard that it is used to test.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Any

import httpx

from watchtower.sandbox.people import Person
from watchtower.units import ChannelId, Drops


def unpack(text: str) -> Any:
    """What base64url without padding holds, as JSON."""
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def pack(message: Any) -> str:
    """The other way."""
    text = json.dumps(message, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def challenge_of(header: str) -> dict[str, str]:
    """A challenge's parameters."""
    assert header.startswith("Payment ")
    return dict(re.findall(r'(\w+)="([^"]*)"', header))


def credential_for(
    challenge: dict[str, str], payer: Person, channel: ChannelId, drops: int, **more: Any
) -> str:
    """An `Authorization` header with a claim."""
    voucher = {
        "action": "voucher",
        "channelId": channel,
        "amount": str(drops),
        "signature": payer.sign_claim(channel, Drops(drops)),
        **more,
    }
    source = f"did:pkh:xrpl:mainnet:{payer.address}"
    return f"Payment {pack({'challenge': challenge, 'payload': voucher, 'source': source})}"


@dataclass
class Reader:
    """Somebody with a channel, who wants articles.

    ``signed`` is all that it promised; ``served`` is what was delivered, at the price of each.
    """

    client: httpx.AsyncClient
    payer: Person
    channel: ChannelId
    signed: int = 0
    served: int = 0
    credentials: list[str] = field(default_factory=list)

    async def read(self, path: str = "/article", *, drops: int | None = None) -> httpx.Response:
        """Ask, pay what is asked, and come again; ``drops`` is the claim, unless what is asked."""
        asked = await self.client.get(path)
        if asked.status_code != 402:
            return asked
        challenge = challenge_of(asked.headers["www-authenticate"])
        price = int(unpack(challenge["request"])["amount"])
        amount = self.signed + price if drops is None else drops
        return await self.pay(path, challenge, amount, price)

    async def pay(
        self, path: str, challenge: dict[str, str], amount: int, price: int
    ) -> httpx.Response:
        """Answer a challenge."""
        self.signed = max(self.signed, amount)
        credential = credential_for(challenge, self.payer, self.channel, amount)
        self.credentials.append(credential)
        told = await self.client.get(path, headers={"authorization": credential})
        if told.status_code == 200:
            self.served += price
        return told

    async def answer(self, refusal: httpx.Response, path: str = "/article") -> httpx.Response:
        """Pay as a refusal asks for it: the base that it tells, and the price."""
        challenge = challenge_of(refusal.headers["www-authenticate"])
        request = unpack(challenge["request"])
        price = int(request["amount"])
        base = int(request["methodDetails"]["cumulativeAmount"])
        return await self.pay(path, challenge, base + price, price)
