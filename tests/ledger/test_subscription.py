"""Long lists of accounts are split, and the ledger stream is asked for last."""

from __future__ import annotations

import json

import pytest

from watchtower.ledger.subscription import ACCOUNTS_A_REQUEST, subscriptions
from watchtower.units import Address


@pytest.mark.parametrize("count", [0, 1, ACCOUNTS_A_REQUEST, ACCOUNTS_A_REQUEST + 1, 12_000])
def test_every_account_is_asked_for_once_in_requests_of_bounded_size(count: int) -> None:
    """No request comes near the size that a server leaves unanswered."""
    accounts = {Address(f"r{number:033}") for number in range(count)}
    requests = list(subscriptions(accounts))

    asked = [account for request in requests for account in request.get("accounts", ())]
    assert len(asked) == count
    assert set(asked) == accounts
    assert all(len(json.dumps(request)) < 250_000 for request in requests)
    assert [request.get("streams") for request in requests[:-1]] == [None] * (len(requests) - 1)
    assert requests[-1]["streams"] == ["ledger"]
