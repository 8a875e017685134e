"""All that one server does wrong for the time being, as a value, and how such a value is read.

Guarantees that nothing is taken over by halves: a member that is unknown, of another type or out
of range leaves everything as it was, and is told in one sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

__all__ = ["MEMBERS", "Kind", "Misbehaviour", "SubmissionLie", "changed"]

Kind: TypeAlias = Literal["response", "ledgerClosed", "transaction"]
"""What a message to a client is: an answer, or of which stream."""

_About: TypeAlias = Literal[
    "account_channels",
    "account_info",
    "account_objects",
    "account_tx",
    "channel_verify",
    "fee",
    "ledger",
    "ledgerClosed",
    "ledger_accept",
    "ledger_closed",
    "ledger_current",
    "ledger_entry",
    "ping",
    "server_info",
    "server_state",
    "simulate",
    "submit",
    "submit_multisigned",
    "subscribe",
    "transaction",
    "tx",
    "unsubscribe",
    "version",
]
"""What can be lied about: a command's result, or a stream's messages."""

_DAY: Final = 86_400
_MOST_SUBMISSIONS: Final = 1_000_000
_MOST_LEDGERS: Final = 2**32 - 1

_Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Seconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=_DAY)]
_Path: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]


class SubmissionLie(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is done with the next ``count`` submissions.

    ``answer`` is the engine result they are told, which may be one that no server has, or None for
    no answer at all; ``apply`` whether the transaction is submitted nevertheless.
    """

    count: Annotated[int, msgspec.Meta(ge=0, le=_MOST_SUBMISSIONS)]
    answer: Annotated[str, msgspec.Meta(min_length=1)] | None
    apply: bool = False


class Misbehaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a server does wrong; the defaults are a server that behaves.

    Attributes:
        lag: seconds that each message to a client comes late; their order stays.
        drop: share of messages that are lost.
        duplicate: share of messages that come twice.
        reorder: share of messages that come after the one that follows them.
        only: the kinds of messages that are dropped, duplicated and reordered.
        hang: neither reads nor answers nor tells; for so many seconds, or until told otherwise.
        refuse_connections: takes no new clients.
        behind: how many ledgers it is behind the network.
        stuck: stays at the ledger that it is at.
        network_id: says that it is of this network; None says the truth.
        amendment_blocked: is too old for the network's amendments.
        lies: by command or kind of message, what stands at a dotted path of the result or message
            in place of the truth; None takes the member away.
        submissions: what is done with the next submissions.
    """

    lag: _Seconds = 0.0
    drop: _Share = 0.0
    duplicate: _Share = 0.0
    reorder: _Share = 0.0
    only: frozenset[Kind] = frozenset({"response", "ledgerClosed", "transaction"})
    hang: bool | _Seconds = False
    refuse_connections: bool = False
    behind: Annotated[int, msgspec.Meta(ge=0, le=_MOST_LEDGERS)] = 0
    stuck: bool = False
    network_id: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] | None = None
    amendment_blocked: bool = False
    lies: dict[_About, dict[_Path, Any]] = {}
    submissions: SubmissionLie | None = None

    def lies_about(self, subject: str) -> Mapping[str, Any]:
        """Return the lies, by dotted path, about a command's results or a kind of message."""
        return next((lies for about, lies in self.lies.items() if about == subject), {})

    def told(self) -> dict[str, Any]:
        """Return the members as JSON has them."""
        members: dict[str, Any] = msgspec.to_builtins(self)
        return {**members, "only": sorted(self.only)}


MEMBERS: Final = frozenset(Misbehaviour.__struct_fields__)
"""The names of the members."""


def changed(now: Misbehaviour, members: Mapping[str, Any]) -> Misbehaviour:
    """Return ``now`` with some members changed.

    Args:
        now: what holds.
        members: the new values by name, as JSON has them.

    Raises:
        ValueError: one is unknown, of another type or out of range; in words for people.
    """
    try:
        return msgspec.convert({**now.told(), **members}, Misbehaviour)
    except msgspec.ValidationError as error:
        raise ValueError(f"{error}.") from error
