"""Whether a co-signer signs: it judges the claim for itself, and believes nothing that is told.

Who asks may be a tower that somebody has stolen. So what is signed is held against what the
co-signer knows by itself: the accounts in its own configuration, the channels that its own servers
tell, the best claims that it holds. A person who signs apart from any ledger holds the request
against itself: the claim's signature proves what the payer owes.

What it guarantees of whatever is signed: it is a ``PaymentChannelClaim`` without flags, for a payee
in the configuration, with a claim that the channel's own key signed, not below the best one that is
known here, for all that it pays (``Balance`` is the claim, or the funds where these are less); it
costs no more than the co-signer's own caps, once and on a day; and it lapses soon. So a thief of
the tower that asks can have paid out to the payee what it is owed, and nothing else.

Pure: a refusal is a part of a sentence, and time is a ledger that was validated.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from watchtower.judgement.claim import Claim, Refused, verify
from watchtower.keys.permission import Roles, why_not
from watchtower.ledger.events import ChannelEntry, Seat
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime, format_drops

__all__ = [
    "CosignPolicy",
    "DayCosigned",
    "Known",
    "Now",
    "better_claim",
    "claim_in",
    "seat_of",
    "why_not_cosign",
]

_DAY: Final = 86_400
_LAST_NETWORK_WITHOUT_ID: Final = 1024
"""As in ``response/transaction.py``: networks above it want ``NetworkID``, the others refuse it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CosignPolicy:
    """What a co-signer signs for.

    Attributes:
        payees: the accounts that it guards.
        fee_cap: the most drops that one transaction may cost.
        daily_cap: the most that those of one account may cost on one day of ledger time.
        most_ledgers: how many ledgers ahead a last ledger may be.
        network_id: of the network that it guards them on.
    """

    payees: Collection[Address]
    fee_cap: Drops
    daily_cap: Drops
    most_ledgers: int
    network_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of the channel: its entry, and the best claim on it; None where nothing is."""

    entry: ChannelEntry | None
    best: Claim | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """The newest validated ledger, and its time; a person apart from any ledger has none."""

    validated: LedgerIndex
    time: RippleTime


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCosigned:
    """What was signed on one day of ledger time, as the most that it can cost.

    Two transactions on one seat exclude each other, so that the dearer one counts alone: who asks
    again with a higher fee has not spent twice.
    """

    day: int = 0
    fees: Mapping[str, Drops] = field(default_factory=dict)

    def spent(self, account: Address, now: RippleTime) -> Drops:
        """Return what an account's transactions of today may have cost."""
        if self.day != now // _DAY:
            return Drops(0)
        mine = (fee for name, fee in self.fees.items() if name.startswith(f"{account} "))
        return Drops(sum(mine))

    def charged(self, account: Address, seat: Seat, fee: Drops, now: RippleTime) -> DayCosigned:
        """Return the day with one more transaction, which belongs to the day of ``now``."""
        fees = self.fees if self.day == now // _DAY else {}
        name = f"{account} {'ticket' if seat.is_ticket else 'sequence'} {seat.number}"
        dearer = Drops(max(fee, fees.get(name, 0)))
        return replace(self, day=now // _DAY, fees={**fees, name: dearer})


def seat_of(transaction: Mapping[str, Any]) -> Seat:
    """Return what a well-formed transaction uses up."""
    ticket = transaction.get("TicketSequence")
    if ticket is not None:
        return Seat(number=ticket, is_ticket=True)
    return Seat(number=transaction["Sequence"])


def claim_in(transaction: Mapping[str, Any]) -> Claim:
    """Return the claim that a well-formed transaction redeems."""
    return Claim(
        channel=ChannelId(transaction["Channel"]),
        amount=Drops(int(transaction["Amount"])),
        public_key=transaction["PublicKey"],
        signature=transaction["Signature"],
    )


def better_claim(
    transaction: Mapping[str, Any], known: Known, policy: CosignPolicy
) -> Claim | None:
    """Return the claim that speaks against a lower one, for whoever asked to redeem that.

    Only who shows a claim that the channel's own key signed, for an account that is guarded here,
    is told of a better one: whoever makes one up learns nothing.
    """
    form = why_not(transaction, Roles(payees=policy.payees), policy.fee_cap)
    if form is not None or transaction.get("TransactionType") != "PaymentChannelClaim":
        return None
    shown, best = claim_in(transaction), known.best
    if best is None or shown.amount >= best.amount:
        return None
    return best if next(_of_shown(shown, known, transaction["Account"]), None) is None else None


def why_not_cosign(
    transaction: Mapping[str, Any],
    known: Known,
    policy: CosignPolicy,
    *,
    now: Now | None,
    day: DayCosigned,
) -> str | None:
    """Return why ``transaction`` is not signed here; None if it is.

    Args:
        transaction: unsigned, in the ledger's own field names, as somebody sent it.
        known: what is known here of its channel.
        policy: what is signed at all.
        now: the present; None for a person who cannot tell, and is not held to it.
        day: what was signed today.
    """
    if transaction.get("TransactionType") != "PaymentChannelClaim":
        return "a co-signer signs nothing but PaymentChannelClaim"
    refused = why_not(transaction, Roles(payees=policy.payees), policy.fee_cap)
    if refused is not None:
        return refused
    return next(_whys_not(transaction, known, policy, now, day), None)


def _whys_not(
    transaction: Mapping[str, Any],
    known: Known,
    policy: CosignPolicy,
    now: Now | None,
    day: DayCosigned,
) -> Iterator[str]:
    """Yield what is wrong with a claim that is well formed, beside its flags and its fee."""
    yield from _of_network(transaction, policy)
    if now is not None:
        yield from _of_last_ledger(transaction, policy, now)
    yield from _of_claim(transaction, known)
    if now is not None:
        account = Address(transaction["Account"])
        after = day.charged(account, seat_of(transaction), Drops(int(transaction["Fee"])), now.time)
        if after.spent(account, now.time) > policy.daily_cap:
            yield (
                f"with it the account's fees of today could be above the {policy.daily_cap} drops "
                "that are signed for here"
            )


def _of_network(transaction: Mapping[str, Any], policy: CosignPolicy) -> Iterator[str]:
    wanted = policy.network_id if policy.network_id > _LAST_NETWORK_WITHOUT_ID else None
    if transaction.get("NetworkID") != wanted:
        yield "it is for another network than the one that is guarded here"


def _of_last_ledger(
    transaction: Mapping[str, Any], policy: CosignPolicy, now: Now
) -> Iterator[str]:
    ahead = transaction["LastLedgerSequence"] - now.validated
    if ahead <= 0:
        yield "its last ledger is over"
    elif ahead > policy.most_ledgers:
        # Kept back, it could be sent when it does harm: below a better claim, on a good seat.
        yield f"its last ledger is {ahead} ahead, and no more than {policy.most_ledgers} may be"


def _of_claim(transaction: Mapping[str, Any], known: Known) -> Iterator[str]:
    claim, entry = claim_in(transaction), known.entry
    yield from _of_shown(claim, known, transaction["Account"])
    if entry is None:
        return
    if known.best is not None and claim.amount < known.best.amount:
        yield (
            f"it redeems a claim of {format_drops(claim.amount)}, and one of "
            f"{format_drops(known.best.amount)} is known here"
        )
    owed = min(claim.amount, entry.amount)
    balance = int(transaction["Balance"])
    if balance != owed:
        yield (
            f"it asks for a balance of {balance} drops, and by the claim and the channel's funds "
            f"it has to be {owed}"
        )
    if balance <= entry.balance:
        yield "the channel has paid that already"


def _of_shown(claim: Claim, known: Known, account: str) -> Iterator[str]:
    """Yield what is wrong with a claim that is shown, by itself and by what is known of it."""
    entry = known.entry
    if entry is None or entry.channel != claim.channel:
        yield "nothing is known here of its channel"
        return
    if entry.destination != account:
        yield "its channel pays another account"
    if entry.public_key != claim.public_key:
        yield "its claim is under another key than the channel's"
    taken = verify(claim)
    if isinstance(taken, Refused) or taken.rescued:
        yield "its claim's signature is not one that the ledger takes"
