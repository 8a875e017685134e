"""From a planned step to what is signed for it, and from what was signed to the attempt. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watchtower.response.attempt import Attempt
from watchtower.response.obligation import Obligation
from watchtower.response.plan import Redeem
from watchtower.response.transaction import claim_transaction, close_transaction
from watchtower.units import LedgerIndex, TxHash

__all__ = ["attempt_of", "unsigned"]


def unsigned(step: Redeem, network_id: int) -> Mapping[str, Any]:
    """Return the transaction of a step; ``network_id`` is 0 for mainnet."""
    owed = step.obligation
    if isinstance(owed, Obligation):
        return claim_transaction(
            account=owed.account,
            claim=owed.claim,
            target=owed.target,
            fee=step.fee,
            seat=step.seat,
            last_ledger=step.last_ledger,
            network_id=network_id,
        )
    return close_transaction(
        account=owed.account,
        channel=owed.channel,
        fee=step.fee,
        seat=step.seat,
        last_ledger=step.last_ledger,
        network_id=network_id,
    )


def attempt_of(step: Redeem, *, blob: str, transaction: TxHash, made_in: LedgerIndex) -> Attempt:
    """Return the attempt that a step, planned in ledger ``made_in``, has become when signed.

    ``blob`` is the signed transaction in upper-case hex, ``transaction`` its hash.
    """
    owed = step.obligation
    return Attempt(
        channel=owed.channel,
        account=owed.account,
        seat=step.seat,
        target=owed.target,
        balance_before=owed.balance,
        fee=step.fee,
        last_ledger=step.last_ledger,
        made_in=made_in,
        transaction=transaction,
        blob=blob,
        purpose=owed.purpose,
        fee_units=step.way.fee_units,
        fee_payer=step.way.fee_payer,
        by=step.way.by,
    )
