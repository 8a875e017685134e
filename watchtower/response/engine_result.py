"""What a server's word about a submission asks of us. It never settles anything.

An engine result is one server's opinion at one moment: ``tesSUCCESS`` may pay nothing, and a
refusal may be followed by a payment. So a result only steers the next attempt; what became of
this one is learnt from validated ledgers (``confirm.py``). A code that is not listed is retried
and told to the operator, never fatal.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["Reaction", "reaction_to"]


class Reaction(StrEnum):
    """What to do about a submission's result."""

    WAIT = "wait"  # on its way, or already decided: the ledger will tell
    RESEND = "resend"  # this server, now: send the same again
    RAISE_FEE = "raise fee"  # it will not get in at this fee: replace it on the same seat
    ALARM = "alarm"  # something changed that a person must look at; keep trying


# Families by prefix: tes and tec are provisional; ter is retried by the server itself; tel is
# local to one server; tef and tem speak of the transaction (rippled
# include/xrpl/protocol/TER.h). Codes that differ from their family are listed first.
_BY_CODE: Final = {
    "tefPAST_SEQ": Reaction.WAIT,  # the seat is used: perhaps by this very transaction
    "tefNO_TICKET": Reaction.WAIT,
    "tefALREADY": Reaction.WAIT,
    "tefMAX_LEDGER": Reaction.WAIT,  # final only once a validated ledger at or past it lacks it
    "telINSUF_FEE_P": Reaction.RAISE_FEE,
    "telCAN_NOT_QUEUE": Reaction.RAISE_FEE,
    "telCAN_NOT_QUEUE_FULL": Reaction.RAISE_FEE,
    "telCAN_NOT_QUEUE_FEE": Reaction.RAISE_FEE,
    "telCAN_NOT_QUEUE_BALANCE": Reaction.ALARM,
    "terINSUF_FEE_B": Reaction.ALARM,
    "terNO_ACCOUNT": Reaction.ALARM,
    "terQUEUED": Reaction.WAIT,
    "terPRE_SEQ": Reaction.RESEND,
    "terPRE_TICKET": Reaction.RESEND,
    "tecINSUFF_FEE": Reaction.ALARM,
}
_BY_FAMILY: Final = {
    "tes": Reaction.WAIT,
    "tec": Reaction.WAIT,
    "ter": Reaction.RESEND,
    "tel": Reaction.RESEND,
    "tef": Reaction.ALARM,
    "tem": Reaction.ALARM,
}


def reaction_to(engine_result: str) -> Reaction:
    """Return what ``engine_result`` asks of us; ALARM for a code nobody has heard of."""
    return _BY_CODE.get(engine_result) or _BY_FAMILY.get(engine_result[:3], Reaction.ALARM)
