"""Several signatures under one transaction: what each signs, and how they are put together. Pure.

Each signer signs bytes of its own: ``SMT`` and a zero, the transaction with an empty
``SigningPubKey`` and without its signatures, and the 20 bytes of the signer's account (rippled
HashPrefix.h, txMultiSign; src/libxrpl/protocol/Sign.cpp, startMultiSigningData and
finishMultiSigningData). So nobody's signature can stand in another one's place.

What it guarantees: what `multisigned` returns the ledger takes, by all that can be told of it
without the ledger: signers that are on the list, each once, in the order of their accounts' bytes
(STTx.cpp, multiSignHelper), every signature verified as strictly as the server does, and with the
weight that the list asks for (Transactor.cpp, checkMultiSign). There are no more of them than that
takes: each costs a base fee (calculateBaseFee).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha512
from itertools import chain, combinations, islice
from typing import Any, Final

from xrpl.core import binarycodec
from xrpl.core.addresscodec import decode_classic_address

from watchtower.judgement.signature import canonical
from watchtower.keys.claim_encoding import claim_to_sign
from watchtower.ledger.events import SignerList
from watchtower.units import Address, TxHash

__all__ = [
    "Cosignature",
    "MultiSigned",
    "enough",
    "most_signatures",
    "multisigned",
    "quorum_of",
    "signers_in",
    "to_multisign",
    "verified",
]

_TO_MULTISIGN: Final = b"SMT\0"
_TO_SIGN: Final = b"STX\0"
_TRANSACTION_ID: Final = b"TXN\0"
_CLAIM: Final = "PaymentChannelClaim"

_MOST_TRIED: Final = 5_000
"""Combinations that are looked at. Nine signers have 511; a list has 32 at most, and of those the
first few thousand are never all refused, since so many refusals are not remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosignature:
    """One signer's signature; key and signature are upper-case hex."""

    account: Address
    public_key: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiSigned:
    """A transaction that several signed, as the servers take it, and its identifying hash."""

    blob: str
    transaction: TxHash
    signers: tuple[Address, ...]


def to_multisign(transaction: Mapping[str, Any], signer: Address) -> bytes:
    """Return what ``signer`` signs of an unsigned ``transaction``.

    Raises:
        ValueError: it is no transaction that can be written.
    """
    fields = {**transaction, "SigningPubKey": ""}
    if fields.get("TransactionType") == _CLAIM:
        body = claim_to_sign(fields)
    else:
        body = bytes.fromhex(binarycodec.encode_for_signing(fields))
    return _TO_MULTISIGN + body.removeprefix(_TO_SIGN) + decode_classic_address(signer)


def verified(transaction: Mapping[str, Any], given: Cosignature) -> Cosignature | None:
    """Return a signature in the one form that the ledger takes; None if it is none."""
    try:
        key, signature = bytes.fromhex(given.public_key), bytes.fromhex(given.signature)
    except ValueError:
        return None
    taken = canonical(key, to_multisign(transaction, given.account), signature)
    if taken is None:
        return None
    return Cosignature(
        account=given.account,
        public_key=key.hex().upper(),
        signature=taken.signature.hex().upper(),
    )


def quorum_of(
    accounts: Iterable[Address],
    signers: SignerList,
    refused: Collection[frozenset[Address]] = (),
) -> tuple[Address, ...] | None:
    """Return as few of ``accounts`` as have the weight that is asked for; None if they have not.

    Of those that are as few, the heaviest. Who is not on the list counts for nothing.

    Args:
        accounts: of whom there is a signature, or could be one.
        signers: the list.
        refused: those whom the ledger did not take together. One signer that it does not take is
            enough for that (rippled Transactor.cpp, checkMultiSign), whoever else signs: so it
            takes nobody together with all of them.
    """
    weights = dict(signers.signers)
    listed = {one for one in accounts if one in weights}
    heaviest_first = sorted(listed, key=lambda one: (-weights[one], one))
    weight = fewest = 0
    while weight < signers.quorum:
        if fewest == len(heaviest_first):
            return None
        weight += weights[heaviest_first[fewest]]
        fewest += 1
    sizes = range(fewest, len(heaviest_first) + 1)
    some = chain.from_iterable(combinations(heaviest_first, size) for size in sizes)
    for picked in islice(some, _MOST_TRIED):
        if sum(weights[one] for one in picked) < signers.quorum:
            continue
        if not any(together.issubset(picked) for together in refused):
            return picked
    return None


def enough(
    given: Iterable[Cosignature],
    signers: SignerList,
    refused: Collection[frozenset[Address]] = (),
) -> tuple[Cosignature, ...] | None:
    """Return as few of ``given`` as have the weight that is asked for; None if all have too little.

    Who is not on the list counts for nothing, and who comes twice counts once. The order in which
    they come decides nothing. Of ``refused`` see `quorum_of`.
    """
    once = {one.account: one for one in sorted(given, key=_text)}
    picked = quorum_of(once, signers, refused)
    return None if picked is None else tuple(once[account] for account in picked)


def most_signatures(accounts: Collection[Address], signers: SignerList) -> int | None:
    """Return how many signatures of ``accounts`` it takes at most; None if all are too few.

    With the lightest of them it takes the most; whoever answers, `enough` picks no more. So many
    of them are always enough, and what is refused together is refused with more of them, too: so it
    picks no more either where some were refused.
    """
    weight = 0
    for count, one in enumerate(sorted(w for a, w in signers.signers if a in accounts), start=1):
        weight += one
        if weight >= signers.quorum:
            return count
    return None


def multisigned(
    transaction: Mapping[str, Any],
    given: Iterable[Cosignature],
    signers: SignerList,
    refused: Collection[frozenset[Address]] = (),
) -> MultiSigned | None:
    """Return ``transaction`` with as many signatures as it takes; None if that is not possible.

    A signature that is none counts for nothing. What is returned was read back from its bytes.
    Of ``refused`` see `quorum_of`.
    """
    good = [one for one in (verified(transaction, each) for each in given) if one is not None]
    picked = enough(good, signers, refused)
    if picked is None:
        return None
    signed = {
        **transaction,
        "SigningPubKey": "",
        "Signers": [
            {
                "Signer": {
                    "Account": one.account,
                    "SigningPubKey": one.public_key,
                    "TxnSignature": one.signature,
                }
            }
            for one in sorted(picked, key=lambda one: decode_classic_address(one.account))
        ],
    }
    blob = binarycodec.encode(signed)
    if binarycodec.decode(blob) != signed:
        return None
    digest = sha512(_TRANSACTION_ID + bytes.fromhex(blob)).digest()[:32]
    return MultiSigned(
        blob=blob,
        transaction=TxHash(digest.hex().upper()),
        signers=tuple(one.account for one in picked),
    )


def signers_in(blob: str) -> dict[Address, str]:
    """Return who signed a transaction of ours together, each with its key in upper-case hex.

    Nobody for one that has one signature.
    """
    signers = [one["Signer"] for one in binarycodec.decode(blob).get("Signers", ())]
    return {Address(one["Account"]): one["SigningPubKey"] for one in signers}


def _text(one: Cosignature) -> tuple[str, str, str]:
    return one.account, one.public_key, one.signature
