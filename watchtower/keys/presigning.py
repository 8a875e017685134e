"""Signing ahead of need, on the payee's own machine: requests in, a bundle out.

It needs no network and no store: all that is to be signed stands in the requests. It signs one
form of transaction, the plain redeeming claim on a ticket without a flag and without a last
ledger, and hands out nothing that ``bundle.py`` has not read back and verified.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from watchtower.errors import BundleError, InputError, PresignError
from watchtower.judgement.claim import Claim, Refused, verify
from watchtower.keys.bundle import MOST_BYTES, Bundle, read_bundle, write_bundle
from watchtower.keys.signer import signed_at_once
from watchtower.keys.stored_key import UnsealedKey
from watchtower.response.bundle import Level, Presigned
from watchtower.response.transaction import presigned_transaction
from watchtower.store.secrets import StoredKey
from watchtower.units import MAX_DROPS, Address, ChannelId, Drops, parse_address, parse_channel_id

__all__ = [
    "FEES",
    "PresignRequest",
    "presign",
    "read_requests",
    "request_of",
    "write_request",
]

FEES: Final = (Drops(12), Drops(6_000), Drops(50_000))
"""What is signed for unless told otherwise: an idle ledger, one in which prices have just risen,
and a crowded one. They rise at once to a little more than 500 times the base fee (rippled TxQ.h,
minimumEscalationMultiplier; TxQ.cpp, scaleFeeLevel), so that 5,000 drops would never get in."""

_VERSION: Final = 1
_LONGEST_LINE: Final = 16_384
_DROPS: Final = re.compile(r"[1-9][0-9]{0,17}\Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class PresignRequest:
    """One claim to be signed ahead, up to the channel balance ``target``.

    ``fees`` are drops in ascending order; empty for those that are usual.
    """

    network_id: int
    account: Address
    claim: Claim
    target: Drops
    tickets: tuple[int, ...]
    fees: tuple[Drops, ...] = ()


class _Line(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    presign: int
    network_id: int
    account: str
    channel: str
    amount: str
    signature: str
    public_key: str
    tickets: tuple[int, ...]
    balance: str | None = None
    fees: tuple[str, ...] = ()


_DECODER: Final = msgspec.json.Decoder(_Line, strict=True)


def write_request(request: PresignRequest) -> bytes:
    """Return a request as a line, without its end."""
    claim = request.claim
    return msgspec.json.encode(
        _Line(
            presign=_VERSION,
            network_id=request.network_id,
            account=request.account,
            channel=claim.channel,
            amount=str(claim.amount),
            signature=claim.signature,
            public_key=claim.public_key,
            tickets=request.tickets,
            balance=None if request.target == claim.amount else str(request.target),
            fees=tuple(map(str, request.fees)),
        )
    )


def read_requests(data: bytes) -> tuple[PresignRequest, ...]:
    """Return the requests that stand in a file, one a line; empty lines are passed over.

    Raises:
        PresignError: a line is no request; nothing is to be signed.
    """
    if len(data) > MOST_BYTES:
        raise PresignError(why=f"the requests have more than {MOST_BYTES} bytes")
    lines = enumerate(data.split(b"\n"), start=1)
    return tuple(_read_line(line, number) for number, line in lines if line.strip())


def _read_line(line: bytes, number: int) -> PresignRequest:
    if len(line) > _LONGEST_LINE:
        raise PresignError(why=f"line {number} has more than {_LONGEST_LINE} bytes")
    try:
        return _request(_DECODER.decode(line))
    except PresignError as wrong:
        raise PresignError(why=f"line {number} cannot be used: {wrong.facts['why']}") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as wrong:
        raise PresignError(why=f"line {number} is no request ({wrong})") from None
    except InputError as wrong:
        why = f"line {number} cannot be used: {str(wrong).rstrip('.')}"
        raise PresignError(why=why) from None


def _request(found: _Line) -> PresignRequest:
    if found.presign != _VERSION:
        raise PresignError(why=f"it is of version {found.presign}, and {_VERSION} is known")
    return request_of(
        network_id=found.network_id,
        account=parse_address(found.account),
        channel=parse_channel_id(found.channel),
        amount=_drops(found.amount),
        balance=None if found.balance is None else _drops(found.balance),
        signature=found.signature,
        public_key=found.public_key,
        tickets=found.tickets,
        fees=tuple(map(_drops, found.fees)),
    )


def request_of(
    *,
    network_id: int,
    account: Address,
    channel: ChannelId,
    amount: Drops,
    balance: Drops | None,
    signature: str,
    public_key: str,
    tickets: tuple[int, ...],
    fees: tuple[Drops, ...] = (),
) -> PresignRequest:
    """Return the request to sign one claim ahead; for all of it where no ``balance`` is named.

    Raises:
        PresignError: the ledger would not take the claim.
    """
    given = Claim(channel=channel, amount=amount, public_key=public_key, signature=signature)
    checked = verify(given)
    if isinstance(checked, Refused):
        raise PresignError(why=f"the ledger would not take the claim: {checked.why.sentence}")
    return PresignRequest(
        network_id=network_id,
        account=account,
        claim=checked.claim,
        target=amount if balance is None else balance,
        tickets=tickets,
        fees=fees,
    )


def _drops(text: str) -> Drops:
    if not _DROPS.match(text) or int(text) > MAX_DROPS:
        raise PresignError(why=f"{text!r} is not drops above zero")
    return Drops(int(text))


def presign(
    requests: Sequence[PresignRequest], key: StoredKey, *, fees: Collection[Drops] = FEES
) -> bytes:
    """Return the bundle of all that is asked for, signed with ``key``.

    ``fees`` are used where a request names none.

    Raises:
        PresignError: the requests are of several accounts or networks, are none, or ask for what
            no tower would accept.
    """
    account, network_id = _whose(requests)
    if account != key.account:
        raise PresignError(why=f"the requests are for {account}, and the key for {key.account}")
    presigned = tuple(_all_signed(requests, key, tuple(fees)))
    bundle = Bundle(
        network_id=network_id,
        account=account,
        signing_key=key.public_key,
        presigned=presigned,
    )
    try:
        data = write_bundle(bundle)
        is_whole = read_bundle(data) == bundle
    except BundleError as wrong:
        raise PresignError(why=wrong.facts["why"]) from None
    if not is_whole:
        raise PresignError(why="the bundle does not read back as it was written")
    return data


def _whose(requests: Sequence[PresignRequest]) -> tuple[Address, int]:
    whose = {(request.account, request.network_id) for request in requests}
    if not whose:
        raise PresignError(why="there is no request")
    if len(whose) > 1:
        raise PresignError(why="the requests are of several accounts or networks; sign each alone")
    channels: set[ChannelId] = set()
    for request in requests:
        if request.claim.channel in channels:
            raise PresignError(why=f"channel {request.claim.channel} is in it twice")
        channels.add(request.claim.channel)
    return whose.pop()


def _all_signed(
    requests: Iterable[PresignRequest], key: StoredKey, usual: tuple[Drops, ...]
) -> Iterator[Presigned]:
    for request in requests:
        if not request.tickets:
            why = f"channel {request.claim.channel} has no ticket; make some with TicketCreate"
            raise PresignError(why=why)
        fees = request.fees or usual
        if not fees:
            raise PresignError(why="no fee is named")
        for ticket in sorted(set(request.tickets)):
            yield Presigned(
                account=request.account,
                claim=request.claim,
                target=request.target,
                ticket=ticket,
                signing_key=key.public_key,
                levels=tuple(_signed(request, key, ticket, fee) for fee in sorted(set(fees))),
            )


def _signed(request: PresignRequest, key: StoredKey, ticket: int, fee: Drops) -> Level:
    transaction = presigned_transaction(
        account=request.account,
        claim=request.claim,
        target=request.target,
        fee=fee,
        ticket=ticket,
        network_id=request.network_id,
    )
    try:
        signed = signed_at_once(UnsealedKey(key), transaction)
    except ValueError:
        raise PresignError(
            why=f"a number for channel {request.claim.channel} is too large, or below zero"
        ) from None
    return Level(fee=fee, transaction=signed.transaction, blob=signed.blob)
