"""The terms of one pass: its ledger and its prices, and who signs and pays, as it is when asked.

Servers are asked once a pass; hands fail and money goes while it lasts, so that everything else is
looked up whenever there is something to plan.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from watchtower.errors import FeeMoneyError, SignerUnfitError
from watchtower.ledger.events import LedgerClosed, Seat
from watchtower.response.attempt import Attempt
from watchtower.response.bidding import Refusal
from watchtower.response.enquiry import Enquiry
from watchtower.response.fees import FeePolicy
from watchtower.response.obligation import Duty
from watchtower.response.plan import Leave, Redeem, Terms
from watchtower.response.submit import Submitter
from watchtower.response.surroundings import Docket, Signer
from watchtower.response.way import PLAIN, Way
from watchtower.units import Address, ChannelId, Drops, LedgerIndex

__all__ = ["Limits", "Moment"]

_Side = tuple[Address, ChannelId]
_Sat = tuple[Address, Seat]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What attempts may cost, and for how many ledgers each is good."""

    fees: FeePolicy
    last_ledger_offset: int


class Moment:
    """What one pass plans by.

    ``newest`` is the ledger that it was begun in, ``entered`` how many of our transactions left
    since servers were asked for prices.
    """

    def __init__(
        self,
        docket: Docket,
        *,
        signer: Signer,
        submitter: Submitter,
        limits: Limits,
        newest: LedgerClosed,
        enquiry: Enquiry,
    ) -> None:
        """Plan for ``docket`` in ledger ``newest``, on what servers told in ``enquiry``."""
        self.newest = newest
        self.entered = 0
        self._penniless: set[tuple[Address, str]] = set()
        self._docket = docket
        self._signer = signer
        self._submitter = submitter
        self._limits = limits
        self._enquiry = enquiry

    @property
    def validated(self) -> LedgerIndex:
        """The ledger that it was begun in."""
        return self.newest.ledger_index

    @property
    def lasts(self) -> bool:
        """Whether no ledger has closed since."""
        return self._docket.newest is self.newest

    @property
    def is_over(self) -> bool:
        """Whether what was planned in it is not to be signed any more, for it would live too short.

        Half of the ledgers that it has are left to those who take it up.
        """
        newest = self._docket.newest
        good_for = self._limits.last_ledger_offset // 2
        return newest is not None and newest.ledger_index > self.validated + good_for

    def terms(self, obligations: Iterable[Duty], *, in_hand: Collection[Redeem] = ()) -> Terms:
        """Return the terms with who signs for each of ``obligations`` now.

        Args:
            obligations: for whose sides a hand is chosen.
            in_hand: what others are having signed meanwhile; it leaves before this.
        """
        submitter, accounts = self._submitter, self._enquiry.accounts
        ways = self._ways(obligations)
        under_way = self._fees_under_way(in_hand)
        return Terms(
            validated=self.validated,
            now=self.newest.pressing_time,
            pace=self._docket.pace,
            accounted=self._docket.known_to,
            next_sequence=self._enquiry.sequences,
            tickets={account: self._docket.tickets(account) for account in accounts},
            market=self._enquiry.market,
            policy=self._limits.fees,
            allowance=self._allowance({*accounts, *_payers(ways)}, under_way),
            purses=self._purses(_payers(ways), under_way),
            last_ledger_offset=self._limits.last_ledger_offset,
            underpriced=submitter.underpriced,
            queued=submitter.queued,
            held_up=submitter.held_up,
            unseated=submitter.unseated,
            entered=self.entered + len(in_hand),
            asked=submitter.asked,
            ways=ways,
            unfit={a.transaction for a in self.unfit() if _by(ways, a) != a.by},
        )

    def unfit(self) -> list[Attempt]:
        """Return the attempts that no server takes from who signed them, or for want of money."""
        attempts = self._docket.attempts
        return [attempts[unfit] for unfit in self._submitter.unfit if unfit in attempts]

    def turn_from_unfit(self, *, but: Collection[Address]) -> None:
        """Turn from whoever signed what no server takes from it, ``but`` for some accounts.

        That may be untrue. But nobody is shut out by it, and whoever is next was configured too.
        """
        for attempt in self.unfit():
            if attempt.account in but:
                continue
            way = self._signer.way(attempt.account, attempt.channel)
            if way is not None and way.by == attempt.by:
                why = self._submitter.alarming.get(attempt.transaction, "it may not")
                refused = SignerUnfitError(account=attempt.account, why=why)
                self._signer.turn(attempt.account, attempt.channel, refused, by=attempt.by)

    def turn_from_penniless(self, left: Iterable[Leave]) -> bool:
        """Turn from whoever has others pay, and these cannot; return whether that changed any.

        What the account itself may spend is the operator's to say, and is no reason to turn. In
        one pass nobody is turned from twice.
        """
        turned = False
        for step in left:
            owed, way = step.obligation, step.way
            is_penniless = step.why in {Refusal.POOR, Refusal.DAILY_CAP}
            if way.fee_payer and is_penniless and (owed.account, way.by) not in self._penniless:
                self._penniless.add((owed.account, way.by))
                why = FeeMoneyError(account=owed.account, payer=way.fee_payer, why=step.why.value)
                turned |= self._signer.turn(owed.account, owed.channel, why, by=way.by)
        return turned

    def _ways(self, obligations: Iterable[Duty]) -> dict[_Side, Way]:
        """Choose who signs for each side; where nobody can, it is planned as for a plain key.

        Signing then says what is missing.
        """
        sides = {(o.account, o.channel) for o in obligations}
        return {side: self._signer.way(*side) or PLAIN for side in sides}

    def _allowance(
        self, accounts: Iterable[Address], under_way: Mapping[Address, int]
    ) -> dict[Address, Drops]:
        """Return what each may still spend today, were all that is on its way to apply."""
        cap = self._limits.fees.daily_cap
        return {
            payer: Drops(max(0, cap - self._docket.spent(payer) - under_way.get(payer, 0)))
            for payer in accounts
        }

    def _purses(
        self, payers: Iterable[Address], under_way: Mapping[Address, int]
    ) -> dict[Address, Drops]:
        """Return what those who pay for others have left, were all that is on its way to apply.

        All of it counts: a fee may come out of the reserve (rippled Transactor.cpp, checkFee).
        """
        balances = {payer: self._docket.balance(payer) for payer in payers}
        return {
            payer: Drops(max(0, balance - under_way.get(payer, 0)))
            for payer, balance in balances.items()
            if balance is not None
        }

    def _fees_under_way(self, in_hand: Iterable[Redeem]) -> dict[Address, int]:
        """Return what is on its way, or about to be, may cost its payers; one fee for each seat."""
        seats: defaultdict[Address, dict[_Sat, Drops]] = defaultdict(dict)
        for attempt in self._docket.attempts.values():
            of_payer, sat = seats[attempt.payer], (attempt.account, attempt.seat)
            of_payer[sat] = max(attempt.fee, of_payer.get(sat, Drops(0)))
        for step in in_hand:
            account = step.obligation.account
            of_payer, sat = seats[step.way.payer(account)], (account, step.seat)
            of_payer[sat] = max(step.fee, of_payer.get(sat, Drops(0)))
        return {payer: sum(fees.values()) for payer, fees in seats.items()}


def _payers(ways: Mapping[_Side, Way]) -> set[Address]:
    """Return who pays for other accounts."""
    return {way.fee_payer for way in ways.values() if way.fee_payer is not None}


def _by(ways: Mapping[_Side, Way], attempt: Attempt) -> str:
    """Return by what right an attempt's side would be signed now; as it was where nobody is."""
    if attempt.channel is None:
        return attempt.by
    way = ways.get((attempt.account, attempt.channel))
    return attempt.by if way is None else way.by_instead_of(attempt.transaction)
