"""What there is to know before an account permits the tower to claim for it, and what to say of it.

Everything is read from validated ledgers, before anybody signs anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from watchtower.errors import AnswerError, DelegationRefusedError, LedgerError, UnreachableError
from watchtower.judgement.authority import authority_fault
from watchtower.judgement.delegation import CLAIMING
from watchtower.judgement.estate import Estate, learn
from watchtower.judgement.rules import rules_of
from watchtower.ledger.accounts import read_account
from watchtower.ledger.events import ChannelEntry, DelegationChanged
from watchtower.ledger.servers import Servers
from watchtower.units import Address, Drops, format_drops

__all__ = ["RISKS", "DelegationTerms", "are_permitted", "read_terms"]

_FEE_SETTINGS: Final = "4BC50C9B0D8515D3EAAE1E74B29A95804346C491EE1A95BF25E4AAB854A6A651"
"""Where every ledger keeps its reserves (rippled Indexes.cpp, keylet::fees)."""

RISKS: Final = (
    (
        "close every channel that pays this account at once: what was not yet claimed on it goes "
        "back to its payer;"
    ),
    "claim less than the latest claim, or an older one;",
    (
        "pay out the channels that this account itself funds, in full, to whom they pay: nobody's "
        "signature is needed for that but the tower's;"
    ),
    "use up this account's sequences and tickets, so that what waits on them fails.",
)
"""What a thief of the tower could do by the permission, each the end of a sentence. There is no
finer one: PaymentChannelClaim is permitted in all its forms (rippled transactions.macro)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationTerms:
    """How things stand between ``account`` and ``delegate``.

    Attributes:
        account: who permits.
        delegate: the tower's own account.
        estate: what ``account`` has of its own, and what it has permitted so far.
        has_delegate: whether the tower's own account is in the ledger.
        is_enabled: whether the network has delegation; None if servers do not agree.
        outbound: the channels that the account itself funds, with something left in them.
        reserve_base: drops that every account keeps.
        reserve_increment: drops that it keeps for each of its entries.
    """

    account: Address
    delegate: Address
    estate: Estate
    has_delegate: bool
    is_enabled: bool | None
    outbound: tuple[ChannelEntry, ...]
    reserve_base: Drops
    reserve_increment: Drops

    @property
    def permitted(self) -> frozenset[str]:
        """What the account has permitted so far."""
        known = self.estate.delegates.get(self.delegate)
        return frozenset() if known is None else known.kinds

    @property
    def exposed(self) -> Drops:
        """The drops that are left in the channels that the account funds."""
        return Drops(sum(entry.amount - entry.balance for entry in self.outbound))

    def refuse_impossible(self, *, permits: bool) -> None:
        """Refuse what the ledger would not take (rippled DelegateSet.cpp, preclaim, doApply).

        Raises:
            DelegationRefusedError: it, and why.
        """
        why = next(self._whys(permits=permits), None)
        if why is not None:
            raise DelegationRefusedError(why=why)

    def refuse_key(self, public_key: str) -> None:
        """Refuse a key that does not sign for the account.

        Raises:
            DelegationRefusedError: it does not, and why.
        """
        fault = authority_fault(self.estate, public_key)
        if fault is not None:
            why = f"the seed does not sign for {self.account}: {fault.sentence}"
            raise DelegationRefusedError(why=why)

    def _whys(self, *, permits: bool) -> Iterator[str]:
        if self.account == self.delegate:
            yield "an account needs no permission of its own, and the ledger takes none"
        if self.is_enabled is False:
            yield "the network has not enabled PermissionDelegationV1_1"
        if self.estate.entry is None:
            yield f"{self.account} is not in the ledger"
            return
        if permits and not self.has_delegate:
            yield f"the tower's own account {self.delegate} is not in the ledger: fund it first"
        is_new = permits and not self.permitted
        reserve = self.reserve_base + self.reserve_increment * (
            self.estate.entry.owner_count + int(is_new)
        )
        if self.estate.entry.balance < reserve and is_new:
            short = Drops(reserve - self.estate.entry.balance)
            yield (
                f"{self.account} lacks {format_drops(short)} for the reserve of "
                f"{format_drops(self.reserve_increment)} that the permission locks up"
            )

    def lines(self, *, permits: bool) -> Iterator[str]:
        """Yield what will be done, and what that means, for a person."""
        if not permits:
            yield (
                f"{self.account} takes back what {self.delegate} may do in its name. The reserve "
                f"of {format_drops(self.reserve_increment)} is free again. The tower then redeems "
                "by another right, or not at all: see `watchtower authority show`."
            )
            return
        yield (
            f"{self.account} permits {self.delegate} to send PaymentChannelClaim in its name. It "
            f"locks up {format_drops(self.reserve_increment)} of reserve; the fees of what is "
            "sent are paid by the tower."
        )
        if others := sorted(self.permitted - {CLAIMING}):
            yield (
                f"It takes back what else was permitted to {self.delegate}: {', '.join(others)}."
            )
        yield "The tower can never send the money elsewhere. But who steals the tower's key could:"
        for risk in RISKS:
            yield f"  - {risk}"
        yield (
            "Use an account that only receives, and take the permission back when the tower may "
            f"be stolen: `watchtower authority revoke --account {self.account}`."
        )
        if self.outbound:
            yield (
                f"WARNING: {self.account} funds {len(self.outbound)} channel(s) of its own with "
                f"{format_drops(self.exposed)} left in them. WHO STEALS THE TOWER CAN PAY ALL OF "
                "THAT OUT, without any claim. Do not permit it, or close these channels before:"
            )
            for entry in self.outbound:
                left = format_drops(Drops(entry.amount - entry.balance))
                yield f"  - {entry.channel}: {left} to {entry.destination}"

    def report(self, transaction: Mapping[str, Any], *, permits: bool) -> dict[str, Any]:
        """Return the same for a program."""
        return {
            "account": self.account,
            "delegate": self.delegate,
            "permits": permits,
            "permitted_before": sorted(self.permitted),
            "reserve": self.reserve_increment,
            "risks": list(RISKS) if permits else [],
            "outbound": [
                {
                    "channel": entry.channel,
                    "destination": entry.destination,
                    "left": entry.amount - entry.balance,
                }
                for entry in self.outbound
            ],
            "transaction": transaction,
        }


async def read_terms(servers: Servers, account: Address, delegate: Address) -> DelegationTerms:
    """Read how things stand, from ``servers`` that were opened for ``delegate``.

    Raises:
        LedgerError: no server could tell.
    """
    amendments = await servers.read_amendments()
    rules = rules_of(amendments.enabled)
    listing = await servers.find_channels(account)
    base, increment = await _reserves(servers)
    return DelegationTerms(
        account=account,
        delegate=delegate,
        estate=await _estate(servers, account),
        has_delegate=await servers.account_exists(delegate),
        is_enabled=rules.delegates_act if rules.known else None,
        outbound=tuple(
            fact.entry
            for fact in listing.channels
            if fact.entry.source == account and fact.entry.balance < fact.entry.amount
        ),
        reserve_base=base,
        reserve_increment=increment,
    )


async def are_permitted(
    servers: Servers, account: Address, delegate: Address, permits: frozenset[str]
) -> bool:
    """Return whether exactly ``permits`` stands in the validated ledger of every server that tells.

    One server's word would do for a tower that tries; what a person relies on needs all of them.

    Raises:
        LedgerError: no server could tell.
    """
    told: list[frozenset[str]] = []
    failure: LedgerError = UnreachableError(servers="any server", why="none is connected")
    for link in servers.ready():
        try:
            facts = await read_account(link, account, delegate)
        except LedgerError as failed:
            failure = failed
        else:
            told += [fact.permissions for fact in facts if isinstance(fact, DelegationChanged)]
    if not told:
        raise failure
    return all(kinds == permits for kinds in told)


async def _estate(servers: Servers, account: Address) -> Estate:
    estate = Estate(account=account)
    for fact in await servers.read_account(account):
        estate = learn(estate, fact)
    return estate


async def _reserves(servers: Servers) -> tuple[Drops, Drops]:
    """Return the drops that an account keeps, and those for each of its entries."""
    found = await servers.ask("ledger_entry", index=_FEE_SETTINGS, ledger_index="validated")
    node = found.get("node")
    fields = node if isinstance(node, Mapping) else {}
    # The names before and since XRPFees (rippled ledger_entries.macro, FeeSettings).
    return (
        _drops_of(fields, "ReserveBaseDrops", "ReserveBase"),
        _drops_of(fields, "ReserveIncrementDrops", "ReserveIncrement"),
    )


def _drops_of(fields: Mapping[str, Any], *names: str) -> Drops:
    told = next((fields[name] for name in names if name in fields), None)
    if not isinstance(told, str | int) or not str(told).isdigit():
        raise AnswerError(server="A server", command="ledger_entry", why="it has no reserves")
    return Drops(int(told))
