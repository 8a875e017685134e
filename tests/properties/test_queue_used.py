"""The responder against a ledger with little room, its queue, its prices, and everybody else.

The machine closes channels, fills ledgers, has submissions refused, lost or taken without a word,
lets the account's owner take sequences under our hands, and has facts arrive late. The ledger is
the sandbox's own, with its queue and its signatures; the tower's part is the real responder on a
watch that learns from the real stream. What holds whatever happens: a replacement pays what the
queue asks of one; nothing costs more than what is at stake allows; no more of one account are
queued than the queue takes; and when the trouble is over, all that was worth its fee and is not
past its end is redeemed. Where nothing went wrong at all, each claim cost one transaction.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from typing_extensions import override

from watchtower.errors import SigningError
from watchtower.guard.watch import Watch
from watchtower.judgement.claim import Claim
from watchtower.judgement.policy import Policy
from watchtower.ledger.answers import Fees, SubmitAnswer, read_account_field, read_fees
from watchtower.ledger.answers import read_submission as read
from watchtower.ledger.events import Fact, LedgerAccounted, LedgerClosed
from watchtower.ledger.sequence import Sequence as LedgerSequence
from watchtower.response.attempt import Attempt
from watchtower.response.fees import FeePolicy
from watchtower.response.launch import Launch
from watchtower.response.respond import Limits, Responder
from watchtower.response.submit import Submitter
from watchtower.response.way import PLAIN, Way
from watchtower.sandbox.bystanders import UseAt
from watchtower.sandbox.clock import Clock, Pace
from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.hashing import channel_index
from watchtower.sandbox.line import connect
from watchtower.sandbox.network import Network
from watchtower.sandbox.node import Node
from watchtower.sandbox.people import RICH, Person
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.transaction import parse_json
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, TxHash

XRP: Final = 1_000_000
PAYER, PAYEE = Person.named("a payer"), Person.named("a payee")
ACCOUNT: Final = PAYEE.address
POLICY: Final = FeePolicy(
    share_ppm=500_000, haste_ppm=1_000, cap=Drops(XRP), daily_cap=Drops(100 * XRP)
)
LIMITS: Final = Limits(fees=POLICY, last_ledger_offset=8)
MARGIN: Final = 20
ENOUGH: Final = 40
"""Ledgers without trouble in which everything can be redeemed."""

TF_CLOSE: Final = 0x00020000
QUEUED_AT_MOST: Final = 10
BASE_FEE: Final = 10
REFUSALS: Final = ("telINSUF_FEE_P", "telCAN_NOT_QUEUE", "terPRE_SEQ", "tefBAD_AUTH", "xyzzy", None)


@dataclass
class World:
    """The ledger in a box, one server of it, and what that server has told us."""

    queue: QueueSettings
    told: list[dict[str, Any]] = field(default_factory=list)
    results: list[tuple[str, str | None]] = field(default_factory=list)
    network_id: int | None = None

    def __post_init__(self) -> None:
        self.network = Network(Rules(), Pace.of(Clock.FROZEN), self.queue, seed=7)
        self.node = Node(self.network)
        self.answers: list[dict[str, Any]] = []
        self.line = connect(self.node, self.receive)

    def receive(self, text: str) -> None:
        """Take a message of the server."""
        message = msgspec.json.decode(text)
        (self.answers if message.get("type") == "response" else self.told).append(message)

    def ask(self, command: str, **params: Any) -> dict[str, Any]:
        """Return the server's result; nothing at all where it does not answer."""
        self.answers.clear()
        self.line.send(msgspec.json.encode({"id": 1, "command": command, **params}))
        return dict(self.answers.pop()["result"]) if self.answers else {}

    def act(self, person: Person, **fields: Any) -> int:
        """Let somebody get a transaction into the open ledger, for its price; return its seat."""
        sequence = self.network.submissions.next_sequence(person.address)
        assert sequence is not None
        fee = str(self.network.price().open_ledger_fee)
        signed = person.sign_transaction(
            {"Account": person.address, "Fee": fee, "Sequence": sequence, **fields}
        )
        assert self.network.submit(parse_json(signed)).result == "tesSUCCESS"
        return sequence

    # What the responder asks of the servers.

    async def fee(self) -> Fees:
        """Tell prices."""
        return read_fees("it", self.ask("fee"))

    async def account_sequences(self, account: Address) -> tuple[int, ...]:
        """Tell the next sequence in the open ledger."""
        info = self.ask("account_info", account=account, ledger_index="current")
        return (read_account_field("it", info, "Sequence"),)

    async def submit(self, blob: str) -> Sequence[SubmitAnswer]:
        """Submit, and tell what the server says, if it says anything."""
        answer = read("it", self.ask("submit", tx_blob=blob))
        self.results.append((blob, answer.engine_result))
        return [answer]

    def misjudged(self, server: str) -> None:
        """Keep its rank: there is no other server."""


@dataclass(frozen=True)
class Signed:
    """A signed transaction."""

    blob: str
    transaction: TxHash


class Pen:
    """The payee's own hand."""

    def way(self, _account: Address, _channel: ChannelId | None = None) -> Way:
        """Sign with one signature."""
        return PLAIN

    def turn(
        self, _account: Address, _channel: ChannelId | None, _why: SigningError, *, by: str = ""
    ) -> bool:
        """There is no other hand."""
        return bool(by)

    def forget(self, channel: ChannelId) -> None:
        """Nothing is remembered."""

    async def sign(self, transaction: Mapping[str, Any]) -> Signed:
        """Sign anything."""
        signed = parse_json(PAYEE.sign_transaction(dict(transaction)))
        return Signed(blob=signed.data.hex().upper(), transaction=TxHash(signed.hash))

    async def sign_each(
        self, transactions: Iterable[Mapping[str, Any]]
    ) -> AsyncGenerator[Signed, None]:
        """Sign one after the other."""
        for transaction in transactions:
            yield await self.sign(transaction)


@dataclass
class Paper:
    """Where attempts are written down."""

    attempts: Paper = field(init=False)
    journal: Paper = field(init=False)
    written: list[Attempt] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.attempts = self.journal = self

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Paper]:
        """Begin a transaction."""
        yield self

    async def put_all(self, attempts: Iterable[Attempt]) -> int:
        """Keep attempts."""
        self.written += attempts
        return len(self.written)

    async def append_all(self, lines: Iterable[object]) -> int:
        """Keep lines of the journal."""
        return len(list(lines))


class Exit(RuleBasedStateMachine):
    """One payee, some channels, and a ledger that is small."""

    @initialize(
        room=st.integers(2, 8),
        tickets=st.sampled_from([0, 0, 2, 4]),
        channels=st.lists(
            st.tuples(
                st.sampled_from([9, 2_000, XRP, XRP, XRP, 100 * XRP]),
                st.sampled_from([60, 200, 3_600, 3_600, 3_600]),
            ),
            min_size=14,
            max_size=20,
        ),
        closing=st.sampled_from([3, 8, 20, 20]),
        noise=st.sampled_from([0, 14, 14]),
        is_calm=st.booleans(),
    )
    def begin(
        self,
        room: int,
        tickets: int,
        channels: list[tuple[int, int]],
        closing: int,
        noise: int,
        *,
        is_calm: bool,
    ) -> None:
        """Each channel has a claim for all of it; some close at once, on a ledger that is full."""
        queue = QueueSettings(
            minimum_txn_in_ledger=room, target_txn_in_ledger=room, maximum_txn_in_ledger=room + 4
        )
        self.runner = asyncio.Runner()
        self.world = World(queue)
        self.watch = Watch([ACCOUNT], Policy(margin=MARGIN, min_settle_delay=0))
        start = self.world.network.chain.validated.index
        self.sequence = LedgerSequence([ACCOUNT], cursor=LedgerIndex(start))
        result = self.world.ask("subscribe", accounts=[ACCOUNT], streams=["ledger"])
        self.take(self.sequence.subscribed("it", result))
        self.is_calm, self.troubled, self.was_late = is_calm, False, False
        self.noise, self.taken = False, 0
        self.stakes: dict[ChannelId, int] = {}
        self.open(tickets, channels)
        self.submitter = Submitter(self.world)
        self.paper = Paper()
        self.responder = Responder(
            self.watch,
            servers=self.world,
            signer=Pen(),
            submitter=self.submitter,
            launch=Launch(self.watch, store=self.paper, submitter=self.submitter),
            limits=LIMITS,
        )
        self.runner.run(self.start())
        if noise:
            self.others_fill_the_ledger(noise, 10)
        self.payer_closes(0, closing, late=False)

    def open(self, tickets: int, channels: list[tuple[int, int]]) -> None:
        """Set the stage, ledger by ledger."""
        for person in (PAYER, PAYEE):
            payment = {"TransactionType": "Payment", "Destination": person.address}
            self.world.act(RICH, Amount=str(20_000 * XRP), **payment)
        self.close_ledger()
        if tickets:
            self.world.act(PAYEE, TransactionType="TicketCreate", TicketCount=tickets)
        for drops, settle_delay in channels:
            sequence = self.world.act(
                PAYER,
                TransactionType="PaymentChannelCreate",
                Destination=ACCOUNT,
                Amount=str(drops),
                SettleDelay=settle_delay,
                PublicKey=PAYER.public_key,
            )
            channel = ChannelId(channel_index(PAYER.address, ACCOUNT, sequence))
            self.stakes[channel] = drops
            self.close_ledger()
        for channel, drops in self.stakes.items():
            self.watch.raise_best(
                Claim(
                    channel=channel,
                    amount=Drops(drops),
                    public_key=PAYER.public_key,
                    signature=PAYER.sign_claim(channel, Drops(drops)),
                )
            )
        # What it cost to set the stage is history by now.
        for _ in range(8):
            self.close_ledger()

    async def start(self) -> None:
        """Let the submitter run beside everything."""
        self.sending = asyncio.create_task(self.submitter.run())

    # What others do.

    @rule(first=st.integers(0, 17), count=st.integers(1, 18), late=st.booleans())
    def payer_closes(self, first: int, count: int, *, late: bool) -> None:
        """The payer asks to close some of the channels, in one ledger."""
        for channel in sorted(self.stakes)[first:][:count]:
            entry = self.watch.channels[channel].entry
            if entry.expiration is None:
                self.world.act(
                    PAYER,
                    TransactionType="PaymentChannelClaim",
                    Channel=channel,
                    Flags=TF_CLOSE,
                )
        self.ledgers_pass(1, late=late)

    @rule(count=st.integers(0, 12), fee=st.sampled_from([10, 10, 200, 6_000]))
    def others_fill_the_ledger(self, count: int, fee: int) -> None:
        """Bystanders want to be in each of the next ledgers."""
        self.noise = True
        self.world.node.bystanders.fill(count, fee)

    @precondition(lambda self: not self.is_calm)
    @rule(count=st.integers(1, 6), answer=st.sampled_from(REFUSALS), apply=st.booleans())
    def answers_are_false_or_lost(self, count: int, answer: str | None, *, apply: bool) -> None:
        """The next submissions are refused, or taken without a word of it."""
        self.troubled = True
        lie = {"count": count, "answer": answer, "apply": apply}
        self.world.node.misbehave(submissions=lie)

    @precondition(lambda self: not self.is_calm and self.taken < 6)
    @rule(at=st.sampled_from(["now", "submission"]), count=st.integers(1, 3))
    def owner_takes_sequences(self, at: UseAt, count: int) -> None:
        """The account's own wallet is used at the same time."""
        self.troubled = True
        self.taken += count
        self.world.node.bystanders.use_sequence(PAYEE.seed, count, at)

    @rule()
    def everybody_behaves(self) -> None:
        """The trouble is over for now."""
        self.world.node.misbehave(behave=True)
        self.world.node.bystanders.fill(0, 10)

    # The tower's ledgers.

    @rule(count=st.integers(1, 4), late=st.booleans())
    def time_goes_on(self, count: int, *, late: bool) -> None:
        """Some ledgers close."""
        self.ledgers_pass(count, late=late)

    def ledgers_pass(self, count: int, *, late: bool) -> None:
        """Each is answered, sometimes before its facts have come."""
        for _ in range(count):
            self.close_ledger(late=late)
            self.respond()

    def close_ledger(self, *, late: bool = False) -> None:
        """A ledger closes; the server tells of it, and of what is in it a little later if so."""
        self.world.network.accept()
        told, self.world.told[:] = list(self.world.told), []
        first = next(n for n, m in enumerate(told) if m["type"] == "ledgerClosed")
        head, rest = (told[: first + 1], told[first + 1 :]) if late else (told, [])
        self.hear(head)
        if rest:
            self.was_late = True
            self.respond()
            self.hear(rest)

    def hear(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Take messages as the stream does."""
        for message in messages:
            self.take(self.sequence.received("it", message))

    def take(self, deliveries: Sequence[object]) -> None:
        """Take what the stream delivers, as the tower does."""
        for delivery in deliveries:
            if isinstance(delivery, LedgerClosed):
                self.watch.ledger_closed(delivery)
            elif isinstance(delivery, LedgerAccounted):
                self.watch.accounted(delivery.ledger_index)
            elif isinstance(delivery, Fact):
                self.watch.learn(delivery)

    def respond(self) -> None:
        """Judge and respond, and let everything reach the server."""
        self.watch.judge()
        before = dict(self.watch.attempts)
        budgets = {o.channel: min(XRP, o.at_stake // 2) for o in self.watch.obligations()}
        written = len(self.paper.written)
        self.runner.run(self.respond_and_send())
        alive = {
            name: a
            for name, a in before.items()
            if a.last_ledger >= self.world.network.chain.validated.index
        }
        for attempt in self.paper.written[written:]:
            self.check(attempt, alive, budgets)
            alive[attempt.transaction] = attempt

    async def respond_and_send(self) -> None:
        """One pass; what it sends has been answered when it ends."""
        await self.responder.respond()
        for _ in range(50):
            await asyncio.sleep(0)

    def check(
        self,
        attempt: Attempt,
        alive: Mapping[TxHash, Attempt],
        budgets: Mapping[ChannelId, int],
    ) -> None:
        """An attempt is within its budget, and replaces what it replaces."""
        assert attempt.channel is not None
        on_its_seat = [a.fee for a in alive.values() if a.seat == attempt.seat]
        replaces = bool(on_its_seat) and not attempt.seat.is_ticket
        # What holds others up on its sequence may pay for all of them.
        budget = max(budgets.values()) if replaces else budgets[attempt.channel]
        assert attempt.fee <= budget
        assert all(attempt.fee * 4 > fee * 5 for fee in on_its_seat)
        assert attempt.target == self.stakes[attempt.channel]

    @invariant()
    def no_more_are_queued_than_the_queue_takes(self) -> None:
        """And none is sent there in vain while nobody else acts in our name.

        Where a ledger is planned before its facts have come, the queue is taken to have let in
        what it held: too many may be sent then, and are sent again. So is what paid for the open
        ledger and was queued behind a cheaper sequence: it is taken to be in.
        """
        if not hasattr(self, "paper"):
            return
        assert len(self.world.network.queue.of(ACCOUNT)) <= QUEUED_AT_MOST
        was_dear = any(attempt.fee > BASE_FEE for attempt in self.paper.written)
        if not (self.troubled or self.was_late or was_dear):
            assert "telCAN_NOT_QUEUE_FULL" not in {result for _, result in self.world.results}

    @override
    def teardown(self) -> None:
        """When the trouble is over, what can be redeemed is, and nothing was paid for twice."""
        if not hasattr(self, "paper"):
            return
        try:
            self.everybody_behaves()
            newest = self.watch.newest
            assert newest is not None
            in_time = [
                channel
                for channel in self.stakes
                if (expiration := self.watch.channels[channel].entry.expiration) is not None
                and expiration - newest.close_time > ENOUGH
                and POLICY.budget(Drops(self.stakes[channel])) >= newest.base_fee
            ]
            for _ in range(ENOUGH):
                self.close_ledger()
                self.respond()
            for channel in in_time:
                assert self.watch.channels[channel].entry.balance == self.stakes[channel]
            if not self.troubled and not self.noise:
                made = Counter(attempt.channel for attempt in self.paper.written)
                assert set(made.values()) <= {1}
        finally:
            self.world.line.close()
            self.runner.close()


TestExit = Exit.TestCase
TestExit.settings = settings(
    max_examples=25,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
