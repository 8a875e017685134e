"""What a server's word about a submission asks of us. It never settles anything about money.

An engine result is one server's opinion at one moment: ``tesSUCCESS`` may pay nothing, and a
refusal may be followed by a payment. So a result only steers the next attempt; what became of
this one is learnt from validated ledgers (``confirm.py``). A code that is not listed is retried
and told to the operator, never fatal.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["Reaction", "is_final_refusal", "is_of_signer", "reaction_to"]


class Reaction(StrEnum):
    """What to do about a submission's result."""

    WAIT = "wait"  # on its way: the ledger will tell
    QUEUED = "queued"  # on its way through the queue, at a price that the ledger may never take
    SETTLED = "settled"  # its seat is used, by itself or by another: the ledger tells by which
    RETRY = "retry"  # something before it is missing, or this server cannot now: send it again
    REPLAN = "replan"  # it will not get in at this fee: replace it on the same seat
    ALARM = "alarm"  # something changed that a person must look at; it is sent again all the same


# Families by prefix: tes and tec are provisional; ter is retried by the server itself; tel is
# local to one server; tef and tem speak of the transaction (rippled
# include/xrpl/protocol/TER.h). Codes that differ from their family are listed first.
_BY_CODE: Final = {
    "terQUEUED": Reaction.QUEUED,
    "tefPAST_SEQ": Reaction.SETTLED,
    "tefNO_TICKET": Reaction.SETTLED,
    "tefALREADY": Reaction.WAIT,
    "tefMAX_LEDGER": Reaction.WAIT,  # final only once a validated ledger at or past it lacks it
    "telINSUF_FEE_P": Reaction.REPLAN,
    "telCAN_NOT_QUEUE": Reaction.REPLAN,
    "telCAN_NOT_QUEUE_FULL": Reaction.REPLAN,
    "telCAN_NOT_QUEUE_FEE": Reaction.REPLAN,
    # A key change waits in the queue before or behind it; the ledger's own price goes past it.
    "telCAN_NOT_QUEUE_BLOCKS": Reaction.REPLAN,
    "telCAN_NOT_QUEUE_BLOCKED": Reaction.REPLAN,
    # What needs a person: money, the account, keys, permission, the network.
    "telCAN_NOT_QUEUE_BALANCE": Reaction.ALARM,
    "telNETWORK_ID_MAKES_TX_NON_CANONICAL": Reaction.ALARM,
    "telREQUIRES_NETWORK_ID": Reaction.ALARM,
    "telWRONG_NETWORK": Reaction.ALARM,
    "terINSUF_FEE_B": Reaction.ALARM,
    "terNO_ACCOUNT": Reaction.ALARM,
    "terNO_DELEGATE_PERMISSION": Reaction.ALARM,
    "tecINSUFF_FEE": Reaction.ALARM,
    "tecNO_DELEGATE_PERMISSION": Reaction.ALARM,
}
_BY_FAMILY: Final = {
    "tes": Reaction.WAIT,
    "tec": Reaction.WAIT,
    "ter": Reaction.RETRY,
    "tel": Reaction.RETRY,
    "tef": Reaction.ALARM,
    "tem": Reaction.ALARM,
}


_OF_SIGNER: Final = frozenset(
    {
        # rippled Transactor.cpp: checkSingleSign, checkMultiSign, checkPermission, checkFee.
        "tefBAD_AUTH",
        "tefBAD_AUTH_MASTER",
        "tefMASTER_DISABLED",
        "tefNOT_MULTI_SIGNING",
        "tefBAD_QUORUM",
        "tefBAD_SIGNATURE",
        "terNO_DELEGATE_PERMISSION",
        "terINSUF_FEE_B",
    }
)


def is_of_signer(engine_result: str) -> bool:
    """Say whether a result is about who signed, or who pays: by another right it might get in."""
    return engine_result in _OF_SIGNER


def reaction_to(engine_result: str) -> Reaction:
    """Return what ``engine_result`` asks of us; ALARM for a code nobody has heard of."""
    return _BY_CODE.get(engine_result) or _BY_FAMILY.get(engine_result[:3], Reaction.ALARM)


def is_final_refusal(engine_result: str) -> bool:
    """Say whether a result says that these very bytes can never be in a ledger.

    A server that says so of what a validated ledger then has is wrong, or lies. Other refusals
    may be true when they are given (rippled include/xrpl/protocol/TER.h, temMALFORMED: the
    transaction is malformed, whatever the state of the ledger).
    """
    return engine_result.startswith("tem")
