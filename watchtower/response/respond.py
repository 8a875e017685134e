"""One pass of responding: ask the terms, plan, and have it signed and sent.

What it guarantees: a pass that fails anywhere changes nothing that the next pass does not mend: it
plans again from state. Nothing leaves that is not on disk (``launch.py``), what is most urgent
leaves first, and nothing that cannot be signed, seated or paid for holds up what can: each account
is signed for beside the others (``lanes.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from watchtower.errors import RequestRefusedError, SigningError
from watchtower.ledger.events import LedgerClosed
from watchtower.response.attempt import Attempt
from watchtower.response.enquiry import Enquiry, enquire
from watchtower.response.forward import Forward
from watchtower.response.lanes import Lane, Lanes
from watchtower.response.launch import Launch
from watchtower.response.moment import Limits, Moment
from watchtower.response.obligation import Duty
from watchtower.response.plan import Leave, Redeem
from watchtower.response.presigned import Ahead, stuck_on_hands
from watchtower.response.submit import Submitter
from watchtower.response.surroundings import Docket, Servers, Signer
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, TxHash

__all__ = ["Limits", "Responder", "Response"]


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
        self._lanes = Lanes(
            docket, signer=signer, launch=launch, network_id=lambda: servers.network_id
        )
        self._told: dict[Address, Lane] = {}
        self._late: list[Attempt] = []
        self._planned_in: LedgerIndex | None = None
        self._planned: dict[tuple[Address, ChannelId], Drops] = {}
        self._standing = Response()

    def applied(self, transactions: Iterable[TxHash]) -> None:
        """Take note of attempts that a validated ledger has."""
        for transaction in transactions:
            self._submitter.applied(transaction)

    def hold_to(self, limits: Limits) -> None:
        """Plan anew under other limits; a pass that is under way ends under those it began with."""
        self._limits = limits
        self._planned_in = None

    def forget(self, channel: ChannelId) -> None:
        """Drop what is remembered of a channel that is closed and done with."""
        self._signer.forget(channel)

    @property
    def busy(self) -> Collection[Address]:
        """The accounts that are still being signed for, beside all that comes next."""
        return self._lanes.busy

    def tell_late(self, tell: Callable[[], None]) -> None:
        """Call ``tell`` whenever an account's hand has ended that no pass waited for."""
        self._lanes.tell_late(tell)

    async def close(self) -> None:
        """Stop signing."""
        await self._lanes.close()

    async def respond(self) -> Response:
        """Do what can be done now; who signs slowly is heard in a later pass.

        Raises:
            LedgerError: no server told fees, or any sequence where one was needed; what needs none
                was sent, and attempts on their way again.
            StoreError: an attempt could not be written down, and so was not sent.
        """
        self._late += self._hear()
        newest = self._docket.newest
        if newest is None:
            return Response()
        self._launch.send_again(newest.ledger_index)
        if self._anything_new(self._docket.obligations(), newest.ledger_index):
            response = await self._respond_in(newest)
        else:
            response = self._standing
        late, self._late = tuple(self._late), []
        response = replace(response, sent=(*late, *response.sent))
        return replace(response, alarming=self._launch.alarming())

    async def _respond_in(self, newest: LedgerClosed) -> Response:
        """Plan on fresh terms, and carry it out as far as the present ledger lasts."""
        limits = self._limits
        accounts = {obligation.account for obligation in self._docket.obligations()}
        enquiry = await enquire(self._servers, self._docket, accounts)
        # Asking takes time, and ledgers go on meanwhile: what is planned on the ledger of before
        # could be paid already, or past its last ledger before it leaves.
        newest = self._docket.newest or newest
        obligations = self._docket.obligations()
        done = await self._respond_to(obligations, self._moment(newest, enquiry))
        if enquiry.silence is not None and self._lacks_seats(obligations, done):
            # What left all the same is told by the next pass.
            self._late += done.sent
            raise enquiry.silence
        refused = enquiry.refused
        unseated = tuple((o, refused[o.account]) for o in obligations if o.account in refused)
        response = replace(done, unseated=unseated)
        if self._docket.newest is newest and self._limits is limits:
            self._planned_in = newest.ledger_index
            self._planned = {
                (o.account, o.channel): o.target for o in obligations if o.account not in self.busy
            }
            self._standing = replace(response, sent=())
        return response

    def _lacks_seats(self, obligations: Iterable[Duty], done: Response) -> bool:
        """Return whether there is no answer to any of ``obligations``, for want of a sequence."""
        answered: set[tuple[Address, ChannelId | None]] = {
            (attempt.account, attempt.channel) for attempt in self._docket.attempts.values()
        }
        owed: list[Duty] = [step.obligation for step in done.left]
        owed += [step.obligation for step in done.would_redeem]
        owed += [each for each, _ in done.unsigned]
        answered |= {(each.account, each.channel) for each in owed}
        return any(
            (each.account, each.channel) not in answered and each.account not in self.busy
            for each in obligations
        )

    def _moment(self, newest: LedgerClosed, enquiry: Enquiry) -> Moment:
        return Moment(
            self._docket,
            signer=self._signer,
            submitter=self._submitter,
            limits=self._limits,
            newest=newest,
            enquiry=enquiry,
        )

    async def _respond_to(self, obligations: Collection[Duty], moment: Moment) -> Response:
        """Submit what was signed ahead, have the rest signed, and fall back where nobody would."""
        terms, unfit = moment.terms(()), {attempt.transaction for attempt in moment.unfit()}
        ahead, forward = await self._forward.submit(obligations, replace(terms, unfit=unfit))
        moment.entered += len(forward)
        moment.turn_from_unfit(but=self.busy)
        mine = [owed for owed in ahead.rest if owed.account not in self.busy]
        redeem, left = self._lanes.plan(mine, moment)
        if self._launch.shadow:
            return _in_shadow(ahead, redeem, left)
        begun = self._lanes.begin(moment, mine, redeem, left)
        asked = set(self.busy)
        await self._lanes.wait_for(begun)
        signed = self._hear()
        lanes = [self._told[account] for account in sorted(asked) if account in self._told]
        left = [step for step in left if step.obligation.account not in asked]
        left += [step for lane in lanes for step in lane.left]
        unsigned = [each for lane in lanes for each in lane.unsigned]
        attempts = self._docket.attempts.values()
        stuck = stuck_on_hands(ahead.rest, unsigned, left, attempts, self._submitter.unfit)
        more = await self._forward.fall_back(stuck, moment.terms(()) if stuck else terms)
        return Response(
            sent=(*forward, *signed, *more),
            left=(*ahead.left, *left),
            unsigned=tuple(unsigned),
        )

    def _hear(self) -> list[Attempt]:
        """Take note of what became of the accounts that have been signed for; return what left."""
        ended = self._lanes.ended()
        self._told |= ended
        return [attempt for lane in ended.values() for attempt in lane.sent]

    def _anything_new(self, obligations: Iterable[Duty], now: LedgerIndex) -> bool:
        """Return whether anything is owed that was not planned for in this very ledger.

        No server is asked for terms twice a ledger for the same thing.
        """
        if now != self._planned_in:
            self._planned, self._standing = {}, Response()
        return any(
            self._planned.get((o.account, o.channel), -1) < o.target
            for o in obligations
            if o.account not in self.busy
        )


def _in_shadow(ahead: Ahead, redeem: Iterable[Redeem], left: Iterable[Leave]) -> Response:
    would = [step.as_redeem() for step in ahead.submit]
    return Response(left=(*ahead.left, *left), would_redeem=(*would, *redeem))
