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
    "to_multisign",
    "verified",
]

_TO_MULTISIGN: Final = b"SMT\0"
_TO_SIGN: Final = b"STX\0"
_TRANSACTION_ID: Final = b"TXN\0"
_CLAIM: Final = "PaymentChannelClaim"


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


def enough(given: Iterable[Cosignature], signers: SignerList) -> tuple[Cosignature, ...] | None:
    """Return as few of ``given`` as have the weight that is asked for; None if all have too little.

    Who is not on the list counts for nothing, and who comes twice counts once. The order in which
    they come decides nothing.
    """
    weights = dict(signers.signers)
    once = {one.account: one for one in sorted(given, key=_text) if one.account in weights}
    heaviest_first = sorted(once.values(), key=lambda one: (-weights[one.account], one.account))
    picked: list[Cosignature] = []
    weight = 0
    for one in heaviest_first:
        if weight >= signers.quorum:
            break
        picked.append(one)
        weight += weights[one.account]
    return tuple(picked) if weight >= signers.quorum else None


def most_signatures(accounts: Collection[Address], signers: SignerList) -> int | None:
    """Return how many signatures of ``accounts`` it takes at most; None if all are too few.

    With the lightest of them it takes the most; whoever answers, `enough` picks no more.
    """
    weight = 0
    for count, one in enumerate(sorted(w for a, w in signers.signers if a in accounts), start=1):
        weight += one
        if weight >= signers.quorum:
            return count
    return None


def multisigned(
    transaction: Mapping[str, Any], given: Iterable[Cosignature], signers: SignerList
) -> MultiSigned | None:
    """Return ``transaction`` with as many signatures as it takes; None if that is not possible.

    A signature that is none counts for nothing. What is returned was read back from its bytes.
    """
    good = [one for one in (verified(transaction, each) for each in given) if one is not None]
    picked = enough(good, signers)
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
    return MultiSigned(blob=blob, transaction=TxHash(digest.hex().upper()))


def _text(one: Cosignature) -> tuple[str, str, str]:
    return one.account, one.public_key, one.signature
