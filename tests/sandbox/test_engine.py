"""What every transaction is asked, whatever its type."""

from __future__ import annotations

import pytest

from watchtower.sandbox.engine import preflight
from watchtower.sandbox.people import Person
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.transaction import parse_json

_SENDER = Person.named("a sender")


@pytest.mark.parametrize(
    ("network", "named", "result"),
    [
        (0, None, "tesSUCCESS"),
        (1024, None, "tesSUCCESS"),
        (1024, 1024, "telNETWORK_ID_MAKES_TX_NON_CANONICAL"),
        (1025, None, "telREQUIRES_NETWORK_ID"),
        (1025, 1026, "telWRONG_NETWORK"),
        (1025, 1025, "tesSUCCESS"),
    ],
)
def test_which_networks_transactions_name_theirs(
    network: int, named: int | None, result: str
) -> None:
    """The old ones forbid it, the others ask for it."""
    fields = {"TransactionType": "AccountSet", "Account": _SENDER.address, "Fee": "10"}
    name = {} if named is None else {"NetworkID": named}
    tx = parse_json(_SENDER.sign_transaction({**fields, **name, "Sequence": 1}))

    assert preflight(tx, Rules(network_id=network)) == result
