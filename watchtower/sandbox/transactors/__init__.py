"""One transactor for each transaction type that the sandbox knows; any other is ``temUNKNOWN``."""

from __future__ import annotations

from typing import Final

from watchtower.sandbox.transactors.account import ACCOUNT_SET, DEPOSIT_PREAUTH, SET_REGULAR_KEY
from watchtower.sandbox.transactors.channels import CLAIM, CREATE, FUND
from watchtower.sandbox.transactors.context import Transactor
from watchtower.sandbox.transactors.delegate import DELEGATE_SET
from watchtower.sandbox.transactors.payment import PAYMENT
from watchtower.sandbox.transactors.signer_list import SIGNER_LIST_SET
from watchtower.sandbox.transactors.tickets import TICKET_CREATE

__all__ = ["TRANSACTORS"]

TRANSACTORS: Final[dict[str, Transactor]] = {
    "AccountSet": ACCOUNT_SET,
    "DelegateSet": DELEGATE_SET,
    "DepositPreauth": DEPOSIT_PREAUTH,
    "Payment": PAYMENT,
    "PaymentChannelClaim": CLAIM,
    "PaymentChannelCreate": CREATE,
    "PaymentChannelFund": FUND,
    "SetRegularKey": SET_REGULAR_KEY,
    "SignerListSet": SIGNER_LIST_SET,
    "TicketCreate": TICKET_CREATE,
}
