"""The requests that subscribe one connection to ledgers and watched accounts. Pure.

A server takes no request above 1,000,000 bytes and does not even answer one
(docs/ledger-rules.md, Servers), so long lists are split far below that. The ``ledger`` stream is
asked for last: when the answer to it is there, every account's subscription stands, and any
ledger announced afterwards is seen whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any, Final

from watchtower.units import Address

__all__ = ["ACCOUNTS_A_REQUEST", "subscriptions"]

ACCOUNTS_A_REQUEST: Final = 5_000
"""Addresses in one request: at most 38 bytes each, so below 200,000 bytes."""


def subscriptions(accounts: Collection[Address]) -> Iterator[dict[str, Any]]:
    """Return the parameters of each ``subscribe`` request, in the order in which to send them."""
    rest = iter(sorted(accounts))
    part = list(islice(rest, ACCOUNTS_A_REQUEST))
    while following := list(islice(rest, ACCOUNTS_A_REQUEST)):
        yield {"accounts": part}
        part = following
    last: dict[str, Any] = {"streams": ["ledger"]}
    if part:
        last["accounts"] = part
    yield last
