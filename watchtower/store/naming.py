"""How every record is called, by what is in it: for whoever has to find a new row for it.

No name is ever written (``cipher.py``), so that a store that gets another master key makes each
name anew from its record. A table that is missing here would keep the old key for ever: a test
holds the list together with that of the sealed tables.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

from watchtower.errors import StoreTamperedError
from watchtower.judgement.channel import Channel
from watchtower.response.attempt import Attempt
from watchtower.store.bundles import presigned_name
from watchtower.store.claims import pending_name
from watchtower.store.responses import attempt_name, attempt_topic
from watchtower.store.secrets import StoredKey, key_name
from watchtower.store.tables import (
    BUNDLES,
    CLAIMS,
    CLOSED_CHANNELS,
    JOURNAL,
    KEYS,
    NOTES,
    OPEN_ATTEMPTS,
    OPEN_CHANNELS,
    PENDING_CLAIMS,
    SETTLED_ATTEMPTS,
    STATE,
    STUMPS,
)
from watchtower.store.transaction import Found, Transaction
from watchtower.store.tree import Piece

__all__ = ["NAMINGS", "ByContent", "ByRow"]


def _about_nothing(_: Any) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class ByContent:
    """Records that say themselves how they are called; those of a numbered table are not."""

    call: Callable[[Any], str] | None
    about: Callable[[Any], str] = _about_nothing

    def name(self, _: Found, value: Any) -> str | None:
        """Return the name of a record."""
        return None if self.call is None else self.call(value)

    def topic(self, value: Any) -> str:
        """Return what a record is about."""
        return self.about(value)


class ByRow:
    """Records that say nothing of themselves: their names are known by the rows they make."""

    def __init__(self, transaction: Transaction, table: str, names: Collection[str]) -> None:
        """Know ``names``, which are all that there can be."""
        self._transaction = transaction
        self._table = table
        self._names = names
        self._rows: dict[bytes, str] | None = None

    def name(self, found: Found, _: Any) -> str:
        """Return the name of a record.

        Raises:
            StoreTamperedError: none of the names that there can be belongs there.
        """
        if self._rows is None:  # only now is the keyring the one of the transaction's epoch
            keyring = self._transaction.keyring
            self._rows = {
                row: name for name in self._names for row in keyring.rows(self._table, name)
            }
        known = self._rows.get(found.place.row)
        if known is None:
            what = f"a record of {self._table} that nothing here is called by"
            raise StoreTamperedError(path=self._transaction.path, what=what)
        return known

    def topic(self, _: Any) -> str:
        """Return nothing: such records are found by their names alone."""
        return ""


def _of_channel(channel: Channel) -> str:
    return channel.entry.channel


def _of_attempt(attempt: Attempt) -> str:
    return attempt_name(attempt.account, attempt.seat, attempt.transaction)


def _of_piece(piece: Piece) -> str:
    return str(piece.first)


def _of_key(key: StoredKey) -> str:
    return key_name(key.account, key.standing)


NAMINGS: Final[dict[str, ByContent | None]] = {
    OPEN_CHANNELS.name: ByContent(_of_channel),
    CLOSED_CHANNELS.name: ByContent(_of_channel),
    CLAIMS.name: ByContent(lambda claim: claim.channel),
    PENDING_CLAIMS.name: ByContent(pending_name),
    OPEN_ATTEMPTS.name: ByContent(_of_attempt, attempt_topic),
    SETTLED_ATTEMPTS.name: ByContent(_of_attempt, attempt_topic),
    JOURNAL.name: ByContent(None, lambda entry: entry.channel or ""),
    KEYS.name: ByContent(_of_key),
    STATE.name: None,
    NOTES.name: ByContent(lambda note: note.name),
    BUNDLES.name: ByContent(presigned_name),
    STUMPS.name: ByContent(_of_piece),
}
"""For every sealed table; None where a record does not say how it is called."""
