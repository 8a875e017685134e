"""What a payee should sign ahead of need: claims above every bundle, and tickets for them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from watchtower.cli.session import open_store
from watchtower.cli.standing import noted_estate
from watchtower.errors import PresignError
from watchtower.judgement.authority import authority_fault
from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.judgement.estate import Estate
from watchtower.keys.presigning import PresignRequest
from watchtower.response.bundle import Presigned
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.units import Address, ChannelId, Drops

__all__ = ["Requests", "Standing", "requests_of", "standing_in", "standing_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a store knows of a payee's claims, and of what was signed ahead for them.

    ``busy`` are the tickets of attempts that are on their way.
    """

    account: Address
    network_id: int
    estate: Estate
    channels: Sequence[tuple[Channel, Claim]]
    presigned: Sequence[Presigned]
    busy: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """What to sign, and what a person should know beside it, in sentences."""

    requests: tuple[PresignRequest, ...]
    notes: tuple[str, ...]


async def standing_of(loaded: Settings, account: Address) -> Standing:
    """Return what the store knows of a payee.

    Raises:
        PresignError: the store has seen no network yet.
    """
    async with open_store(loaded) as store:
        return await standing_in(store, account)


async def standing_in(store: Store, account: Address) -> Standing:
    """Return what an open store knows of a payee; see `standing_of`."""
    async with store.read() as work:
        channels: list[Channel] = []
        await work.channels.visit_open(channels.append)
        channels = [channel for channel in channels if channel.entry.destination == account]
        best = await work.claims.find([channel.entry.channel for channel in channels])
        unsettled = await work.attempts.unsettled()
        if store.network is None:
            why = "the store has seen no network yet; have the daemon reach a server first"
            raise PresignError(why=why)
        return Standing(
            account=account,
            network_id=store.network,
            estate=await noted_estate(work, account),
            channels=[
                (channel, best[channel.entry.channel])
                for channel in channels
                if channel.entry.channel in best
            ],
            presigned=await work.bundles.of_account(account),
            busy=frozenset(
                a.seat.number for a in unsettled if a.account == account and a.seat.is_ticket
            ),
        )


def requests_of(
    standing: Standing, *, count: int, fees: tuple[Drops, ...], everything: bool
) -> Requests:
    """Return what is to be signed ahead: the largest stake first, ``count`` tickets for each.

    ``everything`` asks also for what is covered already.
    """
    seats = _Seats(standing)
    requests: list[PresignRequest] = []
    short: list[tuple[ChannelId, int]] = []
    for channel, claim, target in _at_stake(standing):
        channel_id = channel.entry.channel
        covering = [each for each in seats.usable(channel_id) if each.target >= target]
        if len(covering) >= count and not everything:
            continue
        tickets = seats.take(channel_id, count)
        if len(tickets) < count:
            short.append((channel_id, count - len(tickets)))
        if tickets:
            requests.append(
                PresignRequest(
                    network_id=standing.network_id,
                    account=standing.account,
                    claim=claim,
                    target=target,
                    tickets=tuple(tickets),
                    fees=fees,
                )
            )
    return Requests(requests=tuple(requests), notes=tuple(_notes(standing, short, requests)))


def _at_stake(standing: Standing) -> list[tuple[Channel, Claim, Drops]]:
    found = [
        (channel, claim, Drops(min(claim.amount, channel.entry.amount)))
        for channel, claim in standing.channels
    ]
    owed = [each for each in found if each[2] > each[0].entry.balance]
    return sorted(owed, key=lambda each: (each[0].entry.balance - each[2], each[0].entry.channel))


def _notes(
    standing: Standing, short: Sequence[tuple[ChannelId, int]], requests: Collection[object]
) -> Iterator[str]:
    account = standing.account
    if standing.estate.ticket_book.listed_at is None:
        yield f"The tickets of {account} are not known yet: have the daemon run first."
    elif short:
        missing = sum(number for _, number in short)
        yield (
            f"{account} has too few free tickets, {missing} are missing for {len(short)} channels. "
            f"Make them with a TicketCreate (`TicketCount` {missing}) and ask again."
        )
    elif not requests:
        yield f"There is nothing to sign: all claims of {account} are covered."


@dataclass(slots=True)
class _Seats:
    """Which tickets stand for which channel, and which are free."""

    standing: Standing
    _free: list[int] = field(init=False)
    _of_channel: dict[ChannelId, list[Presigned]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        open_channels = {channel.entry.channel for channel, _ in self.standing.channels}
        book = self.standing.estate.ticket_book
        reserved = set()
        for each in self.standing.presigned:
            if each.channel in open_channels and not book.is_gone(each.ticket):
                reserved.add(each.ticket)
                self._of_channel.setdefault(each.channel, []).append(each)
        taken = reserved | self.standing.busy
        self._free = [n for n in self.standing.estate.tickets if n not in taken]

    def usable(self, channel: ChannelId) -> list[Presigned]:
        """Return what was signed ahead for a channel and is neither burnt nor dead."""
        return [
            each
            for each in self._of_channel.get(channel, ())
            if authority_fault(self.standing.estate, each.signing_key) is None
        ]

    def take(self, channel: ChannelId, count: int) -> list[int]:
        """Return the tickets for a channel: those that stand for it, and free ones behind."""
        own = [each.ticket for each in self._of_channel.get(channel, ())]
        tickets = [ticket for ticket in own if ticket not in self.standing.busy][:count]
        more = count - len(tickets)
        taken, self._free = self._free[:more], self._free[more:]
        return sorted([*tickets, *taken])
