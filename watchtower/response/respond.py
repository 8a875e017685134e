"""One pass of responding: plan, sign, journal, send.

What it guarantees: a transaction is on disk (its blob, hash, seat and last ledger) before the
first byte of it leaves; killed anywhere in between, the next start finds it and goes on. A pass
that fails anywhere changes nothing that the next pass does not mend: it plans again from state.
Everything on its way is sent again in every ledger, until the ledger has told what became of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from watchtower.errors import KeyMissingError, LedgerError, RequestRefusedError, SigningError
from watchtower.ledger.events import LedgerClosed
from watchtower.response.attempt import Attempt
from watchtower.response.fees import FeeOffer
from watchtower.response.plan import Leave, Obligation, Redeem, Terms, Wait, plan
from watchtower.response.submit import Submitter
from watchtower.response.surroundings import Docket, Servers, Signer, Store
from watchtower.response.transaction import claim_transaction
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, TxHash

__all__ = ["FeeLimits", "Responder", "Response"]

_log = structlog.get_logger(__name__)

_AT_ONCE: Final = 10
"""Attempts that are signed, written down and sent together. What is most urgent leaves first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeLimits:
    """What one attempt may cost, in drops, and for how many ledgers it is good."""

    cap: Drops
    last_ledger_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What one pass did.

    ``sent`` are new attempts; ``left`` was not worth its fee; ``unsigned`` could not be signed,
    and why; ``unseated`` has no sequence, because every server refused to tell the account's, and
    why; ``would_redeem`` is what would have been done, in shadow mode. ``alarming`` are the
    results that a person should see, of attempts on their way, by channel.
    """

    sent: tuple[Attempt, ...] = ()
    left: tuple[Leave, ...] = ()
    unsigned: tuple[tuple[Obligation, SigningError], ...] = ()
    unseated: tuple[tuple[Obligation, RequestRefusedError], ...] = ()
    would_redeem: tuple[Redeem, ...] = ()
    alarming: Mapping[ChannelId, str] = field(default_factory=dict)


class Responder:
    """Turns what is owed into transactions on their way."""

    def __init__(
        self,
        docket: Docket,
        *,
        store: Store,
        servers: Servers,
        signer: Signer,
        submitter: Submitter,
        limits: FeeLimits,
        shadow: bool = False,
    ) -> None:
        """Respond to what ``docket`` says; with ``shadow`` decide everything and send nothing."""
        self._docket = docket
        self._store = store
        self._servers = servers
        self._signer = signer
        self._submitter = submitter
        self._limits = limits
        self._shadow = shadow
        self._sent_in: dict[TxHash, LedgerIndex] = {}

    async def respond(self) -> Response:
        """Do what can be done now.

        Raises:
            LedgerError: no server told fees or sequences; attempts on their way were sent again.
            StoreError: an attempt could not be written down, and so was not sent.
        """
        newest = self._docket.newest
        if newest is None:
            return Response()
        self._send_again(newest.ledger_index)
        response = await self._respond_to(self._docket.obligations(), newest)
        return replace(response, alarming=self._alarming())

    async def _respond_to(
        self, obligations: Collection[Obligation], newest: LedgerClosed
    ) -> Response:
        if not obligations or self._all_wait(obligations, newest):
            return Response()
        accounts = {obligation.account for obligation in obligations}
        terms, refused = await self._ask_terms(accounts, newest.ledger_index)
        response = await self._carry_out(obligations, terms)
        unseated = tuple((o, refused[o.account]) for o in obligations if o.account in refused)
        return replace(response, unseated=unseated)

    def _alarming(self) -> Mapping[ChannelId, str]:
        attempts = self._docket.attempts
        self._submitter.keep_only(attempts.keys())
        return {
            attempts[transaction].channel: result
            for transaction, result in self._submitter.alarming.items()
        }

    def _send_again(self, now: LedgerIndex) -> None:
        attempts = self._docket.attempts
        for gone in self._sent_in.keys() - attempts.keys():
            del self._sent_in[gone]
        for attempt in attempts.values():
            if attempt.last_ledger > now and self._sent_in.get(attempt.transaction) != now:
                self._send(attempt, now)

    def _send(self, attempt: Attempt, now: LedgerIndex) -> None:
        if not self._shadow:
            self._sent_in[attempt.transaction] = now
            self._submitter.send(attempt)

    def _all_wait(self, obligations: Collection[Obligation], newest: LedgerClosed) -> bool:
        """Return whether every obligation is on its way, which needs no server to tell.

        Whether to wait depends on the attempts alone, so any fee and sequence will do here.
        """
        terms = self._terms(
            newest.ledger_index,
            FeeOffer(base=Drops(1), open_ledger=Drops(1)),
            {obligation.account: 0 for obligation in obligations},
        )
        plans = plan(obligations, self._docket.attempts.values(), terms)
        return all(isinstance(step, Wait) for step in plans)

    async def _ask_terms(
        self, accounts: Collection[Address], now: LedgerIndex
    ) -> tuple[Terms, Mapping[Address, RequestRefusedError]]:
        """Return the terms, and why accounts are refused that every server refuses to tell of.

        Everything is asked at once, so that a server that hangs costs one timeout, however many
        accounts are guarded.
        """
        in_order = sorted(accounts)
        fees, answers = await asyncio.gather(
            self._servers.fee(), asyncio.gather(*map(self._ask_sequence, in_order))
        )
        told = dict(zip(in_order, answers, strict=True))
        sequences = {a: answer for a, answer in told.items() if isinstance(answer, int)}
        failures = [answer for answer in answers if isinstance(answer, LedgerError)]
        if not sequences and failures:
            raise failures[-1]
        offer = FeeOffer(base=fees.base_fee, open_ledger=fees.open_ledger_fee)
        refused = {a: why for a, why in told.items() if isinstance(why, RequestRefusedError)}
        return self._terms(now, offer, sequences), refused

    async def _ask_sequence(self, account: Address) -> int | LedgerError:
        """Return the account's next sequence, or why nobody tells it.

        Where servers disagree, each attempt that passes unseen makes the next one believe another
        of them: a single liar would otherwise leave a hole below every seat, for ever.
        """
        try:
            told = await self._servers.account_sequences(account)
            return told[self._docket.lapses.get(account, 0) % len(told)]
        except LedgerError as failed:
            # One account that is gone must not hold up the others.
            _log.warning("sequence_unknown", account=account, why=str(failed))
            return failed

    def _terms(self, now: LedgerIndex, offer: FeeOffer, sequences: Mapping[Address, int]) -> Terms:
        return Terms(
            validated=now,
            next_sequence=sequences,
            offer=offer,
            fee_cap=self._limits.cap,
            last_ledger_offset=self._limits.last_ledger_offset,
            underpriced=self._submitter.underpriced,
        )

    async def _carry_out(self, obligations: Collection[Obligation], terms: Terms) -> Response:
        sent: list[Attempt] = []
        unsigned: list[tuple[Obligation, SigningError]] = []
        while True:
            if (newest := self._docket.newest) is not None:
                # Asking and signing take time, and ledgers go on meanwhile: what is planned on
                # the ledger of before could be past its last ledger before it leaves.
                terms = replace(terms, validated=newest.ledger_index)
            plans = plan(obligations, self._docket.attempts.values(), terms)
            redeem = [step for step in plans if isinstance(step, Redeem)]
            left = tuple(step for step in plans if isinstance(step, Leave))
            if self._shadow or not redeem:
                break
            attempts, refused = await self._sign_some(redeem)
            await self._write_down(attempts)
            for attempt in attempts:
                self._docket.attempt_made(attempt)
                self._send(attempt, attempt.made_in)
            sent += attempts
            if refused is not None:
                # Planned anew without it: an unsigned seat would be a hole for all behind it.
                alike = _refused_alike(obligations, *refused)
                unsigned += [(obligation, refused[1]) for obligation in alike]
                gone = {obligation.channel for obligation in alike}
                obligations = [o for o in obligations if o.channel not in gone]
        would_redeem = tuple(redeem) if self._shadow else ()
        return Response(
            sent=tuple(sent), left=left, unsigned=tuple(unsigned), would_redeem=would_redeem
        )

    async def _sign_some(
        self, redeem: Sequence[Redeem]
    ) -> tuple[list[Attempt], tuple[Obligation, SigningError] | None]:
        """Sign the most urgent steps, so that they leave while the rest is still to be signed."""
        attempts: list[Attempt] = []
        for step in redeem[:_AT_ONCE]:
            try:
                attempts.append(await self._sign(step))
            except SigningError as why:
                return attempts, (step.obligation, why)
        return attempts, None

    async def _sign(self, step: Redeem) -> Attempt:
        owed = step.obligation
        signed = await self._signer.sign(
            claim_transaction(
                account=owed.account,
                claim=owed.claim,
                target=owed.target,
                fee=step.fee,
                seat=step.seat,
                last_ledger=step.last_ledger,
                network_id=self._servers.network_id or 0,
            )
        )
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
        )

    async def _write_down(self, attempts: Sequence[Attempt]) -> None:
        if not attempts:
            return
        async with self._store.write() as work:
            for attempt in attempts:
                await work.attempts.put(attempt)
                await work.journal.append(
                    "attempt_made",
                    channel=attempt.channel,
                    ledger_index=attempt.made_in,
                    facts={
                        "transaction": attempt.transaction,
                        "sequence": attempt.seat.number,
                        "target": attempt.target,
                        "fee": attempt.fee,
                        "last_ledger": attempt.last_ledger,
                    },
                )


def _refused_alike(
    obligations: Iterable[Obligation], refused: Obligation, why: SigningError
) -> Collection[Obligation]:
    """Return what cannot be signed either: with no key, everything of the account."""
    if isinstance(why, KeyMissingError):
        return [o for o in obligations if o.account == refused.account]
    return [refused]
