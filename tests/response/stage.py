"""A responder with a real store, real keys and real signatures; servers are told what to say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from xrpl.core.binarycodec import decode

from watchtower.errors import RequestRefusedError
from watchtower.guard.watch import Watch
from watchtower.judgement.claim import Claim
from watchtower.keys.authority import Right
from watchtower.keys.hands import Hand, Hands
from watchtower.keys.signer import Signer
from watchtower.keys.vault import Vault
from watchtower.ledger.answers import Fees
from watchtower.ledger.events import (
    END_OF_LEDGER,
    AccountChanged,
    AccountEntry,
    ChannelChanged,
    ChannelEntry,
    LedgerClosed,
    Position,
    SeatUsed,
)
from watchtower.response.attempt import Attempt
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

    def restocker(self, hands: Hands | None = None) -> Restocker:
        """A restocker of pools of four, as after a start."""
        signer = hands or hands_of(master_hand(self.store, [PAYEE.address], most_tickets=4))
        return Restocker(
            self.watch,
            servers=self.servers,
            signer=signer,
            launch=Launch(self.watch, store=self.store, submitter=self.submitter),
            limits=LIMITS,
            pool=TicketPool(size=4, low_water=2),
            admit=self.admit,
        )

    def another(
        self, watch: Watch | None = None, *, shadow: bool = False, hands: Hands | None = None
    ) -> Responder:
        """Another responder on the same store and servers."""
        return responder_of(
            watch or self.watch,
            self.store,
            self.servers,
            self.submitter,
            shadow=shadow,
            hands=hands,
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

    def ledger(self, index: int, *, ahead: int = 0) -> None:
        """Let ledger ``index`` close; by one server's word alone if another one is ``ahead``."""
        self.watch.ledger_closed(
            LedgerClosed(
                ledger_index=LedgerIndex(index),
                ledger_hash=f"{index:064X}",
                close_time=RippleTime(NOW + 4 * (index - 100)),
                base_fee=Drops(10),
                reserve_base=Drops(1_000_000),
                reserve_increment=Drops(200_000),
                confirmed=not ahead,
                ahead=ahead,
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


def master_hand(store: Store, accounts: Sequence[Address], *, most_tickets: int = 0) -> Signer:
    """The hand of the master keys in the store."""
    vault, cap = Vault(store), LIMITS.fees.cap
    return Signer(vault, accounts, cap, right=Right.MASTER_KEY, most_tickets=most_tickets)


def hands_of(*hands: Hand) -> Hands:
    """Hands for every account of the stage, each in turn."""
    rights = [hand.right for hand in hands]
    accounts = (PAYEE.address, OTHER.address)
    return Hands(hands, dict.fromkeys(accounts, rights), clock=time.monotonic)


def responder_of(
    watch: Watch,
    store: Store,
    servers: Servers,
    submitter: Submitter,
    *,
    shadow: bool = False,
    hands: Hands | None = None,
) -> Responder:
    """A responder with the master keys of the store, or with other hands."""
    accounts = [PAYEE.address, OTHER.address]
    return Responder(
        watch,
        servers=servers,
        signer=hands or hands_of(master_hand(store, accounts)),
        submitter=submitter,
        launch=Launch(watch, store=store, submitter=submitter, shadow=shadow),
        limits=LIMITS,
    )


def used(attempt: Attempt, result: str) -> SeatUsed:
    """An attempt's own transaction, validated with a result."""
    return SeatUsed(
        account=attempt.account,
        seat=attempt.seat,
        transaction=attempt.transaction,
        result=result,
        at=Position(LedgerIndex(101), 0),
    )
