"""One pass of responding, with a real store, real keys and real signatures; servers are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from xrpl.core.binarycodec import decode

from tests.store.make import CHEAP
from watchtower.errors import RequestRefusedError, StoreFullError
from watchtower.guard.watch import Watch
from watchtower.judgement.claim import Claim
from watchtower.judgement.policy import Policy
from watchtower.keys.signer import Signer
from watchtower.keys.vault import Vault
from watchtower.ledger.answers import Fees
from watchtower.ledger.events import (
    END_OF_LEDGER,
    AccountChanged,
    AccountEntry,
    AccountMissing,
    ChannelChanged,
    ChannelEntry,
    LedgerClosed,
    Position,
    SeatUsed,
)
from watchtower.response.attempt import Attempt, Purpose
from watchtower.response.bidding import Refusal
from watchtower.response.fees import FeePolicy
from watchtower.response.launch import Launch
from watchtower.response.respond import Limits, Responder
from watchtower.response.restock import Restocker
from watchtower.response.submit import Answer, Submitter
from watchtower.response.tickets import TicketPool
from watchtower.sandbox.people import Person
from watchtower.store.database import Store
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime

PAYER, PAYEE, OTHER = (Person.named(name) for name in ("a payer", "a payee", "another payee"))
NOW = 820_540_900
LIMITS = Limits(
    fees=FeePolicy(
        share_ppm=500_000, haste_ppm=1_000, cap=Drops(100_000), daily_cap=Drops(1_000_000)
    ),
    last_ledger_offset=8,
)


@dataclass(frozen=True)
class Word:
    """What one server answers."""

    engine_result: str | None
    server: str = "wss://one"
    message: str = ""
    open_ledger_cost: Drops | None = None


QUIET = Fees(base_fee=Drops(10), open_ledger_fee=Drops(10))


@dataclass
class Servers:
    """The world beyond this machine: fees, sequences, and what was sent; reads the store, too."""

    store: Store
    network_id: int | None = 0
    words: list[Word] = field(default_factory=lambda: [Word("tesSUCCESS")])
    fees: Fees = QUIET
    sequence: int = 7
    told: tuple[int, ...] = ()
    gone: set[Address] = field(default_factory=set)
    sent: list[str] = field(default_factory=list)
    on_disk: list[list[str]] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None
    together: asyncio.Barrier | None = None

    async def fee(self) -> Fees:
        """Tell the fees, after what happens meanwhile."""
        self.meanwhile()
        return self.fees

    async def account_sequences(self, account: Address) -> tuple[int, ...]:
        """Tell the next sequence, if there is such an account, or what different servers say."""
        if self.together is not None:
            await self.together.wait()
        if account in self.gone:
            raise RequestRefusedError(
                server="wss://one", command="account_info", error="actNotFound", message=""
            )
        return self.told or (self.sequence,)

    def misjudged(self, server: str) -> None:
        """Nobody asks for it here."""
        raise AssertionError(server)

    async def submit(self, blob: str) -> Sequence[Answer]:
        """Take a blob, noting which blobs the store has at that moment."""
        async with self.store.read() as work:
            self.on_disk.append([attempt.blob for attempt in await work.attempts.unsettled()])
        self.sent.append(blob)
        return self.words


@dataclass
class Stage:
    """A responder, and everything around it."""

    store: Store
    servers: Servers
    watch: Watch
    responder: Responder
    submitter: Submitter
    facts: int = 0
    refused: set[Address] = field(default_factory=set)

    def estate(
        self, payee: Person, *, sequence: int, balance: int = 100_000_000, tickets: int = 0
    ) -> None:
        """Let it be known what a payee's account is like."""
        self.facts += 1
        at = Position(LedgerIndex(100), self.facts)
        entry = AccountEntry(
            account=payee.address,
            balance=Drops(balance),
            sequence=sequence,
            owner_count=0,
            flags=0,
            ticket_count=tickets,
        )
        self.watch.learn(AccountChanged(entry=entry, at=at))

    async def admit(self, account: Address) -> bool:
        """Let tickets be made for every account but those that are ``refused``."""
        return account not in self.refused

    def restocker(self) -> Restocker:
        """A restocker of pools of four, as after a start."""
        signer = Signer(Vault(self.store), [PAYEE.address], LIMITS.fees.cap, most_tickets=4)
        return Restocker(
            self.watch,
            servers=self.servers,
            signer=signer,
            launch=Launch(self.watch, store=self.store, submitter=self.submitter),
            limits=LIMITS,
            pool=TicketPool(size=4, low_water=2),
            admit=self.admit,
        )

    def another(self, watch: Watch | None = None, *, shadow: bool = False) -> Responder:
        """Another responder on the same store and servers."""
        return responder_of(
            watch or self.watch, self.store, self.servers, self.submitter, shadow=shadow
        )

    def owe(self, number: int, drops: int = 30_000_000, payee: Person = PAYEE) -> ChannelId:
        """Let a channel close with a claim for ``drops``."""
        channel = ChannelId(f"{number:064X}")
        entry = ChannelEntry(
            channel=channel,
            source=PAYER.address,
            destination=payee.address,
            amount=Drops(100_000_000),
            balance=Drops(0),
            public_key=PAYER.public_key,
            settle_delay=3600,
            expiration=RippleTime(NOW + 3600),
        )
        at = Position(LedgerIndex(99), END_OF_LEDGER)
        self.watch.learn(ChannelChanged(entry=entry, at=at))
        self.raise_claim(channel, drops)
        return channel

    def raise_claim(self, channel: ChannelId, drops: int) -> None:
        """Give a claim with a real signature."""
        claim = Claim(
            channel=channel,
            amount=Drops(drops),
            public_key=PAYER.public_key,
            signature=PAYER.sign_claim(channel, Drops(drops)),
        )
        self.watch.raise_best(claim)
        self.watch.judge()

    def ledger(self, index: int) -> None:
        """Let ledger ``index`` close."""
        self.watch.ledger_closed(
            LedgerClosed(
                ledger_index=LedgerIndex(index),
                ledger_hash=f"{index:064X}",
                close_time=RippleTime(NOW + 4 * (index - 100)),
                base_fee=Drops(10),
                reserve_base=Drops(1_000_000),
                reserve_increment=Drops(200_000),
            )
        )
        self.watch.judge()

    async def until_answered(self) -> None:
        """Wait until the servers have answered everything that was given to them."""
        async with asyncio.timeout(10):
            while self.submitter._under_way:  # noqa: ASYNC110 - a turn of the loop
                await asyncio.sleep(0.001)

    async def until_sent(self, count: int) -> list[dict[str, object]]:
        """Wait until so much was sent, and return the transactions."""
        async with asyncio.timeout(10):
            while len(self.servers.sent) < count:  # noqa: ASYNC110 - a turn of the loop
                await asyncio.sleep(0.001)
        for _ in range(10):
            await asyncio.sleep(0)
        return [decode(blob) for blob in self.servers.sent]


def responder_of(
    watch: Watch, store: Store, servers: Servers, submitter: Submitter, *, shadow: bool = False
) -> Responder:
    """A responder with the keys of the store."""
    accounts = [PAYEE.address, OTHER.address]
    return Responder(
        watch,
        servers=servers,
        signer=Signer(Vault(store), accounts, LIMITS.fees.cap),
        submitter=submitter,
        launch=Launch(watch, store=store, submitter=submitter, shadow=shadow),
        limits=LIMITS,
    )


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A responder in ledger 100 for two payees, with the key of the first."""
    accounts = [PAYEE.address, OTHER.address]
    async with await Store.create(tmp_path / "w.db", "secret", cost=CHEAP) as store:
        await Vault(store).import_seed(PAYEE.address, PAYEE.seed)
        servers = Servers(store)
        watch = Watch(accounts, Policy())
        submitter = Submitter(servers)
        responder = responder_of(watch, store, servers, submitter)
        made = Stage(store, servers, watch, responder, submitter)
        made.ledger(100)
        task = asyncio.create_task(submitter.run())
        yield made
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def used(attempt: Attempt, result: str) -> SeatUsed:
    """An attempt's own transaction, validated with a result."""
    return SeatUsed(
        account=attempt.account,
        seat=attempt.seat,
        transaction=attempt.transaction,
        result=result,
        at=Position(LedgerIndex(101), 0),
    )


async def test_transaction_is_on_disk_before_its_first_byte_leaves(stage: Stage) -> None:
    """Killed at this very moment, the next start knows what may be under way."""
    stage.owe(1)
    response = await stage.responder.respond()
    (transaction,) = await stage.until_sent(1)
    assert stage.servers.on_disk == [[stage.servers.sent[0]]]
    assert response.sent[0].blob == stage.servers.sent[0]
    assert transaction["Balance"] == "30000000"
    assert transaction["LastLedgerSequence"] == 108
    assert transaction["SigningPubKey"] == PAYEE.public_key
    assert "Flags" not in transaction


async def test_nothing_leaves_when_it_cannot_be_written_down(stage: Stage) -> None:
    """A full disk: the obligation waits, and no transaction is unknown to the next start."""
    pages = (await stage.store._writer.exec_driver_sql("PRAGMA page_count")).scalar_one()
    await stage.store._writer.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    await stage.store._writer.rollback()
    for number in range(1, 60):
        stage.owe(number)
    with pytest.raises(StoreFullError):
        await stage.responder.respond()
    for _ in range(50):
        await asyncio.sleep(0)
    written = await unsettled(stage)
    assert {attempt.blob for attempt in written} >= set(stage.servers.sent)
    assert {attempt.transaction for attempt in written} == set(stage.watch.attempts)
    assert len(written) < 59


async def unsettled(stage: Stage) -> list[Attempt]:
    """The attempts on disk without an outcome."""
    async with stage.store.read() as work:
        return await work.attempts.unsettled()


async def test_attempt_on_its_way_is_sent_once_a_ledger_and_never_after_its_last(
    stage: Stage,
) -> None:
    """A lost submission costs a ledger; more often would only be noise."""
    stage.owe(1)
    for index, sent in ((100, 1), (100, 1), (101, 2), (102, 3), (107, 4), (108, 4), (109, 4)):
        stage.ledger(index)
        await stage.responder.respond()
        await stage.until_sent(sent)
        # Past its last ledger the obligation gets a fresh attempt, on the same seat.
        assert len([b for b in stage.servers.sent if b == stage.servers.sent[0]]) == sent


async def test_restart_sends_again_what_it_finds(stage: Stage) -> None:
    """The in-flight set is on disk, and comes back with the watch."""
    stage.owe(1)
    await stage.responder.respond()
    (first,) = await stage.until_sent(1)
    async with stage.store.read() as work:
        attempts = await work.attempts.unsettled()
    watch = Watch([PAYEE.address], Policy(), attempts=attempts)
    watch.ledger_closed(stage.watch.newest or pytest.fail("a ledger had closed"))
    await stage.another(watch).respond()
    assert (await stage.until_sent(2))[1] == first


async def test_account_without_a_key_holds_up_nobody(stage: Stage) -> None:
    """And leaves no hole among the seats of the others."""
    stage.owe(1, payee=OTHER)
    stage.owe(2)
    stage.owe(3)
    stage.owe(4, payee=OTHER)
    response = await stage.responder.respond()
    transactions = await stage.until_sent(2)
    assert [refused.exit_code for _, refused in response.unsigned] == [50, 50]
    assert {owed.account for owed, _ in response.unsigned} == {OTHER.address}
    assert sorted(int(str(t["Sequence"])) for t in transactions) == [7, 8]


async def test_account_that_is_gone_holds_up_nobody(stage: Stage) -> None:
    """A deleted payee cannot be paid; the other one is."""
    stage.servers.gone = {OTHER.address}
    stage.owe(1, payee=OTHER)
    stage.owe(2)
    response = await stage.responder.respond()
    assert [attempt.account for attempt in response.sent] == [PAYEE.address]
    assert [owed.account for owed, _ in response.unseated] == [OTHER.address]


async def test_server_that_answers_late_does_not_make_attempts_that_are_dead_already(
    stage: Stage,
) -> None:
    """A server that hangs until its timeout costs ledgers; what leaves then must still live."""
    stage.servers.meanwhile = lambda: stage.ledger(112)
    stage.owe(1)
    (attempt,) = (await stage.responder.respond()).sent
    assert (attempt.made_in, attempt.last_ledger) == (112, 120)


async def test_all_accounts_are_asked_for_at_once(stage: Stage) -> None:
    """One after the other, a server that hangs would cost a timeout for every account."""
    stage.servers.together = asyncio.Barrier(2)
    stage.owe(1)
    stage.owe(2, payee=OTHER)
    async with asyncio.timeout(10):
        response = await stage.responder.respond()
    assert [attempt.account for attempt in response.sent] == [PAYEE.address]


async def test_without_any_sequence_nothing_is_guessed(stage: Stage) -> None:
    """The pass fails, and is tried again."""
    stage.servers.gone = {PAYEE.address}
    stage.owe(1)
    with pytest.raises(RequestRefusedError):
        await stage.responder.respond()
    assert stage.servers.sent == []


async def test_underpriced_attempt_is_replaced_on_its_seat_up_to_the_cap(stage: Stage) -> None:
    """Every server refuses the fee: the same seat, more for it, never above the cap."""
    stage.servers.words = [Word("telCAN_NOT_QUEUE_FULL"), Word(None)]
    stage.owe(1)
    for index in range(100, 106):
        stage.ledger(index)
        stage.servers.fees = Fees(base_fee=Drops(10), open_ledger_fee=Drops(5_000 * (index - 98)))
        await stage.responder.respond()
        await stage.until_answered()
    transactions = [decode(blob) for blob in dict.fromkeys(stage.servers.sent)]
    fees = [int(t["Fee"]) for t in transactions]
    assert len(transactions) > 2
    assert {t["Sequence"] for t in transactions} == {7}
    assert all(after * 4 > before * 5 for before, after in pairwise(fees))
    assert max(fees) <= 100_000


async def test_shadow_signs_nothing_and_sends_nothing(stage: Stage) -> None:
    """Not even what an earlier run left on its way."""
    stage.owe(1)
    response = await stage.another(shadow=True).respond()
    assert [step.obligation.target for step in response.would_redeem] == [30_000_000]
    assert await unsettled(stage) == []
    assert stage.servers.sent == []


async def test_network_id_goes_into_the_transaction_where_it_must(stage: Stage) -> None:
    """A sidechain's claim means nothing on mainnet."""
    stage.servers.network_id = 21_338
    stage.owe(1)
    await stage.responder.respond()
    (transaction,) = await stage.until_sent(1)
    assert transaction["NetworkID"] == 21_338


async def test_sequence_that_contradicts_validated_ledgers_is_not_believed(stage: Stage) -> None:
    """The highest that is told is believed first, unless the ledger cannot be there yet."""
    stage.estate(PAYEE, sequence=7)
    stage.servers.told = (1_000_000, 7, 3)
    stage.owe(1)
    await stage.responder.respond()
    (transaction,) = await stage.until_sent(1)
    assert transaction["Sequence"] == 7


async def test_where_every_sequence_is_unbelievable_each_lapse_believes_another(
    stage: Stage,
) -> None:
    """What we know of the account may be what is wrong."""
    stage.estate(PAYEE, sequence=7)
    stage.servers.told = (1_000_000, 3)
    stage.owe(1)
    await stage.responder.respond()
    assert (await stage.until_sent(1))[0]["Sequence"] == 1_000_000
    stage.watch.accounted(LedgerIndex(108))
    stage.ledger(109)
    await stage.responder.respond()
    assert (await stage.until_sent(2))[1]["Sequence"] == 3


async def test_account_spends_no_more_on_a_day_than_it_may(stage: Stage) -> None:
    """What its attempts have cost is counted once the ledger proves it."""
    stage.estate(PAYEE, sequence=7)
    stage.owe(1)
    (made,) = (await stage.responder.respond()).sent
    stage.watch.learn(used(made, "tecUNFUNDED_PAYMENT"))
    assert stage.watch.spent(PAYEE.address) == made.fee
    assert stage.watch.spent(OTHER.address) == 0
    stage.watch.under_way.pay(PAYEE.address, LIMITS.fees.daily_cap, RippleTime(NOW))
    stage.ledger(101)
    response = await stage.responder.respond()
    assert [left.why for left in response.left] == [Refusal.DAILY_CAP]


async def test_tickets_are_made_once_and_not_again_while_they_may_be_on_their_way(
    stage: Stage,
) -> None:
    """One transaction fills the pool; a refusal is not paid for in every ledger."""
    stage.estate(PAYEE, sequence=7)
    restocker = stage.restocker()
    (made,) = await restocker.restock([PAYEE.address])
    assert (made.purpose, made.channel) == (Purpose.MAKE_TICKETS, None)
    (transaction,) = await stage.until_sent(1)
    assert (transaction["TicketCount"], transaction["Sequence"]) == (4, 7)
    stage.ledger(101)
    assert await restocker.restock([PAYEE.address]) == ()
    stage.watch.learn(used(made, "tecINSUFFICIENT_RESERVE"))
    stage.ledger(119)
    assert await restocker.restock([PAYEE.address]) == ()
    stage.ledger(120)
    assert len(await restocker.restock([PAYEE.address])) == 1


async def test_restart_makes_no_second_set_of_tickets(stage: Stage) -> None:
    """The attempt of before is on disk, and comes back with the watch."""
    stage.estate(PAYEE, sequence=7)
    await stage.restocker().restock([PAYEE.address])
    assert await stage.restocker().restock([PAYEE.address]) == ()


async def test_tickets_leave_the_fee_money_of_one_attempt_alone(stage: Stage) -> None:
    """An account that held tickets and could pay no fee would be worse off than without."""
    reserve, cap = 1_000_000, LIMITS.fees.cap
    stage.estate(PAYEE, sequence=7, balance=reserve + cap + 200_000 - 1)
    assert await stage.restocker().restock([PAYEE.address]) == ()
    stage.estate(PAYEE, sequence=7, balance=reserve + cap + 200_000)
    (made,) = await stage.restocker().restock([PAYEE.address])
    assert decode(made.blob)["TicketCount"] == 1


async def test_no_tickets_are_made_for_an_account_that_was_not_admitted(stage: Stage) -> None:
    """Somebody is to look at its means first."""
    stage.estate(PAYEE, sequence=7)
    stage.refused.add(PAYEE.address)
    assert await stage.restocker().restock([PAYEE.address]) == ()
    stage.refused.clear()
    assert len(await stage.restocker().restock([PAYEE.address])) == 1


async def test_tickets_wait_for_a_cheap_ledger_and_for_an_account_that_is_known(
    stage: Stage,
) -> None:
    """They can wait; a redemption on the sequence goes meanwhile."""
    assert await stage.restocker().restock([PAYEE.address]) == ()
    stage.estate(PAYEE, sequence=7)
    stage.servers.fees = Fees(base_fee=Drops(10), open_ledger_fee=Drops(5_000))
    assert await stage.restocker().restock([PAYEE.address]) == ()
    stage.servers.fees = QUIET
    assert len(await stage.restocker().restock([PAYEE.address])) == 1


async def test_busy_ledger_is_not_asked_over_and_over_whether_it_is_cheap_by_now(
    stage: Stage,
) -> None:
    """Every delivery of a busy ledger wakes us, and servers count what we ask."""
    asked: list[int] = []
    stage.servers.meanwhile = lambda: asked.append(1)
    stage.servers.fees = Fees(base_fee=Drops(10), open_ledger_fee=Drops(5_000))
    stage.estate(PAYEE, sequence=7)
    restocker = stage.restocker()
    for index in (100, 100, 101, 119):
        stage.ledger(index)
        assert await restocker.restock([PAYEE.address]) == ()
    assert len(asked) == 1
    stage.ledger(120)
    await restocker.restock([PAYEE.address])
    assert len(asked) == 2


async def test_pool_is_not_filled_twice_while_it_is_not_known_which_tickets_there_are(
    stage: Stage,
) -> None:
    """At a start the account's own count of them may be all that is told."""
    stage.estate(PAYEE, sequence=7, tickets=4)
    assert await stage.restocker().restock([PAYEE.address]) == ()


async def test_account_that_is_not_there_makes_no_tickets(stage: Stage) -> None:
    """Nor does anybody ask for what it lacks."""
    at = Position(LedgerIndex(100), 1)
    stage.watch.learn(AccountMissing(account=PAYEE.address, at=at))
    assert stage.watch.spare(PAYEE.address) is None
    assert await stage.restocker().restock([PAYEE.address]) == ()
