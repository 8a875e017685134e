"""How our view of the ledger is: what is wrong with the servers, each said once when it begins.

``alerts/`` reads these; nothing in here is more than a fact. Each trouble has an end: the
``ServerRecovered`` of the same server, or ``HistoryRecovered``. ``StateReconciled`` is the good
news among them. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from watchtower.units import LedgerIndex

__all__ = [
    "HealthEvent",
    "HistoryMissing",
    "HistoryRecovered",
    "MessageRejected",
    "ServerAhead",
    "ServerAmendmentBlocked",
    "ServerLagging",
    "ServerRecovered",
    "ServerSilent",
    "ServerUnconfirmed",
    "ServerUnreachable",
    "ServersDisagreed",
    "StateReconciled",
    "Trouble",
    "WrongNetworkServed",
]


class Trouble(StrEnum):
    """What a server recovered from."""

    UNREACHABLE = "unreachable"
    SILENT = "silent"
    LAGGING = "lagging"
    AMENDMENT_BLOCKED = "amendment_blocked"
    WRONG_NETWORK = "wrong_network"
    DISAGREEING = "disagreeing"
    AHEAD = "ahead"
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUnreachable:
    """There is no connection to ``server``; it is tried again for as long as we run."""

    server: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSilent:
    """``server`` announced no new ledger for ``seconds`` although its connection stands.

    The connection is given up and made anew: streams of a living server can stop without a word
    (rippled issue 3180).
    """

    server: str
    seconds: float
    ledger_index: LedgerIndex | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLagging:
    """``server`` is at ``ledger_index`` while ``best`` is known to be validated."""

    server: str
    ledger_index: LedgerIndex
    best: LedgerIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAhead:
    """``server`` tells of ledger ``ledger_index``, far beyond ``best``, which others tell of.

    It is wrong or lies; ledgers that nobody else tells of do not count.
    """

    server: str
    ledger_index: LedgerIndex
    best: LedgerIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUnconfirmed:
    """``server`` is believed about ``ledger_index``, which the others deny or never tell of.

    No channel is taken to be over by its word alone.
    """

    server: str
    ledger_index: LedgerIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAmendmentBlocked:
    """``server`` is too old for the rules of its network (warning 1002): distrust its ledgers."""

    server: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongNetworkServed:
    """``server`` serves network ``found`` and is not used; we guard ``wanted``."""

    server: str
    found: int
    wanted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServersDisagreed:
    """Servers gave one validated ledger different hashes: at least one of them is wrong.

    ``suspects`` are those in the minority; all of them where there is no majority.
    """

    ledger_index: LedgerIndex
    hashes: Mapping[str, str]
    suspects: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRejected:
    """``server`` sent what cannot be understood; the ledgers it was about are read again."""

    server: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryMissing:
    """No server has ledgers ``first`` to ``last``: the cursor waits before ``first``.

    Open channels are guarded from their present state meanwhile.
    """

    first: LedgerIndex
    last: LedgerIndex
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRecovered:
    """The missing ledgers were found, and everything up to ``last`` was delivered."""

    last: LedgerIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRecovered:
    """``server`` is free again of one ``trouble``."""

    server: str
    trouble: Trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class StateReconciled:
    """Every open channel was read anew and inbound channels were looked for, all of it delivered.

    ``ledger_index`` is the newest validated ledger when that began.
    """

    ledger_index: LedgerIndex


HealthEvent = (
    ServerUnreachable
    | ServerSilent
    | ServerLagging
    | ServerAhead
    | ServerUnconfirmed
    | ServerAmendmentBlocked
    | WrongNetworkServed
    | ServersDisagreed
    | MessageRejected
    | HistoryMissing
    | HistoryRecovered
    | ServerRecovered
    | StateReconciled
)
