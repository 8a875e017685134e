"""What was signed ahead, in memory: what is usable of it, and which tickets it keeps."""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from watchtower.guard.watch import Watch
from watchtower.judgement.claim import Claim
from watchtower.judgement.policy import Policy
from watchtower.ledger.events import (
    AccountChanged,
    AccountEntry,
    ChannelChanged,
    ChannelDeleted,
    ChannelEntry,
    Fact,
    LedgerClosed,
    Position,
    TicketsChanged,
    TicketsHeld,
)
from watchtower.response.attempt import NEVER, Attempt, OutcomeKind
from watchtower.response.bundle import Level, Presigned
from watchtower.sandbox.people import Person
from watchtower.units import ChannelId, Drops, LedgerIndex, RippleTime, TxHash

PAYER, PAYEE, REGULAR = (Person.named(name) for name in ("a payer", "a payee", "a key"))
CHANNEL = ChannelId("C" * 64)
ENTRY = ChannelEntry(
    channel=CHANNEL,
    source=PAYER.address,
    destination=PAYEE.address,
    amount=Drops(100),
    balance=Drops(0),
    public_key=PAYER.public_key,
    settle_delay=3600,
)
ACCOUNT = AccountEntry(account=PAYEE.address, balance=Drops(0), sequence=50, ticket_count=3)
MADE_BY = TxHash("E" * 64)


def ahead(ticket: int = 41, target: int = 30, *, key: str = PAYEE.public_key) -> Presigned:
    """A claim on the channel, signed ahead for one ticket."""
    claim = Claim(
        channel=CHANNEL, amount=Drops(target), public_key=PAYER.public_key, signature="30"
    )
    level = Level(fee=Drops(12), transaction=TxHash(f"{ticket:064X}"), blob="12")
    return Presigned(
        account=PAYEE.address,
        claim=claim,
        target=Drops(target),
        ticket=ticket,
        signing_key=key,
        levels=(level,),
    )


def at(ledger: int, place: int = 0) -> Position:
    """A place in history."""
    return Position(LedgerIndex(ledger), place)


def watch_of(*presigned: Presigned, facts: tuple[Fact, ...] = ()) -> Watch:
    """A watch that knows the channel, what was signed ahead, and some facts."""
    watch = Watch([PAYEE.address], Policy())
    watch.learn(ChannelChanged(entry=ENTRY, at=at(5)))
    watch.signed_ahead.replace(presigned)
    for fact in facts:
        watch.learn(fact)
    return watch


HELD = TicketsHeld(account=PAYEE.address, tickets=frozenset({41, 42, 43}), at=at(6))


def test_a_ticket_that_stands_for_a_channel_is_used_for_nothing_else() -> None:
    """Until the channel is gone, and then it is free again."""
    watch = watch_of(ahead(41), facts=(HELD, AccountChanged(entry=ACCOUNT, at=at(6))))
    assert watch.tickets(PAYEE.address) == (42, 43)
    assert watch.ticket_count(PAYEE.address) == 2
    watch.learn(ChannelDeleted(entry=ENTRY, at=at(7), transaction=MADE_BY))
    assert watch.forget(CHANNEL)
    assert watch.tickets(PAYEE.address) == (41, 42, 43)
    assert watch.ticket_count(PAYEE.address) == 3
    assert list(watch.signed_ahead.accounts) == []


def test_a_ticket_that_is_gone_takes_what_is_on_it_along_and_no_more() -> None:
    """Told by a transaction that used it, or by a list that lacks it."""
    gone = TicketsChanged(
        account=PAYEE.address,
        created=frozenset(),
        used=frozenset({41}),
        at=at(7),
        transaction=MADE_BY,
    )
    listed = TicketsHeld(account=PAYEE.address, tickets=frozenset({42}), at=at(8))
    for fact in (gone, listed):
        watch = watch_of(ahead(41), ahead(42), facts=(HELD, fact))
        assert [each.ticket for each in watch.presigned(CHANNEL)] == [42]


def test_before_the_tickets_were_read_all_are_taken_to_be_there() -> None:
    """A close that comes in the first second is answered, too."""
    assert [each.ticket for each in watch_of(ahead(41), ahead(42)).presigned(CHANNEL)] == [41, 42]


def test_what_another_key_signed_is_usable_exactly_while_it_signs_for_the_account() -> None:
    """By the last known state alone: taken away it is dead, and given back it lives."""
    regular = replace(ACCOUNT, regular_key=REGULAR.address)
    watch = watch_of(ahead(41), ahead(42, key=REGULAR.public_key))
    usable = []
    for ledger, entry in enumerate(
        [ACCOUNT, regular, replace(regular, flags=0x00100000), regular, ACCOUNT], start=6
    ):
        watch.learn(AccountChanged(entry=entry, at=at(ledger)))
        usable.append([each.ticket for each in watch.presigned(CHANNEL)])
    assert usable == [[41], [41, 42], [42], [41, 42], [41]]


def test_what_is_for_a_channel_that_nobody_knows_waits_on_disk() -> None:
    """And the better of two for one ticket is taken, in whatever order they come."""
    assert Watch([PAYEE.address], Policy(), presigned=[ahead()]).presigned(CHANNEL) == ()
    for both in ((ahead(41, 30), ahead(41, 40)), (ahead(41, 40), ahead(41, 30))):
        assert [each.target for each in watch_of(*both).presigned(CHANNEL)] == [40]


def test_what_was_paid_by_other_hands_is_not_sent_any_more() -> None:
    """The attempt would live as long as its ticket, and burn it for nothing."""
    watch = watch_of(ahead(41), facts=(HELD,))
    watch.ledger_closed(
        LedgerClosed(
            ledger_index=LedgerIndex(9),
            ledger_hash="9" * 64,
            close_time=RippleTime(900),
            base_fee=Drops(10),
            reserve_base=Drops(1),
            reserve_increment=Drops(1),
        )
    )
    level = ahead(41).levels[0]
    watch.attempt_made(
        Attempt(
            channel=CHANNEL,
            account=PAYEE.address,
            seat=ahead(41).seat,
            target=Drops(30),
            balance_before=Drops(0),
            fee=level.fee,
            last_ledger=NEVER,
            made_in=LedgerIndex(8),
            transaction=level.transaction,
            blob=level.blob,
        )
    )
    assert watch.accounted(LedgerIndex(8)) == ()
    watch.learn(
        ChannelChanged(entry=structs.replace(ENTRY, balance=Drops(30)), at=at(9), paid=Drops(30))
    )
    assert watch.accounted(LedgerIndex(8)) == ()
    (settled,) = watch.accounted(LedgerIndex(9))
    assert settled.outcome.kind is OutcomeKind.ALREADY_PAID
    assert dict(watch.attempts) == {}
