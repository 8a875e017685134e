"""A person who signs what a tower asks for, apart from any store and any server.

What it guarantees: what is signed was judged as a co-signing tower judges it, as far as that can be
told from the request itself: the claim in it proves what the payer owes. What cannot be told is
said by whoever shows the request to the person: whether a better claim exists, and whether the
channel holds what the request says.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from watchtower.errors import CosignFormatError, SigningRefusedError
from watchtower.keys.cosign_messages import PersonalAnswer, PersonalRequest
from watchtower.keys.cosigning import CosignPolicy, DayCosigned, Known, why_not_cosign
from watchtower.keys.multisign import Cosignature, to_multisign, verified
from watchtower.keys.stored_key import UnsealedKey
from watchtower.keys.vault import Algorithm, key_of_seed
from watchtower.ledger.events import ChannelEntry
from watchtower.units import Address, ChannelId, Drops, parse_address

__all__ = ["judged", "read_answer", "read_request", "signed"]

_MOST_BYTES: Final = 1 << 16
_IDENTITY: Final = re.compile(r"[0-9a-f]{16}\Z", re.ASCII)

_REQUEST: Final = msgspec.json.Decoder(PersonalRequest, strict=True)
_ANSWER: Final = msgspec.json.Decoder(PersonalAnswer, strict=True)


def read_request(line: bytes) -> PersonalRequest:
    """Return the request that one line of JSON spells.

    Raises:
        CosignFormatError: it spells none.
        AddressError: who is asked is no address.
    """
    try:
        request = _REQUEST.decode(_bounded(line))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as wrong:
        raise CosignFormatError(why=f"it is no request ({wrong})") from None
    # All of it may be shown on a terminal, which does more than show what it is given.
    if not _IDENTITY.match(request.identity):
        raise CosignFormatError(why="it is no request (its name is none)")
    for account in request.signers:
        parse_address(account)
    return request


def read_answer(line: bytes) -> PersonalAnswer:
    """Return the answer that one line of JSON spells.

    Raises:
        CosignFormatError: it spells none.
    """
    try:
        return _ANSWER.decode(_bounded(line))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as wrong:
        raise CosignFormatError(why=f"it is no answer ({wrong})") from None


def judged(request: PersonalRequest, *, payee: Address | None, fee_cap: Drops) -> ChannelEntry:
    """Return the channel that a request is about, if it may be signed.

    Args:
        request: as it was read.
        payee: for whom the person signs; None for whom the request names.
        fee_cap: the most drops that it may cost.

    Raises:
        SigningRefusedError: it may not be signed; the sentence says why.
        AddressError: an account in it is no address.
    """
    fields = request.transaction
    account, channel = fields.get("Account"), fields.get("Channel")
    network = fields.get("NetworkID")
    if not isinstance(account, str) or not isinstance(channel, str):
        raise SigningRefusedError(why="the transaction names no account or no channel")
    if payee is not None and account != payee:
        other = (
            f"it redeems for {parse_address(account)}, and not for {payee}, whom `--payee` names"
        )
        raise SigningRefusedError(why=other)
    told = request.channel
    entry = ChannelEntry(
        channel=ChannelId(channel),
        source=parse_address(told.source),
        destination=parse_address(told.destination),
        amount=Drops(told.amount),
        balance=Drops(told.balance),
        public_key=told.public_key,
        settle_delay=0,
    )
    policy = CosignPolicy(
        payees=(parse_address(account),),
        fee_cap=fee_cap,
        daily_cap=fee_cap,
        most_ledgers=0,
        network_id=network if isinstance(network, int) else 0,
    )
    why = why_not_cosign(fields, Known(entry=entry), policy, now=None, day=DayCosigned())
    if why is not None:
        raise SigningRefusedError(why=why)
    return entry


async def signed(
    request: PersonalRequest,
    seed: str,
    *,
    account: Address | None,
    algorithm: Algorithm | None = None,
) -> PersonalAnswer:
    """Return the answer to a request that was judged, with the signature of a family seed's key.

    Args:
        request: as it was judged.
        seed: of the person's key; it goes nowhere.
        account: who the person is in the signer list; None where there is but one.
        algorithm: for an ``s…`` seed that is not secp256k1.

    Raises:
        SigningRefusedError: nobody of that account is asked.
        SeedError: it is no family seed.
    """
    asked = request.signers
    if account is None and len(asked) == 1:
        account = Address(asked[0])
    if account is None or account not in asked:
        why = f"the request asks for {' or '.join(asked) or 'nobody'}; say who of them you are"
        raise SigningRefusedError(why=why)
    key = UnsealedKey(key_of_seed(account, seed, algorithm))
    signature = await key.sign(to_multisign(request.transaction, account))
    one = Cosignature(
        account=account,
        public_key=key.public_key,
        signature=signature.hex().upper(),
    )
    if verified(request.transaction, one) != one:
        raise SigningRefusedError(why="the signature does not verify")
    return PersonalAnswer(
        identity=request.identity,
        account=account,
        public_key=key.public_key,
        signature=one.signature,
    )


def _bounded(line: bytes) -> bytes:
    if len(line) > _MOST_BYTES:
        raise CosignFormatError(why=f"it is longer than {_MOST_BYTES} bytes")
    return line
