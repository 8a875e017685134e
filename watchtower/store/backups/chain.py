"""Which files make a whole: a base, and every increment from it up to one.

What it guarantees: each member of a chain names the digest of the one before it, so that none can
be left out, exchanged or put elsewhere, and none of another chain is taken for one of it. What
cannot be seen from inside is that the last ones are missing: how old a chain is, its last member
says (docs/backup.md).

Pure.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from watchtower.errors import BackupDamagedError
from watchtower.store.backups.form import Head

__all__ = ["Member", "chain_to", "newest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file of a chain: where it is, what it says, and its SHA-256."""

    path: Any
    head: Head
    digest: str


def newest(heads: Collection[tuple[Any, Head]]) -> tuple[Any, Head] | None:
    """Return which of several files was made last, by what they say; None if there are none.

    Within a chain that is the last member, whatever the times say: a clock steps back, a number
    does not. Of several chains it is the one whose last member was made last.
    """
    lasts: dict[tuple[str, str], tuple[Any, Head]] = {}
    for one in sorted(heads, key=lambda one: (one[1].sequence, one[1].created)):
        lasts[one[1].made_by, one[1].chain] = one
    return max(lasts.values(), key=lambda one: (one[1].created, one[1].sequence), default=None)


def chain_to(last: Member, among: Collection[Member]) -> tuple[Member, ...]:
    """Return the chain that ends with ``last``, its base first.

    Raises:
        BackupDamagedError: one is missing, or is not the one that the next was built on.
    """
    by_digest = {member.digest: member for member in among}
    chain = [last]
    while (based_on := chain[-1].head.based_on) is not None:
        here = chain[-1].head
        before = by_digest.get(based_on)
        if before is None:
            raise BackupDamagedError(path=last.path, why=_why_missing(here, among))
        head = before.head
        if (head.chain, head.sequence + 1) != (here.chain, here.sequence):
            why = f"{before.path}, which it is built on, is not the one before it in its chain"
            raise BackupDamagedError(path=last.path, why=why)
        if (head.made_by, head.network, head.store_format) != (
            here.made_by,
            here.network,
            here.store_format,
        ):
            why = f"{before.path}, which it is built on, is of another store"
            raise BackupDamagedError(path=last.path, why=why)
        chain.append(before)
    return tuple(reversed(chain))


def _why_missing(here: Head, among: Collection[Member]) -> str:
    wanted = here.sequence - 1
    for member in among:
        if (member.head.chain, member.head.sequence) == (here.chain, wanted):
            return (
                f"{member.path} is not the member {wanted} of its chain that it is built on: "
                "it was changed, or exchanged"
            )
    return f"the member {wanted} of its chain, which it is built on, is missing beside it"
