"""One server's validated state, as everything that is read from it must come.

What it guarantees: what is returned was read from a validated ledger, and carries that ledger's
position, which stands behind all its transactions. Pages are all of one ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

from watchtower.errors import AnswerError, RequestRefusedError
from watchtower.ledger.events import END_OF_LEDGER, Position
from watchtower.ledger.wire import integer, result_of
from watchtower.units import Address, LedgerIndex

__all__ = ["Owned", "StateServer", "missing_position", "read_owned", "validated_position"]

_PAGE: Final = 200
"""Entries a page (rippled Tuning.h, accountObjects, allows 10 to 400)."""

_COMMAND: Final = "account_objects"
_LAST_LEDGER: Final = 2**32 - 1
_MOST_PAGES: Final = 10_000


class StateServer(Protocol):
    """One server that knows the present state."""

    @property
    def url(self) -> str:
        """Its address."""
        ...

    @property
    def validated(self) -> LedgerIndex | None:
        """The newest ledger that it announced."""
        ...

    async def request(self, command: str, **params: object) -> Mapping[str, Any]:
        """Ask it and return the result."""
        ...


class Owned(NamedTuple):
    """Entries that an account owns, or that are in its directory, in one validated ledger."""

    nodes: tuple[Mapping[str, Any], ...]
    at: Position


async def read_owned(
    server: StateServer, account: Address, kind: str, *, ledger_index: LedgerIndex | None = None
) -> Owned | None:
    """Return all entries of a type in the directory of ``account``; None if there is no account.

    A page without such an entry but with a marker is normal: limits count directory entries of
    every kind (docs/ledger-rules.md, Metadata).

    Args:
        server: who is asked.
        account: whose directory.
        kind: the type, by the name that ``account_objects`` gives it.
        ledger_index: which validated ledger; the server's newest if None.

    Raises:
        AnswerError: a page is not from the one validated ledger, or pages go round in circles.
        LedgerError: the server could not be asked, or refused.
    """
    params: dict[str, object] = {"ledger_index": ledger_index or "validated"}
    found: list[Mapping[str, Any]] = []
    markers: set[str] = set()
    while True:
        try:
            page = await server.request(_COMMAND, account=account, type=kind, limit=_PAGE, **params)
        except RequestRefusedError as refused:
            if refused.facts["error"] != "actNotFound":
                raise
            return None
        at = validated_position(server, _COMMAND, page)
        if params["ledger_index"] not in ("validated", at.ledger_index):
            raise AnswerError(
                server=server.url, command=_COMMAND, why="its pages are of two ledgers"
            )
        nodes = page.get("account_objects")
        if not isinstance(nodes, list):
            raise AnswerError(server=server.url, command=_COMMAND, why="it has no objects")
        found.extend(node for node in nodes if isinstance(node, Mapping))
        marker = page.get("marker")
        if marker is None:
            return Owned(nodes=tuple(found), at=at)
        if repr(marker) in markers:
            raise AnswerError(server=server.url, command=_COMMAND, why="its pages go in circles")
        if len(markers) >= _MOST_PAGES:
            raise AnswerError(server=server.url, command=_COMMAND, why="its pages have no end")
        markers.add(repr(marker))
        params = {"ledger_index": at.ledger_index, "marker": marker}


def validated_position(server: StateServer, command: str, result: Mapping[str, Any]) -> Position:
    """Return the end of the validated ledger that ``result`` was read from.

    Raises:
        AnswerError: it is not from a validated ledger, or does not say which.
    """
    index = integer(result, "ledger_index")
    if index is None or index > _LAST_LEDGER or result.get("validated") is not True:
        raise AnswerError(server=server.url, command=command, why="it is not of a validated ledger")
    return Position(LedgerIndex(index), END_OF_LEDGER)


def missing_position(
    server: StateServer, command: str, answer: object, known_before: LedgerIndex | None
) -> Position:
    """Return the end of the validated ledger in which something is missing.

    A refusal of xrpld 3.1.1 need not say which ledger it looked into. It was not an older one
    than the server had announced before it was asked (``known_before``).

    Raises:
        AnswerError: no validated ledger is known.
    """
    said = result_of(answer) if isinstance(answer, Mapping) else {}
    told = integer(said, "ledger_index")
    index = known_before if told is None else LedgerIndex(told)
    if index is None or index > _LAST_LEDGER or said.get("validated") is False:
        raise AnswerError(server=server.url, command=command, why="it is not of a validated ledger")
    return Position(index, END_OF_LEDGER)
