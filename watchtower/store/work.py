"""Work: one transaction, seen as the things it is about.

All that is done through one ``Work`` is there together or not at all; what is read through it is
one moment of the store.
"""

from __future__ import annotations

from watchtower.store.channels import Channels
from watchtower.store.claims import Claims
from watchtower.store.journal import Journal
from watchtower.store.notes import Notes
from watchtower.store.responses import Attempts
from watchtower.store.sealed import Transaction
from watchtower.store.secrets import Secrets
from watchtower.store.state import Cursor, Network

__all__ = ["Work"]


class Work:
    """The rooms of the store, in one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        """Open every room on ``transaction``."""
        self.channels = Channels(transaction)
        self.claims = Claims(transaction)
        self.attempts = Attempts(transaction)
        self.journal = Journal(transaction)
        self.cursor = Cursor(transaction)
        self.network = Network(transaction)
        self.secrets = Secrets(transaction)
        self.notes = Notes(transaction)
