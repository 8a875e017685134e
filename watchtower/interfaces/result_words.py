"""What a server's result codes mean for a claim, in words.

The meanings are those of rippled (include/xrpl/protocol/TER.h, and for channels
PaymentChannelClaim.cpp and PaymentChannelFund.cpp), told for who redeems or closes a channel. A
code that is not here is told by its family.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["codes_in", "meaning_of"]

_CODE: Final = re.compile(r"\b(?:tes|tec|ter|tel|tef|tem)[A-Z][A-Z0-9_]+\b")

_FAMILIES: Final = {
    "tes": "it was applied; whether it paid is told by the channel's balance alone",
    "tec": "it is in a ledger and has cost its fee, and did nothing else",
    "ter": "it may get in later; servers try it again by themselves",
    "tel": "this one server does not pass it on now; others may",
    "tef": "it cannot get in as it is, by what stands in the ledger",
    "tem": "it is malformed and can never get in",
}

_MEANINGS: Final = {
    "tesSUCCESS": (
        "it was applied. A claim that comes after the channel has expired ends with this, too, "
        "and pays nothing: the balance alone tells"
    ),
    "tecNO_DST": "the account that is to be paid is not in the ledger",
    "tecNO_ENTRY": "the channel is not in the ledger any more",
    "tecNO_TARGET": "there is no such channel in the ledger",
    # Since fixCleanup3_2_0 also where the signature was taken out of it on its way, or is another
    # key's (PaymentChannelClaim.cpp:137, 146).
    "tecNO_PERMISSION": (
        "who sent it may not do that with this channel, or the claim in it lacks its signature"
    ),
    "tecUNFUNDED_PAYMENT": (
        "the claim is above all that was put into the channel, or not above what it has paid"
    ),
    "tecINSUFF_FEE": "who sent it had less than the fee",
    "tecNO_DELEGATE_PERMISSION": "the payee has not permitted the tower's account to claim for it",
    "tecDST_TAG_NEEDED": "the account that is to be paid asks for a destination tag",
    "tecINSUFFICIENT_RESERVE": "the account has too little above its reserve",
    "terQUEUED": "it waits in the queue for a ledger that takes it at its fee",
    "terPRE_SEQ": "a transaction of the account before it is still missing",
    "terPRE_TICKET": "its ticket is not in the ledger yet",
    "terINSUF_FEE_B": "the account that pays the fee has less than the fee",
    "terNO_ACCOUNT": "the account is not in the ledger, or not funded",
    "terNO_DELEGATE_PERMISSION": "the payee has not permitted the tower's account to claim for it",
    "tefPAST_SEQ": "its sequence is used already, by itself or by another transaction",
    "tefNO_TICKET": "its ticket is used already, by itself or by another transaction",
    "tefALREADY": "the server has it already",
    "tefMAX_LEDGER": "the last ledger that it is good for has passed",
    "tefBAD_AUTH": "the key that signed it does not sign for the account",
    "tefBAD_AUTH_MASTER": "the key that signed it does not sign for the account",
    "tefMASTER_DISABLED": "it was signed with a master key, and the account has disabled it",
    "tefBAD_SIGNATURE": "one of those who signed it together does not sign for the account",
    "tefBAD_QUORUM": "those who signed it together weigh less than the account's list asks for",
    "tefNOT_MULTI_SIGNING": "the account has no signer list",
    "telINSUF_FEE_P": "its fee is below what the server asks for under load",
    "telCAN_NOT_QUEUE": "its fee is too low for the open ledger, and the queue does not take it",
    "telCAN_NOT_QUEUE_FULL": "its fee is too low for the open ledger, and the queue is full",
    "telCAN_NOT_QUEUE_FEE": "its fee is too low to replace what waits on the same seat",
    "telCAN_NOT_QUEUE_BLOCKS": "a key change waits before it in the queue",
    "telCAN_NOT_QUEUE_BLOCKED": "a key change waits before it in the queue",
    "telCAN_NOT_QUEUE_BALANCE": "what waits for the account could cost more than it has",
    "telWRONG_NETWORK": "it was signed for another network",
    "telREQUIRES_NETWORK_ID": "it lacks the id of the network",
    "telNETWORK_ID_MAKES_TX_NON_CANONICAL": "it names a network, and must not on this one",
    "temBAD_SIGNATURE": "its claim is not signed by the channel's key",
    "temBAD_SIGNER": "the claim's key is not the channel's",
}


def meaning_of(code: str) -> str:
    """Return what a result code means; of one that nobody has heard of, that it is unknown."""
    unknown = "a code that this version does not know"
    return _MEANINGS.get(code) or _FAMILIES.get(code[:3], unknown)


def codes_in(texts: Iterable[str]) -> list[str]:
    """Return the result codes that texts name, each once, in their order."""
    return list(dict.fromkeys(code for text in texts for code in _CODE.findall(text)))
