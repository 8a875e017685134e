"""What stands in the store of an account's own keys, for commands that ask without a ledger. Pure.

A tower that runs reads its accounts anew at every start, and judges by that alone; the note only
says how they were last seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from watchtower.judgement.estate import Estate
from watchtower.ledger.events import END_OF_LEDGER, AccountEntry, Position, SignerList
from watchtower.units import Address, Drops, LedgerIndex

__all__ = ["ACCOUNT_NOTE", "noted", "recalled"]

ACCOUNT_NOTE: Final = "account "
"""Before an address: the note of who may sign for it."""


def noted(estate: Estate) -> dict[str, Any] | None:
    """Return who may sign for an account, in JSON values; None while nothing is known of it."""
    if estate.as_of is None:
        return None
    entry, listed = estate.entry, estate.signers
    return {
        "entry": None if entry is None else [entry.flags, entry.regular_key],
        "signers": None if listed is None else [listed.quorum, [list(s) for s in listed.signers]],
        "signers_known": estate.signers_at is not None,
    }


def recalled(account: Address, note: Mapping[str, Any] | None) -> Estate | None:
    """Return an account as a note tells of it, without its money; None without a note.

    The place in history is not in the note, and stands as the beginning of it.
    """
    if note is None:
        return None
    at = Position(LedgerIndex(0), END_OF_LEDGER)
    entry = None
    if note["entry"] is not None:
        flags, regular_key = note["entry"]
        entry = AccountEntry(
            account=account,
            balance=Drops(0),
            sequence=0,
            flags=int(flags),
            regular_key=None if regular_key is None else Address(regular_key),
        )
    listed = note["signers"]
    return Estate(
        account=account,
        entry=entry,
        as_of=at,
        signers=None if listed is None else _signer_list(listed),
        signers_at=at if note["signers_known"] else None,
    )


def _signer_list(note: Any) -> SignerList:
    quorum, signers = note
    return SignerList(
        quorum=int(quorum),
        signers=tuple((Address(account), int(weight)) for account, weight in signers),
    )
