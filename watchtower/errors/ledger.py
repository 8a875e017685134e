"""The other side lied, is stale, or out of reach."""

from __future__ import annotations

from watchtower.errors.root import WatchtowerError

__all__ = [
    "AnswerError",
    "DelegationRefusedError",
    "DelegationUnprovenError",
    "HistoryMissingError",
    "LedgerError",
    "RequestRefusedError",
    "RequestTimeoutError",
    "UnreachableError",
    "WrongNetworkError",
]


class LedgerError(WatchtowerError):
    """The other side lied, is stale, or is out of reach."""


class UnreachableError(LedgerError):
    """No configured server answers."""

    exit_code = 30
    template = (
        "No server can be reached ({servers}): {why}. Check the addresses in the configuration "
        "and the network."
    )


class RequestTimeoutError(LedgerError):
    """One server did not answer one request in time."""

    exit_code = 31
    template = "{server} did not answer `{command}` within {seconds:g} s. Another server is asked."


class RequestRefusedError(LedgerError):
    """One server answered a request with an error."""

    exit_code = 32
    template = "{server} refused `{command}`: {error} ({message})."


class HistoryMissingError(LedgerError):
    """No server has all the ledgers that were missed, so events in them may be unknown."""

    exit_code = 33
    template = (
        "No server has ledgers {first} to {last} without holes. Add a server with more history; "
        "open channels are guarded from their present state meanwhile."
    )


class WrongNetworkError(LedgerError):
    """A server serves another network than the others, or than the store is pinned to."""

    exit_code = 34
    template = "{server} serves network {found}, and this watchtower guards network {wanted}."


class AnswerError(LedgerError):
    """An answer that cannot be understood."""

    exit_code = 35
    template = "{server} answered `{command}` with what cannot be understood: {why}."


class DelegationRefusedError(LedgerError):
    """What the ledger would not take was not sent: a permission to claim, or its revocation."""

    exit_code = 36
    template = "Nothing was permitted or taken back: {why}."


class DelegationUnprovenError(LedgerError):
    """A permission was to be given or taken back, and validated ledgers do not show it."""

    exit_code = 37
    template = (
        "{transaction} was sent, and up to ledger {last_ledger}, its last, not all servers show "
        "what it was for ({why}). Run the command again without --submit to see how things stand."
    )
