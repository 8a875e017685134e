"""The file in which a payee hands over what it signed ahead of need: strictly read, and verified.

What it guarantees: every transaction in a bundle that `read_bundle` returns is, byte for byte, the
one redeeming claim that the bundle says it is, on the ticket and at the fee that it says, signed
by the key that it names, with a claim that the ledger takes. Nothing else can hide in it: no
flag, no last ledger, no other transaction. The file has one form only, so that a byte that was
changed anywhere is noticed. Whether the tower has use for it is for ``acceptance.py`` to say.

docs/presigned.md has the format. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha512
from itertools import groupby, pairwise
from typing import Any, Final

import msgspec

from watchtower.errors import BundleError, InputError
from watchtower.judgement.claim import Claim, Refused, verify
from watchtower.judgement.signature import canonical
from watchtower.keys.claim_encoding import claim_to_sign, decode_claim
from watchtower.response.bundle import Level, Presigned
from watchtower.response.fees import replacement_fee
from watchtower.response.transaction import presigned_transaction
from watchtower.units import (
    MAX_DROPS,
    Address,
    ChannelId,
    Drops,
    TxHash,
    parse_address,
    parse_channel_id,
)

__all__ = ["MOST_BYTES", "MOST_LEVELS", "MOST_TICKETS", "Bundle", "read_bundle", "write_bundle"]

VERSION: Final = 1

MOST_BYTES: Final = 8_000_000
"""Bytes of a bundle: some ten thousand transactions."""

MOST_TICKETS: Final = 8
"""Tickets that one claim may be signed for."""

MOST_LEVELS: Final = 8
"""Fees at which one claim may be signed for one ticket."""

_LARGEST_NUMBER: Final = 2**32 - 1
_KEY: Final = re.compile(r"(?:02|03|ED)[0-9A-F]{64}\Z", re.ASCII)
_DROPS: Final = re.compile(r"[1-9][0-9]{0,17}\Z", re.ASCII)
_SIGNED: Final = re.compile(r"(?:[0-9A-F]{2}){1,72}\Z", re.ASCII)
_BLOB: Final = re.compile(r"(?:[0-9A-F]{2}){1,512}\Z", re.ASCII)
_TRANSACTION_ID: Final = b"TXN\0"  # rippled HashPrefix.h:37, transactionID
_FLAGS: Final = "Flags"
_TF_CLOSE: Final = 0x00020000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What one account signed ahead, for one network, with one key (upper-case hexadecimal)."""

    network_id: int
    account: Address
    signing_key: str
    presigned: tuple[Presigned, ...]


class _Transaction(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    ticket: int
    fee: str
    blob: str


class _Entry(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    channel: str
    amount: str
    balance: str
    signature: str
    public_key: str
    transactions: tuple[_Transaction, ...]


class _Document(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    bundle: int
    network_id: int
    account: str
    signing_key: str
    claims: tuple[_Entry, ...]


_DECODER: Final = msgspec.json.Decoder(_Document, strict=True)


def write_bundle(bundle: Bundle) -> bytes:
    """Return a bundle as the bytes of its file."""
    by_channel = groupby(bundle.presigned, key=lambda each: each.channel)
    document = _Document(
        bundle=VERSION,
        network_id=bundle.network_id,
        account=bundle.account,
        signing_key=bundle.signing_key,
        claims=tuple(_entry(tuple(of_channel)) for _, of_channel in by_channel),
    )
    return _written(document)


def _entry(presigned: Sequence[Presigned]) -> _Entry:
    first = presigned[0]
    return _Entry(
        channel=first.channel,
        amount=str(first.claim.amount),
        balance=str(first.target),
        signature=first.claim.signature,
        public_key=first.claim.public_key,
        transactions=tuple(
            _Transaction(ticket=each.ticket, fee=str(level.fee), blob=level.blob)
            for each in presigned
            for level in each.levels
        ),
    )


def _written(document: _Document) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def read_bundle(data: bytes) -> Bundle:
    """Return the bundle that a file holds, every transaction in it verified.

    Raises:
        BundleError: it is no bundle, or anything in it is not what it says; nothing of it is
            to be used.
    """
    if len(data) > MOST_BYTES:
        raise BundleError(why=f"it has more than {MOST_BYTES} bytes")
    try:
        document = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as wrong:
        raise BundleError(why=f"it is no bundle ({wrong})") from None
    if document.bundle != VERSION:
        raise BundleError(why=f"it is of version {document.bundle}, and {VERSION} is known here")
    # One form only: no key twice, no byte between the lines that means nothing.
    if _written(document) != data:
        raise BundleError(why="it is not byte for byte as `watchtower presign` writes it")
    if not 0 <= document.network_id <= _LARGEST_NUMBER:
        raise BundleError(why="its network is not a number of 32 bits")
    if not _KEY.match(document.signing_key):
        raise BundleError(why="its signing key is not a public key in upper-case hexadecimal")
    if not document.claims:
        raise BundleError(why="it holds no claim")
    _refuse_twice(document)
    account = _account(document)
    return Bundle(
        network_id=document.network_id,
        account=account,
        signing_key=document.signing_key,
        presigned=tuple(
            presigned for entry in document.claims for presigned in _presigned(document, entry)
        ),
    )


def _account(document: _Document) -> Address:
    try:
        return parse_address(document.account)
    except InputError as wrong:
        raise BundleError(why=str(wrong).rstrip(".")) from None


def _refuse_twice(document: _Document) -> None:
    """Refuse a channel that stands there twice, and a ticket that is to pay two channels."""
    channels: set[str] = set()
    tickets: dict[int, str] = {}
    for entry in document.claims:
        if entry.channel in channels:
            raise BundleError(why=f"channel {entry.channel} is in it twice")
        channels.add(entry.channel)
        for ticket in {transaction.ticket for transaction in entry.transactions}:
            if ticket in tickets:
                why = f"ticket {ticket} is to pay both {tickets[ticket]} and {entry.channel}"
                raise BundleError(why=why)
            tickets[ticket] = entry.channel


def _presigned(document: _Document, entry: _Entry) -> Iterator[Presigned]:
    """Yield one claim, once for each ticket that it was signed for."""
    claim, target = _claim(entry), _drops(entry.balance, f"the balance of {entry.channel}")
    if target > claim.amount:
        why = f"for channel {claim.channel} it asks for more than the claim allows"
        raise BundleError(why=why)
    transactions = entry.transactions
    if not transactions:
        raise BundleError(why=f"it holds no transaction for channel {claim.channel}")
    in_order = sorted(transactions, key=lambda each: each.ticket)
    if list(transactions) != in_order:
        raise BundleError(why=f"the tickets of channel {claim.channel} are not in order")
    tickets = [(n, tuple(group)) for n, group in groupby(transactions, key=lambda t: t.ticket)]
    if len(tickets) > MOST_TICKETS:
        why = f"channel {claim.channel} has more than {MOST_TICKETS} tickets"
        raise BundleError(why=why)
    for ticket, group in tickets:
        yield _of_ticket(document, claim, target, ticket, group)


def _of_ticket(
    document: _Document, claim: Claim, target: Drops, ticket: int, group: Sequence[_Transaction]
) -> Presigned:
    if not 0 < ticket <= _LARGEST_NUMBER:
        raise BundleError(why=f"{ticket} is no number of a ticket")
    where = f"on ticket {ticket} of channel {claim.channel}"
    if len(group) > MOST_LEVELS:
        raise BundleError(why=f"there are more than {MOST_LEVELS} fees {where}")
    fees = [_drops(transaction.fee, f"a fee {where}") for transaction in group]
    for before, after in pairwise(fees):
        if after < replacement_fee(before):
            why = (
                f"the fees {where} do not ascend as they have to: {after} drops do not replace "
                f"{before}, {replacement_fee(before)} would"
            )
            raise BundleError(why=why)
    account = Address(document.account)
    levels = []
    for fee, transaction in zip(fees, group, strict=True):
        unsigned = presigned_transaction(
            account=account,
            claim=claim,
            target=target,
            fee=fee,
            ticket=ticket,
            network_id=document.network_id,
        )
        expected = {**unsigned, "SigningPubKey": document.signing_key}
        where_exactly = f"the transaction for {fee} drops {where}"
        levels.append(_level(fee, transaction.blob, expected, where_exactly))
    return Presigned(
        account=account,
        claim=claim,
        target=target,
        ticket=ticket,
        signing_key=document.signing_key,
        levels=tuple(levels),
    )


def _level(fee: Drops, blob: str, expected: Mapping[str, Any], where: str) -> Level:
    """Return one transaction, of which nothing is believed that its bytes do not say."""
    if not _BLOB.match(blob):
        raise BundleError(why=f"{where} is not the upper-case hexadecimal that it has to be")
    data = bytes.fromhex(blob)
    try:
        fields = decode_claim(data)
    except ValueError:
        why = f"{where} is no plain PaymentChannelClaim: it is of another type, or has other fields"
        raise BundleError(why=why) from None
    if other := _why_other(fields, expected):
        raise BundleError(why=f"{where} {other}")
    key, signature = expected["SigningPubKey"], bytes.fromhex(fields["TxnSignature"])
    taken = canonical(bytes.fromhex(key), claim_to_sign(fields), signature)
    if taken is None or taken.rescued:
        raise BundleError(why=f"{where} was not signed by {key}")
    digest = sha512(_TRANSACTION_ID + data).digest()[:32].hex().upper()
    return Level(fee=fee, transaction=TxHash(digest), blob=blob)


def _why_other(fields: Mapping[str, Any], expected: Mapping[str, Any]) -> str | None:
    """Return what a transaction has that it should not have, or has not; None if it is right."""
    if fields.get(_FLAGS, 0) & _TF_CLOSE:
        return "has tfClose, which would close the channel and give back what is unclaimed"
    wanted = {*expected, "TxnSignature"}
    if surplus := sorted(fields.keys() - wanted):
        return f"has the field {', '.join(surplus)}, which none that is signed ahead has"
    if missing := sorted(wanted - fields.keys()):
        return f"has no {', '.join(missing)}"
    if other := sorted(name for name, value in expected.items() if fields[name] != value):
        return f"has another {', '.join(other)} than the bundle says"
    return None


def _claim(entry: _Entry) -> Claim:
    try:
        channel = parse_channel_id(entry.channel)
    except InputError as wrong:
        raise BundleError(why=str(wrong).rstrip(".")) from None
    if not _KEY.match(entry.public_key) or not _SIGNED.match(entry.signature):
        why = f"the claim on {channel} has no key and signature in upper-case hexadecimal"
        raise BundleError(why=why)
    claim = Claim(
        channel=ChannelId(entry.channel),
        amount=_drops(entry.amount, f"the amount of {channel}"),
        public_key=entry.public_key,
        signature=entry.signature,
    )
    checked = verify(claim)
    if isinstance(checked, Refused):
        raise BundleError(why=f"the ledger would not take the claim: {checked.why.sentence}")
    if checked.claim != claim:
        raise BundleError(why=f"the claim on {channel} is not in the form that the ledger takes")
    return claim


def _drops(text: str, what: str) -> Drops:
    if not _DROPS.match(text) or int(text) > MAX_DROPS:
        raise BundleError(why=f"{what} is not drops above zero")
    return Drops(int(text))
