"""What a guarded account has of its own: XRP, sequence, tickets, and who may sign for it.

What it guarantees, as for channels: the estate after a set of facts depends on the set alone, not
on order, repetition or delay. A newer position wins. Of tickets there are whole lists and changes:
a change behind the newest list is kept beside it, and a ticket that was seen to go stays away,
because its number was a sequence of the account and never comes back. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from watchtower.ledger.events import (
    AccountChanged,
    AccountEntry,
    AccountFact,
    AccountMissing,
    DelegationChanged,
    LedgerClosed,
    Position,
    SignerList,
    SignerListChanged,
    TicketsChanged,
    TicketsHeld,
)
from watchtower.units import Address, Drops

__all__ = ["Estate", "Permitted", "Tickets", "account_of", "learn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tickets:
    """The tickets of an account: ``held`` each with the place since which we know of it.

    ``listed_at`` is where the last whole list was read, None before the first; ``used`` are those
    that went behind it.
    """

    held: Mapping[int, Position] = field(default_factory=dict)
    used: Mapping[int, Position] = field(default_factory=dict)
    listed_at: Position | None = None

    def gone_at(self, number: int) -> Position | None:
        """Return where a ticket is known not to be held any more; None if it is not known to be."""
        if number in self.held:
            return None
        return self.used.get(number, self.listed_at)

    def is_gone(self, number: int) -> bool:
        """Return whether a ticket is known not to be held any more, or never."""
        return self.gone_at(number) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Permitted:
    """What a delegate may send for the account since ``at``; ``seen`` if it was seen to change."""

    kinds: frozenset[str]
    at: Position
    seen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Estate:
    """The last known state of one account.

    ``entry`` is None when the ledger has no such account, and before its root was read or seen;
    ``as_of`` tells the two apart. ``signers`` is the signer list, None if there is none or it is
    not known (``signers_at``). ``delegates`` are those of whom it is known what they may send in
    its name, which may be nothing.
    """

    account: Address
    entry: AccountEntry | None = None
    as_of: Position | None = None
    signers: SignerList | None = None
    signers_at: Position | None = None
    ticket_book: Tickets = field(default_factory=Tickets)
    delegates: Mapping[Address, Permitted] = field(default_factory=dict)

    @property
    def is_missing(self) -> bool:
        """Whether the ledger is known to have no such account."""
        return self.as_of is not None and self.entry is None

    @property
    def tickets(self) -> tuple[int, ...]:
        """The tickets that the account holds, the lowest first."""
        return tuple(sorted(self.ticket_book.held))

    @property
    def sequence(self) -> int | None:
        """The next sequence in the validated ledger; None if it is not known."""
        return None if self.entry is None else self.entry.sequence

    def reserve(self, ledger: LedgerClosed) -> Drops:
        """Return the drops that the account must keep: the base, and one part for each object."""
        objects = 0 if self.entry is None else self.entry.owner_count
        return Drops(ledger.reserve_base + objects * ledger.reserve_increment)

    def spendable(self, ledger: LedgerClosed) -> Drops:
        """Return the drops above the reserve; none for an account that is not there."""
        balance = 0 if self.entry is None else self.entry.balance
        return Drops(max(0, balance - self.reserve(ledger)))


def account_of(fact: AccountFact) -> Address:
    """Return the account that ``fact`` is about."""
    return fact.entry.account if isinstance(fact, AccountChanged) else fact.account


def learn(estate: Estate | None, fact: AccountFact) -> Estate:
    """Return ``estate`` after ``fact``; the same one if that tells nothing new."""
    known = estate or Estate(account=account_of(fact))
    match fact:
        case AccountChanged() | AccountMissing():
            return _root_learned(known, fact)
        case SignerListChanged():
            if known.signers_at is not None and fact.at <= known.signers_at:
                return known
            return replace(known, signers=fact.signers, signers_at=fact.at)
        case TicketsChanged():
            return replace(known, ticket_book=_changed(known.ticket_book, fact))
        case TicketsHeld():
            return replace(known, ticket_book=_listed(known.ticket_book, fact))
        case DelegationChanged():
            return _permission_learned(known, fact)


def _root_learned(known: Estate, fact: AccountChanged | AccountMissing) -> Estate:
    if known.as_of is not None and fact.at <= known.as_of:
        return known
    entry = fact.entry if isinstance(fact, AccountChanged) else None
    return replace(known, entry=entry, as_of=fact.at)


def _permission_learned(known: Estate, fact: DelegationChanged) -> Estate:
    before = known.delegates.get(fact.delegate)
    if before is not None and fact.at <= before.at:
        return known
    permitted = Permitted(kinds=fact.permissions, at=fact.at, seen=fact.transaction is not None)
    return replace(known, delegates={**known.delegates, fact.delegate: permitted})


def _changed(book: Tickets, fact: TicketsChanged) -> Tickets:
    if book.listed_at is not None and fact.at <= book.listed_at:
        return book
    used = {**book.used, **dict.fromkeys(fact.used, fact.at)}
    made = {**book.held, **dict.fromkeys(fact.created, fact.at)}
    held = {number: at for number, at in made.items() if number not in used}
    return replace(book, held=held, used=used)


def _listed(book: Tickets, fact: TicketsHeld) -> Tickets:
    if book.listed_at is not None and fact.at <= book.listed_at:
        return book
    used = {number: at for number, at in book.used.items() if at > fact.at}
    newer = {number: at for number, at in book.held.items() if at > fact.at}
    listed = {number: fact.at for number in fact.tickets if number not in used}
    return Tickets(held={**listed, **newer}, used=used, listed_at=fact.at)
