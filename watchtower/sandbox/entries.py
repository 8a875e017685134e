"""Ledger entries as the server writes them in JSON, and what each field means to metadata. Pure.

An entry is a dict with the wire's names and values: amounts of XRP are decimal strings of drops,
64-bit numbers are lower-case hexadecimal strings, everything else is what JSON shows. Amounts are
read and written through `drops` and `put_drops` only, so no float and no stray type enters.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

__all__ = [
    "ALWAYS_SHOWN",
    "NEVER_SHOWN",
    "ONLY_IN_DELETED",
    "THREADED",
    "Entry",
    "drops",
    "has_flag",
    "is_default",
    "put_drops",
]

Entry: TypeAlias = dict[str, Any]
"""One ledger entry, without its index."""

NEVER_SHOWN: Final = frozenset({"LedgerEntryType", "Indexes"})
"""Fields that metadata leaves out (rippled include/xrpl/protocol/detail/sfields.macro, sMD_Never).

The entry's type is there, but beside the fields and not among them.
"""

ALWAYS_SHOWN: Final = frozenset({"RootIndex"})
"""Shown also where nothing changed it, but never as a previous value (sMD_Always)."""

ONLY_IN_DELETED: Final = frozenset({"PreviousTxnID", "PreviousTxnLgrSeq"})
"""Shown among the final fields of a deleted entry only (sMD_DeleteFinal)."""

THREADED: Final = frozenset(
    {
        "AccountRoot",
        "Delegate",
        "DepositPreauth",
        "DirectoryNode",
        "PayChannel",
        "SignerList",
        "Ticket",
    }
)
"""Types that remember the transaction which last touched them (with fixPreviousTxnID)."""

_DEFAULTS: Final[tuple[Any, ...]] = (0, "0", "", [], None)


def drops(entry: Entry, field: str) -> int:
    """Return an amount of XRP."""
    return int(entry[field])


def put_drops(entry: Entry, field: str, amount: int) -> None:
    """Write an amount of XRP."""
    entry[field] = str(amount)


def has_flag(entry: Entry, flag: int) -> bool:
    """Return whether an entry (or transaction) has all bits of ``flag``."""
    flags: int = entry.get("Flags", 0)
    return flags & flag == flag


def is_default(field: str, value: Any) -> bool:
    """Return whether ``NewFields`` leaves the field out because it holds its type's default."""
    return not isinstance(value, dict) and value in _DEFAULTS and field not in ALWAYS_SHOWN
