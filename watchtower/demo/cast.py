"""The cast: a publisher who sleeps, and five readers, each with a channel and a plan."""

from __future__ import annotations

from dataclasses import dataclass, field

from watchtower.sandbox.people import Person
from watchtower.units import DROPS_PER_XRP, ChannelId, Drops

__all__ = ["PUBLISHER", "Reader", "readers"]

PUBLISHER = Person.named("the publisher of the demo")

_HOUR = 3600
_WRAPS = 2**32 - 1


@dataclass(slots=True, kw_only=True)
class Reader:
    """A reader, its channel to the publisher, and the claims that it has signed.

    ``funds`` and ``promised`` are drops; ``steps`` is over how many claims the promise grows.
    """

    name: str
    person: Person
    funds: Drops
    promised: Drops
    steps: int
    settle_delay: int = _HOUR
    cancel_after_in: int | None = None
    protectable: bool = True
    channel: ChannelId = field(default=ChannelId(""))

    def claims(self) -> list[dict[str, str]]:
        """Return every claim in the order of signing, as JSON lines want them."""
        amounts = (self.promised * step // self.steps for step in range(1, self.steps + 1))
        return [
            {
                "channel": self.channel,
                "amount": str(amount),
                "signature": self.person.sign_claim(self.channel, Drops(amount)),
                "public_key": self.person.public_key,
            }
            for amount in amounts
        ]


def readers(cancel_after_lead: int) -> tuple[Reader, ...]:
    """Return the five; ``cancel_after_lead`` is how long before CancelAfter the tower acts."""
    return (
        _reader("Ada", funds=100, promised=30, steps=60),
        _reader("Ben", funds=80, promised=42, steps=60),
        _reader("Cleo", funds=50, promised=20, steps=20, settle_delay=_WRAPS, protectable=False),
        _reader("Dora", funds=60, promised=25, steps=40, cancel_after_in=cancel_after_lead + 560),
        _reader("Emil", funds=40, promised=55, steps=40, ed25519=True),
    )


def _reader(
    name: str,
    *,
    funds: int,
    promised: int,
    steps: int,
    settle_delay: int = _HOUR,
    cancel_after_in: int | None = None,
    protectable: bool = True,
    ed25519: bool = False,
) -> Reader:
    return Reader(
        name=name,
        person=Person.named(f"{name} of the demo", ed25519=ed25519),
        funds=Drops(funds * DROPS_PER_XRP),
        promised=Drops(promised * DROPS_PER_XRP),
        steps=steps,
        settle_delay=settle_delay,
        cancel_after_in=cancel_after_in,
        protectable=protectable,
    )
