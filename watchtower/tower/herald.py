"""The herald: what happened and what was decided, told to people, the log and the journal.

It decides nothing. Each judgement, outcome and response is told once: alarms by the desk's rules,
log lines and journal entries only where a verdict is another one than before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

import structlog

from watchtower.alerts import catalogue, of_cosigners, of_keys, of_payers, of_signers, of_slack
from watchtower.alerts.desk import Desk
from watchtower.alerts.rules import Alarm
from watchtower.alerts.unpaid import Unpaid
from watchtower.errors import (
    HsmError,
    KeyMissingError,
    QuorumMissingError,
    SignerUnreachableError,
    SigningError,
)
from watchtower.guard.learned import Learned, Settlement
from watchtower.judgement.channel_events import ChannelOpened, Funded
from watchtower.judgement.explain import describe, describe_unprotectable
from watchtower.judgement.explain_outgoing import describe_outgoing
from watchtower.judgement.judge import Judgement
from watchtower.judgement.outgoing import OutgoingJudgement, Standing
from watchtower.judgement.verdict import Closed, Expired, Threatened
from watchtower.ledger.events import LedgerClosed
from watchtower.ledger.health import HealthEvent
from watchtower.response.attempt import Attempt, OutcomeKind, Purpose
from watchtower.response.bidding import Refusal
from watchtower.response.plan import Leave, Redeem
from watchtower.response.respond import Response
from watchtower.tower.changes import Changes
from watchtower.tower.losses import Losses
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime

__all__ = ["Herald"]

_log = structlog.get_logger(__name__)

_NOBODY_SIGNS: Final = frozenset({"hsm_does_not_sign", "key_missing", "quorum_missing"})
"""What stands under an account for which something is owed, and nobody signs."""


class Herald:
    """Tells, and writes into ``changes`` what belongs in the journal."""

    def __init__(
        self,
        desk: Desk,
        changes: Changes,
        *,
        losses: Losses | None = None,
        proven: Collection[Address] = (),
    ) -> None:
        """Begin with nothing told but the ``losses`` of before.

        ``proven`` are accounts whose token is tried out (`KeyWatch`): what is said of a token there
        is ended by who tries it, and by what it signs.
        """
        self._desk = desk
        self._changes = changes
        self._verdicts: dict[ChannelId, str] = {}
        self._losses = losses or Losses()
        self._doubted: dict[ChannelId, tuple[LedgerIndex, Judgement]] = {}
        self._known_to = 0  # the state of channels, as it is told or as it was read in between
        self._read_to = 0  # whatever happened to them, those that are gone too
        self._shadowed: dict[ChannelId, Drops] = {}
        self._alarming: set[ChannelId] = set()
        self._left: dict[ChannelId, Refusal] = {}
        self._capped: set[Address] = set()
        self._standings: dict[ChannelId, str] = {}
        self._foreign: dict[ChannelId, Drops] = {}
        self._proven = frozenset(proven)
        self._unsigned: dict[Address, set[str]] = {}
        self._unpaid = Unpaid()
        self._fresh: dict[ChannelId, Judgement] = {}  # what is owed had no chance to be paid yet

    def learned(self, learned: Learned) -> None:
        """Tell what one fact changed."""
        for event in learned.events:
            # What is only good news is in the journal; a long history of it is no reading matter.
            log = _log.debug if isinstance(event, ChannelOpened | Funded) else _log.info
            log("channel_event", what=type(event).__name__, channel=event.channel)
        self.settled(learned.settled)

    def health(self, event: HealthEvent) -> None:
        """Tell how the servers are; the ledger's own room logs it."""
        self._desk.health(event)

    def judged(self, judgement: Judgement, *, ledger_index: LedgerIndex) -> None:
        """Tell what is thought of a channel, where that is new."""
        channel, verdict = judgement.channel, judgement.verdict
        if isinstance(verdict, Threatened):
            alarm = catalogue.close_requested(
                channel, at_stake=verdict.at_stake, deadline=verdict.deadline
            )
            self._desk.stand(alarm)
        else:
            self._desk.end("close_requested", channel)
        self._slack(judgement, ledger_index, judgement.ledger_time)
        if judgement.unprotectable and judgement.at_stake:
            why = " ".join(describe_unprotectable(reason) for reason in judgement.unprotectable)
            alarm = catalogue.channel_unprotectable(
                channel, why=why.rstrip("."), at_stake=judgement.at_stake
            )
            self._desk.stand(alarm)
        else:
            self._desk.end("channel_unprotectable", channel)
        self._verdict(judgement, ledger_index)

    @property
    def is_in_doubt(self) -> bool:
        """Whether a channel seems to have lost something, and may have been paid."""
        return bool(self._doubted)

    def knows(self, ledger_index: LedgerIndex) -> None:
        """Take note that the state of every channel is known that is in the ledger by then."""
        self._known_to = max(self._known_to, ledger_index)

    def read(self, ledger_index: LedgerIndex | None) -> None:
        """Take note that all is known that had happened to channels by a ledger, or ever will."""
        self._read_to = max(self._read_to, ledger_index or 0)

    def waited(self, newest: LedgerClosed) -> None:
        """Tell of what is not paid though it had its chance by now; call it when all is judged."""
        for judgement in tuple(self._fresh.values()):
            self._slack(judgement, newest.ledger_index, newest.pressing_time)
        for since, judgement in tuple(self._doubted.values()):
            # The last balance of a channel that is gone stands in history alone.
            is_gone = isinstance(judgement.verdict, Closed)
            if max(self._read_to, 0 if is_gone else self._known_to) >= since:
                self._verdict(judgement, newest.ledger_index, is_sure=True)

    def settled(self, settled: Sequence[Settlement]) -> None:
        """Tell what became of attempts."""
        for settlement in settled:
            attempt, outcome = settlement.attempt, settlement.outcome
            _log.info(
                "attempt_settled",
                channel=attempt.channel,
                transaction=attempt.transaction,
                outcome=outcome.kind.value,
                paid=outcome.paid,
                fee=outcome.fee,
                why=outcome.why,
            )
            channel, transaction = attempt.channel, attempt.transaction
            if channel is None:
                continue
            if attempt.purpose.closes:
                self._settled_close(settlement, channel)
            elif outcome.kind is OutcomeKind.PAID:
                paid = catalogue.redeemed(channel, paid=outcome.paid, transaction=transaction)
                self._desk.happen(paid)
            elif outcome.kind is not OutcomeKind.ALREADY_PAID:
                refused = catalogue.attempt_refused(
                    channel, transaction=transaction, why=outcome.why
                )
                self._desk.happen(refused)

    def judged_outgoing(self, judgement: OutgoingJudgement, *, ledger_index: LedgerIndex) -> None:
        """Tell what is thought of a payer's channel, where that is new."""
        channel, foreign = judgement.channel, judgement.foreign
        if foreign is None or judgement.signed is None:
            self._desk.end("foreign_claim_key", channel)
            self._foreign.pop(channel, None)
        else:
            left = Drops(0) if judgement.standing is Standing.CLOSED else judgement.returns
            alarm = of_payers.foreign_claim_key(
                channel, amount=foreign.amount, signed=judgement.signed, left=left
            )
            self._desk.stand(alarm)
            if self._foreign.get(channel) != foreign.amount:
                self._foreign[channel] = foreign.amount
                facts = {
                    "amount": foreign.amount,
                    "signed": judgement.signed,
                    "transaction": foreign.transaction,
                }
                _log.warning("foreign_claim", channel=channel, **facts)
                self._changes.note("foreign_claim", channel, ledger_index, **facts)
        standing = judgement.standing.value
        before = self._standings.get(channel)
        self._standings[channel] = standing
        if standing != before and (before is not None or judgement.act is not None):
            sentence = describe_outgoing(judgement)
            _log.info("standing", channel=channel, standing=standing, sentence=sentence)
            self._changes.note(
                "judged_outgoing", channel, ledger_index, standing=standing, sentence=sentence
            )

    def _settled_close(self, settlement: Settlement, channel: ChannelId) -> None:
        attempt, outcome = settlement.attempt, settlement.outcome
        if outcome.kind is not OutcomeKind.DONE:
            what = "finalise" if attempt.purpose is Purpose.FINALISE else "ask to close"
            refused = catalogue.attempt_refused(
                channel, transaction=attempt.transaction, why=outcome.why, what=what
            )
            self._desk.happen(refused)
        elif attempt.purpose is Purpose.FINALISE:
            self._desk.happen(
                of_payers.expired_channel_finalised(channel, transaction=attempt.transaction)
            )
        else:
            self._desk.happen(of_payers.close_asked(channel, transaction=attempt.transaction))

    def responded(self, response: Response) -> None:
        """Tell what a pass of responding did."""
        for attempt in response.sent:
            _log.info(
                "attempt_sent",
                channel=attempt.channel,
                transaction=attempt.transaction,
                target=attempt.target,
                fee=attempt.fee,
                last_ledger=None if attempt.never_lapses else attempt.last_ledger,
            )
            for name in _NOBODY_SIGNS:
                self._desk.end(name, attempt.account)
            self._unsigned.pop(attempt.account, None)
        for obligation, refused in response.unsigned:
            if (alarm := _alarm_of(obligation.account, refused)) is not None:
                self._desk.stand(alarm)
                self._unsigned.setdefault(obligation.account, set()).add(alarm.name)
            else:
                _log.warning("not_signed", channel=obligation.channel, why=str(refused))
        self._leave(response.left)
        for step in response.would_redeem:
            self._would_redeem(step)
        for channel, result in response.alarming.items():
            self._desk.stand(catalogue.result_alarming(channel, result=result))
        for channel in self._alarming - response.alarming.keys():
            self._desk.end("result_alarming", channel)
        self._alarming = set(response.alarming)

    def owed(self, accounts: Iterable[Address]) -> None:
        """Let what is said of missing keys and signers end where nothing is owed any more.

        Another tower, or a person, may have brought what was owed into the ledger.

        Args:
            accounts: those for which something is owed.
        """
        if not self._unsigned:
            return
        for account in self._unsigned.keys() - set(accounts):
            for name in _NOBODY_SIGNS & self._unsigned.pop(account):
                if name != "hsm_does_not_sign" or account not in self._proven:
                    self._desk.end(name, account)

    def completed(self, attempt: Attempt) -> None:
        """Let what stood about signatures end: another process has brought the last of them."""
        self._desk.end("quorum_missing", attempt.account)
        if attempt.channel is not None:
            self._desk.end("person_needed", attempt.channel)

    def restocked(self, attempts: Sequence[Attempt]) -> None:
        """Tell that tickets are being made."""
        for attempt in attempts:
            _log.info(
                "tickets_asked_for",
                account=attempt.account,
                transaction=attempt.transaction,
                fee=attempt.fee,
            )

    def forget(self, channel: ChannelId) -> None:
        """Drop what was told of a channel that is closed and done with."""
        self._verdicts.pop(channel, None)
        self._doubted.pop(channel, None)
        self._losses.forget(channel)
        self._standings.pop(channel, None)
        self._shadowed.pop(channel, None)
        self._unpaid.forget(channel)
        self._fresh.pop(channel, None)

    def _slack(self, judgement: Judgement, ledger_index: LedgerIndex, now: RippleTime) -> None:
        channel, verdict, deadline = judgement.channel, judgement.verdict, judgement.deadline
        self._fresh.pop(channel, None)
        alarm = None
        if not isinstance(verdict, Threatened) or deadline is None:
            self._unpaid.forget(channel)
        elif self._unpaid.had_chance(
            channel,
            target=judgement.target,
            at_stake=verdict.at_stake,
            ledger_index=ledger_index,
        ):
            alarm = of_slack.slack_low(
                channel,
                at_stake=verdict.at_stake,
                slack=deadline.slack(now),
                window=deadline.window,
                deadline=verdict.deadline,
                promised=judgement.left_time,
            )
        else:
            self._fresh[channel] = judgement
        if alarm is None:
            self._desk.end("slack_low", channel)
        else:
            self._desk.stand(alarm)

    def _verdict(
        self, judgement: Judgement, ledger_index: LedgerIndex, *, is_sure: bool = False
    ) -> None:
        channel, verdict = judgement.channel, judgement.verdict
        name = type(verdict).__name__
        before = self._verdicts.get(channel)
        doubted = self._doubted.pop(channel, None)
        lost = verdict.lost if isinstance(verdict, Expired | Closed) else Drops(0)
        is_news = self._losses.is_news(channel, lost)
        if before == name and not is_news:
            return
        is_proven = isinstance(verdict, Closed) and verdict.exact
        if lost and not is_proven and not is_sure:
            # What was paid before its end may not be read yet, after a start or an outage.
            is_as_before = doubted is not None and type(doubted[1].verdict).__name__ == name
            since = doubted[0] if doubted and is_as_before else ledger_index
            self._doubted[channel] = since, judgement
            return
        self._verdicts[channel] = name
        is_plain = not judgement.at_stake and not isinstance(verdict, Closed) and not is_news
        if before is None and is_plain:
            return
        sentence = describe(verdict)
        _log.info("verdict", channel=channel, verdict=name, sentence=sentence)
        self._changes.note("judged", channel, ledger_index, verdict=name, sentence=sentence)
        # A payer need never take out what has expired: who waits for that is told of no loss, and
        # only that the alarms about it have ended.
        if is_news:
            self._losses.told(channel, lost, at=judgement.ledger_time)
            why = sentence.rstrip(".")
            self._desk.happen(catalogue.lost(channel, unpaid=lost, why=why))

    def _leave(self, left: Sequence[Leave]) -> None:
        """Tell what is not redeemed, where that is new and not only a matter of ledgers."""
        lasting = {step.obligation.channel: step for step in left if step.why is not Refusal.DEAR}
        for channel, step in lasting.items():
            if self._left.get(channel) is not step.why:
                facts = {"why": step.why.value, "at_stake": step.obligation.at_stake}
                _log.info("left", channel=channel, **facts)
                self._changes.note("left", channel, None, **facts)
        self._left = {channel: step.why for channel, step in lasting.items()}
        capped = {
            step.way.payer(step.obligation.account)
            for step in lasting.values()
            if step.why is Refusal.DAILY_CAP
        }
        for account in sorted(capped):
            self._desk.stand(catalogue.daily_cap_reached(account))
        for account in self._capped - capped:
            self._desk.end("daily_cap_reached", account)
        self._capped = capped

    def _would_redeem(self, step: Redeem) -> None:
        owed = step.obligation
        if self._shadowed.get(owed.channel) == owed.target:
            return
        self._shadowed[owed.channel] = owed.target
        facts: dict[str, object] = {
            "target": owed.target,
            "at_stake": owed.at_stake,
            "fee": step.fee,
        }
        if owed.purpose.closes:
            facts["purpose"] = owed.purpose.value
        _log.info("would_redeem", channel=owed.channel, **facts)
        self._changes.note("would_redeem", owed.channel, None, **facts)


def _alarm_of(account: Address, refused: SigningError) -> Alarm | None:
    """Return the alarm for who does not sign for ``account``; None if a line in the log will do."""
    if isinstance(refused, KeyMissingError):
        return catalogue.key_missing(account)
    if isinstance(refused, HsmError):
        return of_keys.hsm_does_not_sign(account, why=str(refused))
    if isinstance(refused, QuorumMissingError):
        return of_cosigners.quorum_missing(account, why=str(refused.facts["why"]))
    if isinstance(refused, SignerUnreachableError):
        place, why = str(refused.facts["place"]), str(refused.facts["why"])
        return of_signers.signer_unreachable(place, why=why)
    return None
