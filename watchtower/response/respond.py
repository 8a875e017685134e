"""One pass of responding: ask the terms, plan, sign, and launch.

What it guarantees: a pass that fails anywhere changes nothing that the next pass does not mend: it
plans again from state. Nothing leaves that is not on disk (``launch.py``), what is most urgent
leaves first, and nothing that cannot be signed, seated or paid for holds up what can.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from watchtower.errors import (
    FeeMoneyError,
    RequestRefusedError,
    SignerUnfitError,
    SigningError,
    SigningRefusedError,
)
from watchtower.ledger.events import LedgerClosed, Seat
from watchtower.response.attempt import Attempt
from watchtower.response.bidding import Refusal
from watchtower.response.enquiry import Enquiry, enquire
from watchtower.response.fees import FeePolicy
from watchtower.response.forward import Forward
from watchtower.response.launch import Launch
from watchtower.response.obligation import Duty, Obligation
from watchtower.response.plan import Leave, Redeem, Terms, plan
from watchtower.response.presigned import stuck_on_hands
from watchtower.response.submit import Submitter
from watchtower.response.surroundings import Docket, Servers, Signed, Signer
from watchtower.response.transaction import claim_transaction, close_transaction
from watchtower.response.way import PLAIN, Way
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, TxHash

__all__ = ["Limits", "Responder", "Response"]

_Side = tuple[Address, ChannelId]
_Sat = tuple[Address, Seat]

_AT_ONCE: Final = 10
"""Attempts that are signed, written down and sent together at first, and then twice as many every
time: what is most urgent leaves soonest, and a thousand do not take a hundred fsyncs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What attempts may cost, and for how many ledgers each is good."""

    fees: FeePolicy
    last_ledger_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What one pass did.

    ``sent`` are new attempts; ``left`` is not redeemed now, and why; ``unsigned`` could not be
    signed, and why; ``unseated`` has no seat, because every server refused to tell the account's
    sequence, and why; ``would_redeem`` is what would have been done, in shadow mode. ``alarming``
    are the results that a person should see, of attempts on their way, by channel.
    """

    sent: tuple[Attempt, ...] = ()
    left: tuple[Leave, ...] = ()
    unsigned: tuple[tuple[Duty, SigningError], ...] = ()
    unseated: tuple[tuple[Duty, RequestRefusedError], ...] = ()
    would_redeem: tuple[Redeem, ...] = ()
    alarming: Mapping[ChannelId, str] = field(default_factory=dict)


class Responder:
    """Turns what is owed into transactions on their way."""

    def __init__(
        self,
        docket: Docket,
        *,
        servers: Servers,
        signer: Signer,
        submitter: Submitter,
        launch: Launch,
        limits: Limits,
        forward: Forward | None = None,
    ) -> None:
        """Respond to what ``docket`` says; a launch in shadow decides all and sends nothing."""
        self._forward = forward or Forward(docket, launch)
        self._docket = docket
        self._servers = servers
        self._signer = signer
        self._submitter = submitter
        self._launch = launch
        self._limits = limits
        self._planned_in: LedgerIndex | None = None
        self._planned: dict[tuple[Address, ChannelId], Drops] = {}
        self._standing = Response()

    def applied(self, transactions: Iterable[TxHash]) -> None:
        """Take note of attempts that a validated ledger has."""
        for transaction in transactions:
            self._submitter.applied(transaction)

    async def respond(self) -> Response:
        """Do what can be done now.

        Raises:
            LedgerError: no server told fees or sequences; attempts on their way were sent again.
            StoreError: an attempt could not be written down, and so was not sent.
        """
        newest = self._docket.newest
        if newest is None:
            return Response()
        self._launch.send_again(newest.ledger_index)
        if self._anything_new(self._docket.obligations(), newest.ledger_index):
            response = await self._respond_in(newest)
        else:
            response = self._standing
        return replace(response, alarming=self._launch.alarming())

    async def _respond_in(self, newest: LedgerClosed) -> Response:
        """Plan on fresh terms, and carry it out as far as the present ledger lasts."""
        accounts = {obligation.account for obligation in self._docket.obligations()}
        enquiry = await enquire(self._servers, self._docket, accounts)
        # Asking takes time, and ledgers go on meanwhile: what is planned on the ledger of before
        # could be paid already, or past its last ledger before it leaves.
        newest = self._docket.newest or newest
        obligations = self._docket.obligations()
        done = await self._respond_to(obligations, newest, enquiry)
        refused = enquiry.refused
        unseated = tuple((o, refused[o.account]) for o in obligations if o.account in refused)
        response = replace(done, unseated=unseated)
        if self._docket.newest is newest:
            self._planned_in = newest.ledger_index
            self._planned = {(o.account, o.channel): o.target for o in obligations}
            self._standing = replace(response, sent=())
        return response

    async def _respond_to(
        self, obligations: Collection[Duty], newest: LedgerClosed, enquiry: Enquiry
    ) -> Response:
        """Submit what was signed ahead, have the rest signed, and fall back where nobody would."""
        terms, unfit_ones = self._terms((), newest, enquiry), self._submitter.unfit
        unfit = {attempt.transaction for attempt in self._unfit()}
        ahead, sent = await self._forward.submit(obligations, replace(terms, unfit=unfit))
        done = await self._carry_out(ahead.rest, newest, enquiry, sent)
        attempts = self._docket.attempts.values()
        stuck = stuck_on_hands(ahead.rest, done.unsigned, done.left, attempts, unfit_ones)
        more = await self._forward.fall_back(stuck, terms, entered=len(done.sent))
        would = [step.as_redeem() for step in ahead.submit] if self._launch.shadow else []
        return replace(
            done,
            sent=(*done.sent, *more),
            left=(*ahead.left, *done.left),
            would_redeem=(*would, *done.would_redeem),
        )

    def _anything_new(self, obligations: Iterable[Duty], now: LedgerIndex) -> bool:
        """Return whether anything is owed that was not planned for in this very ledger.

        No server is asked for terms twice a ledger for the same thing.
        """
        if now != self._planned_in:
            self._planned, self._standing = {}, Response()
        return any(self._planned.get((o.account, o.channel), -1) < o.target for o in obligations)

    def _terms(self, obligations: Iterable[Duty], newest: LedgerClosed, enquiry: Enquiry) -> Terms:
        """Return the terms of this moment, with who signs for each as it is now."""
        submitter, accounts = self._submitter, enquiry.sequences
        ways = self._ways(obligations)
        return Terms(
            validated=newest.ledger_index,
            now=newest.pressing_time,
            pace=self._docket.pace,
            accounted=self._docket.known_to,
            next_sequence=enquiry.sequences,
            tickets={account: self._docket.tickets(account) for account in accounts},
            market=enquiry.market,
            policy=self._limits.fees,
            allowance=self._allowance(accounts, ways),
            purses=self._purses(ways),
            last_ledger_offset=self._limits.last_ledger_offset,
            underpriced=submitter.underpriced,
            queued=submitter.queued,
            held_up=submitter.held_up,
            unseated=submitter.unseated,
            asked=submitter.asked,
            ways=ways,
            unfit={a.transaction for a in self._unfit() if self._by(ways, a) != a.by},
        )

    def _unfit(self) -> list[Attempt]:
        """Return the attempts that no server takes from who signed them, or for want of money."""
        attempts = self._docket.attempts
        return [attempts[unfit] for unfit in self._submitter.unfit if unfit in attempts]

    def _by(self, ways: Mapping[_Side, Way], attempt: Attempt) -> str:
        if attempt.channel is None:
            return attempt.by
        way = ways.get((attempt.account, attempt.channel))
        return attempt.by if way is None else way.by_instead_of(attempt.transaction)

    def _turn_from_unfit(self) -> None:
        """Turn from whoever signed what no server takes from it.

        That may be untrue. But nobody is shut out by it, and whoever is next was configured too.
        """
        for attempt in self._unfit():
            way = self._signer.way(attempt.account, attempt.channel)
            if way is not None and way.by == attempt.by:
                why = self._submitter.alarming.get(attempt.transaction, "it may not")
                refused = SignerUnfitError(account=attempt.account, why=why)
                self._signer.turn(attempt.account, attempt.channel, refused, by=attempt.by)

    def _ways(self, obligations: Iterable[Duty]) -> dict[_Side, Way]:
        """Choose who signs for each side; where nobody can, it is planned as for a plain key.

        Signing then says what is missing.
        """
        sides = {(o.account, o.channel) for o in obligations}
        return {side: self._signer.way(*side) or PLAIN for side in sides}

    def _allowance(
        self, accounts: Iterable[Address], ways: Mapping[_Side, Way]
    ) -> dict[Address, Drops]:
        """Return what each may still spend today, were all that is on its way to apply."""
        cap, under_way = self._limits.fees.daily_cap, self._fees_under_way()
        return {
            payer: Drops(max(0, cap - self._docket.spent(payer) - under_way.get(payer, 0)))
            for payer in {*accounts, *_payers(ways)}
        }

    def _purses(self, ways: Mapping[_Side, Way]) -> dict[Address, Drops]:
        """Return what those who pay for others have left, were all that is on its way to apply.

        All of it counts: a fee may come out of the reserve (rippled Transactor.cpp, checkFee).
        """
        under_way = self._fees_under_way()
        balances = {payer: self._docket.balance(payer) for payer in _payers(ways)}
        return {
            payer: Drops(max(0, balance - under_way.get(payer, 0)))
            for payer, balance in balances.items()
            if balance is not None
        }

    def _fees_under_way(self) -> dict[Address, int]:
        """Return what attempts under way may cost whoever pays for them; one fee for each seat."""
        seats: defaultdict[Address, dict[_Sat, Drops]] = defaultdict(dict)
        for attempt in self._docket.attempts.values():
            of_payer, sat = seats[attempt.payer], (attempt.account, attempt.seat)
            of_payer[sat] = max(attempt.fee, of_payer.get(sat, Drops(0)))
        return {payer: sum(fees.values()) for payer, fees in seats.items()}

    async def _carry_out(
        self,
        obligations: Collection[Duty],
        newest: LedgerClosed,
        enquiry: Enquiry,
        sent: list[Attempt],
    ) -> Response:
        """Carry out the plan for one ledger, until the next one closes, behind what was ``sent``.

        When who signs refuses, what is left is planned anew: with who is next, in the way and at
        the price of that one, or without it, for an unsigned seat would be a hole for all behind
        it.
        """
        unsigned: list[tuple[Duty, SigningError]] = []
        penniless: set[tuple[Address, str]] = set()
        self._turn_from_unfit()
        while True:
            terms = replace(self._terms(obligations, newest, enquiry), entered=len(sent))
            plans = plan(obligations, self._docket.attempts.values(), terms)
            redeem = [step for step in plans if isinstance(step, Redeem)]
            left = tuple(step for step in plans if isinstance(step, Leave))
            if self._turn_from_penniless(left, penniless):
                continue
            if self._launch.shadow:
                return Response(left=left, would_redeem=tuple(redeem))
            refused = await self._send_while_it_lasts(redeem, terms.validated, sent)
            if refused is None:
                return Response(sent=tuple(sent), left=left, unsigned=tuple(unsigned))
            owed, why = refused
            has_next = self._signer.turn(owed.account, owed.channel, why)
            if has_next and self._docket.newest is newest:
                continue
            # Whoever takes longer to refuse than a ledger lasts is not waited for twice: the next
            # pass is due, and begins with who is next.
            alike = _refused_alike(obligations, *refused)
            unsigned += [(obligation, refused[1]) for obligation in alike]
            gone = {(obligation.account, obligation.channel) for obligation in alike}
            obligations = [o for o in obligations if (o.account, o.channel) not in gone]

    def _turn_from_penniless(
        self, left: Iterable[Leave], penniless: set[tuple[Address, str]]
    ) -> bool:
        """Turn from whoever has others pay, and these cannot; return whether that changed any.

        What the account itself may spend is the operator's to say, and is no reason to turn. In
        one pass nobody is turned from twice; ``penniless`` remembers that.
        """
        turned = False
        for step in left:
            owed, way = step.obligation, step.way
            is_penniless = step.why in {Refusal.POOR, Refusal.DAILY_CAP}
            if way.fee_payer and is_penniless and (owed.account, way.by) not in penniless:
                penniless.add((owed.account, way.by))
                why = FeeMoneyError(account=owed.account, payer=way.fee_payer, why=step.why.value)
                turned |= self._signer.turn(owed.account, owed.channel, why, by=way.by)
        return turned

    async def _send_while_it_lasts(
        self, redeem: Sequence[Redeem], validated: LedgerIndex, sent: list[Attempt]
    ) -> tuple[Duty, SigningError] | None:
        """Sign and send, some at a time, until the next ledger closes.

        What left is added to ``sent``, even if what follows fails.

        Returns:
            What could not be signed, and why; None if nothing was refused.
        """
        first, count = 0, _AT_ONCE
        while first < len(redeem):
            attempts, refused = await self._sign_some(redeem[first : first + count])
            await self._launch.launch(attempts)
            sent += attempts
            first, count = first + count, 2 * count
            newest = self._docket.newest
            if refused is not None:
                return refused
            if newest is not None and newest.ledger_index != validated:
                break
        return None

    async def _sign_some(
        self, redeem: Sequence[Redeem]
    ) -> tuple[list[Attempt], tuple[Duty, SigningError] | None]:
        """Sign the most urgent steps, so that they leave while the rest is still to be signed."""
        attempts: list[Attempt] = []
        try:
            async for signed in self._signer.sign_each(map(self._unsigned, redeem)):
                attempts.append(self._attempt(redeem[len(attempts)], signed))
        except SigningError as why:
            return attempts, (redeem[len(attempts)].obligation, why)
        return attempts, None

    def _unsigned(self, step: Redeem) -> Mapping[str, Any]:
        owed = step.obligation
        network_id = self._servers.network_id or 0
        if isinstance(owed, Obligation):
            return claim_transaction(
                account=owed.account,
                claim=owed.claim,
                target=owed.target,
                fee=step.fee,
                seat=step.seat,
                last_ledger=step.last_ledger,
                network_id=network_id,
            )
        return close_transaction(
            account=owed.account,
            channel=owed.channel,
            fee=step.fee,
            seat=step.seat,
            last_ledger=step.last_ledger,
            network_id=network_id,
        )

    def _attempt(self, step: Redeem, signed: Signed) -> Attempt:
        owed = step.obligation
        return Attempt(
            channel=owed.channel,
            account=owed.account,
            seat=step.seat,
            target=owed.target,
            balance_before=owed.balance,
            fee=step.fee,
            last_ledger=step.last_ledger,
            made_in=LedgerIndex(step.last_ledger - self._limits.last_ledger_offset),
            transaction=signed.transaction,
            blob=signed.blob,
            purpose=owed.purpose,
            fee_units=step.way.fee_units,
            fee_payer=step.way.fee_payer,
            by=step.way.by,
        )


def _payers(ways: Mapping[_Side, Way]) -> set[Address]:
    """Return who pays for other accounts."""
    return {way.fee_payer for way in ways.values() if way.fee_payer is not None}


def _refused_alike(
    obligations: Iterable[Duty], refused: Duty, why: SigningError
) -> Collection[Duty]:
    """Return what cannot be signed either: all of the account, but for a refusal of this alone."""
    if isinstance(why, SigningRefusedError):
        return [refused]
    return [o for o in obligations if o.account == refused.account]
