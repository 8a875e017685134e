"""The facts that a validated ledger tells about channels and about the accounts we act for.

Facts are all that the rest of the house learns from the outside. They are level-triggered: each
one carries the whole state of a channel (or of a seat) and the position in the ledger's history
at which it held, so that a duplicate, a replay or a late arrival changes nothing. Nothing here
trusts a transaction's type or result; ``decode.py`` reads facts from metadata alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from msgspec import Struct

from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime, TxHash

__all__ = [
    "END_OF_LEDGER",
    "AccountChanged",
    "AccountEntry",
    "AccountFact",
    "AccountMissing",
    "AmendmentsRead",
    "ChannelChanged",
    "ChannelDeleted",
    "ChannelEntry",
    "ChannelFact",
    "ChannelMissing",
    "ClaimPresented",
    "DelegationChanged",
    "Fact",
    "LedgerAccounted",
    "LedgerClosed",
    "Position",
    "Seat",
    "SeatUsed",
    "SignerList",
    "SignerListChanged",
    "TicketsChanged",
    "TicketsHeld",
]

END_OF_LEDGER: Final = 2**32 - 1
"""A transaction index behind every transaction: the state that a ledger was left in."""


class Position(NamedTuple):
    """A place in the ledger's history; places compare in the order in which things happened."""

    ledger_index: LedgerIndex
    transaction_index: int


class Seat(NamedTuple):
    """What one transaction of an account consumes: a sequence, or a ticket.

    Two transactions of one account and one seat exclude each other; that, and not the hash, is
    the identity of an attempt (anybody may strip a claim's ``Signature`` and change the hash).
    """

    number: int
    is_ticket: bool = False


class ChannelEntry(Struct, frozen=True, kw_only=True, gc=False):
    """A ``PayChannel`` ledger entry.

    Amounts are drops; ``settle_delay`` is seconds; times are ledger time. ``public_key`` is upper
    case hexadecimal, 33 bytes. ``amount`` is all that was ever put in, ``balance`` all that was
    ever paid out.
    """

    channel: ChannelId
    source: Address
    destination: Address
    amount: Drops
    balance: Drops
    public_key: str
    settle_delay: int
    expiration: RippleTime | None = None
    cancel_after: RippleTime | None = None
    source_tag: int | None = None
    destination_tag: int | None = None


class ChannelChanged(Struct, frozen=True, kw_only=True, gc=False):
    """The channel was created or modified, or was read, and holds ``entry`` since ``at``.

    ``transaction`` is None when the state was read and not seen to change; ``paid`` is what that
    transaction paid out of the channel, by the balances in its metadata.
    """

    entry: ChannelEntry
    at: Position
    transaction: TxHash | None = None
    paid: Drops = Drops(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelDeleted:
    """The channel left the ledger; ``entry`` is its last state, and its balance what was paid.

    ``paid`` is the part of it that the same transaction paid.
    """

    entry: ChannelEntry
    at: Position
    transaction: TxHash
    paid: Drops = Drops(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelMissing:
    """A validated ledger has no such channel; when it left, and with what balance, is not told."""

    channel: ChannelId
    at: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimPresented:
    """A validated transaction of ``sender`` presented a claim for ``amount`` drops in all.

    Told for channels whose source is guarded, and for claims that changed nothing at all. What
    the transaction asked for proves nothing, but a claim proves itself: ``signature``, in
    upper-case hexadecimal, is the channel's key's or it is nobody's. It is empty where the source
    pays by its own right. ``balance`` is what the channel had paid right behind it, ``paid`` what
    of that by this transaction, both by its metadata.
    """

    channel: ChannelId
    sender: Address
    amount: Drops
    signature: str
    balance: Drops
    paid: Drops
    at: Position
    transaction: TxHash


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatUsed:
    """A validated transaction of ``account`` consumed ``seat``, with whatever result.

    ``result`` is what became of it. The rest is for telling people who did what, and nothing is
    decided by it: the transaction's type; the key that signed it, in hexadecimal (empty if several
    did, or an outer batch); the delegate that sent it for the account; the channels that it
    changed, and those it deleted.
    """

    account: Address
    seat: Seat
    transaction: TxHash
    result: str
    at: Position
    kind: str = ""
    signed_by: str = ""
    delegate: Address | None = None
    changed: tuple[ChannelId, ...] = ()
    closed: tuple[ChannelId, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether it did more than cost its fee; what it has paid is another question."""
        return self.result == "tesSUCCESS"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEntry:
    """An ``AccountRoot`` ledger entry, as far as guarding it needs.

    ``balance`` is drops; ``sequence`` is the next one; ``owner_count`` is how many reserve
    increments the account must keep beside the base reserve; ``flags`` are the ledger's own bits.
    """

    account: Address
    balance: Drops
    sequence: int
    owner_count: int = 0
    flags: int = 0
    regular_key: Address | None = None
    ticket_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerList:
    """Who may sign for an account together: each with a weight, and the weight that is enough."""

    quorum: int
    signers: tuple[tuple[Address, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChanged:
    """The account was created or modified, or was read, and holds ``entry`` since ``at``.

    ``transaction`` is None when the state was read and not seen to change.
    """

    entry: AccountEntry
    at: Position
    transaction: TxHash | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountMissing:
    """The ledger has no such account: it was deleted (by ``transaction``), or never funded."""

    account: Address
    at: Position
    transaction: TxHash | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketsChanged:
    """A transaction gave the account tickets, or took some: by using or by deleting them.

    A ticket that is gone never comes back: its number was a sequence of the account.
    """

    account: Address
    created: frozenset[int]
    used: frozenset[int]
    at: Position
    transaction: TxHash


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketsHeld:
    """The account was read, and these are all the tickets that it holds."""

    account: Address
    tickets: frozenset[int]
    at: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerListChanged:
    """The account's signer list was set, or was read; None if it has none."""

    account: Address
    signers: SignerList | None
    at: Position
    transaction: TxHash | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationChanged:
    """What the account lets ``delegate`` send in its name since ``at`` (XLS-75).

    ``permissions`` are the types of transactions, in the ledger's words; none if there is no such
    entry, or not any more. ``transaction`` is None when it was read and not seen to change.
    """

    account: Address
    delegate: Address
    permissions: frozenset[str]
    at: Position
    transaction: TxHash | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendmentsRead:
    """The network has enabled these amendments, by their ids; None if servers contradict.

    ``majorities`` are those that it will enable if they keep the majority that they have had since
    a ledger time.
    """

    enabled: frozenset[str] | None
    at: Position
    majorities: frozenset[tuple[str, RippleTime]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerClosed:
    """A ledger was validated. Its facts may still be on their way.

    One that is not ``confirmed`` is the word of a single server that no other bears out.
    ``behind`` is by how many seconds the time of the slowest server that tells ledgers is behind;
    ``ahead``, of a ledger that is not confirmed, by how many that of the fastest is ahead.
    """

    ledger_index: LedgerIndex
    ledger_hash: str
    close_time: RippleTime
    base_fee: Drops
    reserve_base: Drops
    reserve_increment: Drops
    confirmed: bool = True
    behind: int = 0
    ahead: int = 0

    @property
    def pressing_time(self) -> RippleTime:
        """The time by which to hurry: where nobody can tell whose is true, the later one."""
        return RippleTime(self.close_time + self.ahead)

    @property
    def sure_time(self) -> RippleTime:
        """The time that every server which tells ledgers has reached."""
        return RippleTime(self.close_time - self.behind)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerAccounted:
    """Every fact of every ledger up to this one has been delivered: the cursor may move here."""

    ledger_index: LedgerIndex


ChannelFact = ChannelChanged | ChannelDeleted | ChannelMissing
AccountFact = (
    AccountChanged
    | AccountMissing
    | TicketsChanged
    | TicketsHeld
    | SignerListChanged
    | DelegationChanged
)
Fact = ChannelFact | AccountFact | ClaimPresented | SeatUsed | AmendmentsRead
