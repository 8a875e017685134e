"""Whether a tower has the right use for a bundle: held against all that it knows. Pure.

What it guarantees: a bundle is taken whole or not at all, and only for an account of ours, on our
network, on channels that pay it, with claims above what was paid, on tickets that are not gone,
for fees under the cap, signed with a key that signs for the account. What cannot be told now,
since the ledger was not read yet, is said and not guessed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from watchtower.judgement.authority import authority_fault
from watchtower.judgement.channel import Channel
from watchtower.judgement.estate import Estate
from watchtower.keys.bundle import Bundle
from watchtower.response.bundle import Presigned
from watchtower.units import Address, ChannelId, Drops

__all__ = ["Known", "unsure_of", "why_refused"]

_KEY_UNKNOWN: Final = (
    "whether the key signs for the account is not known yet: the daemon has not read the account"
)
_TICKETS_UNKNOWN: Final = (
    "whether the account holds the tickets is not known yet: the daemon has not read them"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a tower knows, to hold a bundle against.

    Attributes:
        network_id: the network that the store belongs to; None before it has seen one.
        payees: the accounts whose incoming channels are guarded.
        estate: the account's last known state; None if there is none.
        channels: the channels as last known, those of the bundle among them.
        held: what the store has of earlier bundles.
        fee_cap: the most drops that one attempt may cost.
    """

    network_id: int | None
    payees: Collection[Address]
    estate: Estate | None
    channels: Mapping[ChannelId, Channel]
    held: Iterable[Presigned]
    fee_cap: Drops


def why_refused(bundle: Bundle, known: Known) -> str | None:
    """Return the first reason against a bundle, as a part of a sentence; None if there is none."""
    reasons = (
        *_against_account(bundle, known),
        *(why for presigned in bundle.presigned for why in _against_channel(presigned, known)),
        *_against_seats(bundle, known),
    )
    return next(iter(reasons), None)


def unsure_of(known: Known) -> tuple[str, ...]:
    """Return what could not be told about a bundle that is accepted, each a sentence's part."""
    estate = known.estate
    unsure = []
    if estate is None or estate.as_of is None:
        unsure.append(_KEY_UNKNOWN)
    if estate is None or estate.ticket_book.listed_at is None:
        unsure.append(_TICKETS_UNKNOWN)
    return tuple(unsure)


def _against_account(bundle: Bundle, known: Known) -> Iterator[str]:
    if known.network_id is None:
        yield "the store has seen no network yet; have the daemon reach a server first"
    elif bundle.network_id != known.network_id:
        yield (
            f"it is for network {bundle.network_id}, and this store belongs to network "
            f"{known.network_id}"
        )
    if bundle.account not in known.payees:
        yield f"{bundle.account} is no account in `accounts` that is guarded as a payee"
    fault = authority_fault(known.estate, bundle.signing_key)
    if fault is not None:
        yield f"its key {bundle.signing_key} does not sign for {bundle.account}: {fault.sentence}"


def _against_channel(presigned: Presigned, known: Known) -> Iterator[str]:
    channel_id = presigned.channel
    channel = known.channels.get(channel_id)
    if channel is None:
        yield (
            f"channel {channel_id} is not known here; give the tower its claim first "
            "(`watchtower claim add`)"
        )
        return
    entry = channel.entry
    if entry.destination != presigned.account:
        yield f"channel {channel_id} pays {entry.destination} and not {presigned.account}"
    if channel.closed_at is not None:
        yield f"channel {channel_id} is closed"
    if entry.public_key != presigned.claim.public_key:
        yield f"the claim on channel {channel_id} was not signed with the channel's key"
    if presigned.target <= entry.balance:
        yield f"channel {channel_id} has paid {entry.balance} drops, and the claim is not above it"
    if presigned.target > entry.amount:
        yield (
            f"for channel {channel_id} it asks for {presigned.target} drops, and the channel holds "
            f"{entry.amount}: that would fail, and burn the ticket"
        )
    for level in presigned.levels:
        if level.fee > known.fee_cap:
            yield (
                f"a fee of {level.fee} drops is above `fees.cap_drops`, which is {known.fee_cap}"
            )


def _against_seats(bundle: Bundle, known: Known) -> Iterator[str]:
    book = None if known.estate is None else known.estate.ticket_book
    stands_for = {
        each.ticket: each.channel
        for each in known.held
        if each.account == bundle.account and _is_open(each.channel, known)
    }
    for presigned in bundle.presigned:
        ticket = presigned.ticket
        if book is not None and book.is_gone(ticket):
            yield f"{bundle.account} holds no ticket {ticket}"
        other = stands_for.get(ticket, presigned.channel)
        if other != presigned.channel:
            yield f"ticket {ticket} stands for channel {other} already"


def _is_open(channel_id: ChannelId, known: Known) -> bool:
    channel = known.channels.get(channel_id)
    return channel is not None and channel.closed_at is None
