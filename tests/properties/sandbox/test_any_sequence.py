"""Whatever people do with channels, and in whatever order, the ledger tells one true story.

Three people open channels to each other, fund them, claim rightly and wrongly, close, renew, let
time pass and use tickets, under either set of rules. After every ledger that was looked at: XRP is
conserved, no channel breaks a law (`channel_laws`), and what the stream told from genesis on, put
together (`story`), is what stands in the ledger. At the end the same is asked of every request that
tells of the past.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from typing_extensions import override

from tests.properties.sandbox.story import Change, Story, Told, bare
from tests.properties.sandbox.table import ALL_XRP, PEOPLE, Table
from watchtower.sandbox.hashing import channel_index, owner_directory_index, page_index
from watchtower.sandbox.people import RICH, Person
from watchtower.units import ChannelId, Drops

_RENEW: Final = 0x00010000
_CLOSE: Final = 0x00020000
_DEPOSIT_AUTH: Final = 9
_CLAIM: Final = {"TransactionType": "PaymentChannelClaim"}
_FUND: Final = {"TransactionType": "PaymentChannelFund"}
_EVERYBODY: Final = (*PEOPLE, RICH)

somebody = st.integers(0, len(PEOPLE) - 1).map(PEOPLE.__getitem__)
which = st.integers(0, 99)
share = st.integers(1, 100)
seated = st.sampled_from(["sequence", "sequence", "ticket"])
ends = st.none() | st.integers(-1, 12)


class Everybody(RuleBasedStateMachine):
    """Three people, some channels, and one who listens to all of it."""

    @initialize(amended=st.booleans())
    def begin(self, *, amended: bool) -> None:
        """A ledger by the rules before, or by those after the amendments."""
        named = ["fixCleanup3_2_0", "fixPayChanCancelAfter"] if amended else []
        self.table = Table(*named)
        self.story = Story(self.table.state(2), cleanup=amended)
        self.channels: list[tuple[str, Person]] = []
        self.tickets: dict[str, list[int]] = {person.address: [] for person in PEOPLE}
        self.then: dict[int, dict[str, dict[str, Any]]] = {}
        self.clocks = {2: self.table.ask("ledger", ledger_index=2)["ledger"]["close_time"]}
        self.pass_ledgers(1)
        for payer, payee in ((0, 1), (1, 2)):
            self.create(
                payer=PEOPLE[payer],
                payee=PEOPLE[payee],
                drops=20_000_000,
                delay=10,
                ends=None,
                seat="sequence",
            )

    # What people do.

    @rule(
        payer=somebody,
        payee=somebody,
        drops=st.integers(1, 25_000_000),
        delay=st.sampled_from([0, 1, 3, 3, 10, 10, 3600, 2**32 - 1]),
        ends=ends,
        seat=seated,
    )
    def create(
        self, *, payer: Person, payee: Person, drops: int, delay: int, ends: int | None, seat: str
    ) -> None:
        """Open a channel, perhaps with an end, perhaps to nobody or to oneself."""
        create = {
            "TransactionType": "PaymentChannelCreate",
            "Destination": payee.address,
            "Amount": str(drops),
            "SettleDelay": delay,
            "PublicKey": payer.public_key,
        }
        if ends is not None:
            create["CancelAfter"] = self.now + ends
        ticket = self.take_ticket(payer, seat)
        number = self.table.root(payer)["Sequence"] if ticket is None else ticket
        if self.table.send(create, payer, ticket) == "tesSUCCESS":
            self.channels.append((channel_index(payer.address, payee.address, number), payer))

    @precondition(lambda self: self.channels)
    @rule(which=which, who=somebody | st.none(), drops=st.integers(1, 9_000_000), date=ends)
    def fund(self, which: int, who: Person | None, drops: int, date: int | None) -> None:
        """Add funds, perhaps with a date that begins the end."""
        channel, payer = self.pick(which)
        more = {}
        entry = self.table.channel(channel)
        if date is not None and entry is not None:
            more["Expiration"] = (self.now + entry["SettleDelay"] % 60 + date) % 2**32
        fund = {**_FUND, "Channel": channel, "Amount": str(drops), **more}
        self.table.send(fund, who or payer)

    @precondition(lambda self: self.channels)
    @rule(
        which=which,
        part=share,
        over=st.integers(0, 9),
        seat=seated,
        flags=st.sampled_from([0, 0, 0, _CLOSE]),
    )
    def claim(self, which: int, part: int, over: int, seat: str, flags: int) -> None:
        """The payee claims a part of what is left, under a promise of as much or more."""
        channel, payer = self.pick(which)
        entry = self.table.channel(channel)
        if entry is not None:
            self.redeem(
                channel,
                entry=entry,
                payer=payer,
                drops=self.part_of(entry, part),
                over=over,
                seat=seat,
                flags=flags,
            )

    @precondition(lambda self: self.channels)
    @rule(which=which, fault=st.sampled_from(["stale", "too much", "key", "stripped", "stranger"]))
    def claim_wrongly(self, which: int, fault: str) -> None:
        """Claim what is not due."""
        channel, payer = self.pick(which)
        entry = self.table.channel(channel)
        if entry is None:
            return
        payee = self.person(entry["Destination"])
        signer = payee if fault == "key" else payer
        drops = self.part_of(entry, 50)
        drops = {"stale": int(entry["Balance"]), "too much": int(entry["Amount"]) + 1}.get(
            fault, drops
        )
        tx = self.claim_of(channel, signer, max(drops, 1), max(drops, 1))
        if signer is payer:
            self.story.promise(channel, max(drops, 1))
        if fault == "stripped":
            del tx["Signature"]
        strangers = [p for p in PEOPLE if p not in (payer, payee)]
        self.table.send(tx, strangers[0] if fault == "stranger" else payee)

    @precondition(lambda self: self.channels)
    @rule(which=which, part=share)
    def pay(self, which: int, part: int) -> None:
        """The payer pays out of the channel itself, without a signature."""
        channel, payer = self.pick(which)
        entry = self.table.channel(channel)
        if entry is not None:
            sums = {"Balance": str(self.part_of(entry, part))}
            self.table.send({**_CLAIM, "Channel": channel, **sums}, payer)

    @precondition(lambda self: self.channels)
    @rule(
        which=which, who=somebody | st.none(), seat=seated, flag=st.sampled_from([_CLOSE, _RENEW])
    )
    def close_or_renew(self, which: int, who: Person | None, seat: str, flag: int) -> None:
        """Ask for the end, or take it back; mostly by whose channel it is."""
        channel, payer = self.pick(which)
        sender = who or payer
        tx = {**_CLAIM, "Channel": channel, "Flags": flag}
        self.table.send(tx, sender, self.take_ticket(sender, seat))

    @rule(who=somebody, count=st.sampled_from([1, 3, 40]), seat=seated)
    def make_tickets(self, who: Person, count: int, seat: str) -> None:
        """Enough of them fill pages of a directory."""
        ticket = self.take_ticket(who, seat)
        first = self.table.root(who)["Sequence"] + (1 if ticket is None else 0)
        make = {"TransactionType": "TicketCreate", "TicketCount": count}
        if self.table.send(make, who, ticket) == "tesSUCCESS":
            self.tickets[who.address] += range(first, first + count)

    @rule(who=somebody, count=st.integers(1, 8))
    def use_tickets(self, who: Person, count: int) -> None:
        """Several at once, so that pages empty."""
        for _ in range(count):
            ticket = self.take_ticket(who, "ticket")
            if ticket is not None:
                self.table.send({"TransactionType": "AccountSet"}, who, ticket)

    @rule(who=somebody, on=st.booleans())
    def bar_deposits(self, who: Person, *, on: bool) -> None:
        """Take deposits from nobody, or from everybody again."""
        flag = {"SetFlag" if on else "ClearFlag": _DEPOSIT_AUTH}
        self.table.send({"TransactionType": "AccountSet", **flag}, who)

    @rule(who=somebody, other=somebody, field=st.sampled_from(["Authorize", "Unauthorize"]))
    def preauthorise(self, who: Person, other: Person, field: str) -> None:
        """Take them from one, or no longer."""
        self.table.send({"TransactionType": "DepositPreauth", field: other.address}, who)

    @rule(who=somebody, other=somebody, drops=st.integers(1, 30_000_000))
    def transfer(self, who: Person, other: Person, drops: int) -> None:
        """Pay outside of any channel, until little is left for the reserve."""
        payment = {"TransactionType": "Payment", "Destination": other.address}
        self.table.send({**payment, "Amount": str(drops)}, who)

    @rule(count=st.sampled_from([1, 1, 1, 2, 5, 12]))
    def pass_ledgers(self, count: int) -> None:
        """A ledger a second."""
        for _ in range(count):
            self.table.ask("ledger_accept")
        self.listen()

    # How they do it.

    @property
    def now(self) -> int:
        """The clock that the next transaction meets."""
        latest: int = self.clocks[max(self.clocks)]
        return latest

    def pick(self, which: int) -> tuple[str, Person]:
        """Return a channel, later ones more often: the earlier ones are gone."""
        return self.channels[-1 - which % min(len(self.channels), 4)]

    def take_ticket(self, person: Person, seat: str) -> int | None:
        """Return a ticket of a person, if it is to be one and there is one."""
        mine = self.tickets[person.address]
        return mine.pop(len(mine) // 2) if mine and seat == "ticket" else None

    @staticmethod
    def person(address: str) -> Person:
        """Return who lives there."""
        return next(person for person in _EVERYBODY if person.address == address)

    @staticmethod
    def part_of(entry: dict[str, Any], part: int) -> int:
        """Return a balance so many percent of the rest above the last one."""
        paid = int(entry["Balance"])
        return max(1, paid + (int(entry["Amount"]) - paid) * part // 100)

    def claim_of(self, channel: str, signer: Person, promised: int, drops: int) -> dict[str, Any]:
        """Return a claim of ``drops`` under a promise of ``promised``."""
        signature = signer.sign_claim(ChannelId(channel), Drops(promised))
        sums = {"Amount": str(promised), "Balance": str(drops)}
        signed = {"Signature": signature, "PublicKey": signer.public_key}
        return {**_CLAIM, "Channel": channel, **sums, **signed}

    def redeem(
        self,
        channel: str,
        *,
        entry: dict[str, Any],
        payer: Person,
        drops: int,
        over: int,
        seat: str,
        flags: int,
    ) -> None:
        """Sign a promise that may go beyond the funds, and claim by it."""
        promised = drops + over * 1_000_000
        tx = self.claim_of(channel, payer, promised, drops)
        self.story.promise(channel, promised)
        payee = self.person(entry["Destination"])
        self.table.send({**tx, "Flags": flags}, payee, self.take_ticket(payee, seat))

    # What the one who listens makes of it.

    def listen(self) -> None:
        """Take in what the stream told since."""
        heard, self.table.heard[:] = list(self.table.heard), []
        for message in heard:
            index = message["ledger_index"]
            if message["type"] == "ledgerClosed":
                self.clocks[index] = message["ledger_time"]
                continue
            told = Told(
                tx=message["tx_json"],
                hash=message["hash"],
                meta=_stored(message["meta"]),
                ledger_index=index,
                parent_close_time=self.clocks[index - 1],
            )
            for change in self.story.follow(told):
                _count(told, change)
        self.then[max(self.clocks)] = dict(self.story.state)

    @invariant()
    def the_ledger_is_what_was_told(self) -> None:
        """Entries, threads, directories, owner counts, and every drop."""
        story, state = self.story, self.table.state(max(self.clocks))
        assert {index: bare(entry) for index, entry in state.items()} == story.state
        threads = {
            i: (e["PreviousTxnID"], e["PreviousTxnLgrSeq"])
            for i, e in state.items()
            if "PreviousTxnID" in e
        }
        assert threads == story.threads
        assert story.held() + story.burnt == ALL_XRP
        owned, tickets = story.owned(), story.tickets()
        for root in state.values():
            if root["LedgerEntryType"] == "AccountRoot":
                assert root["OwnerCount"] == owned[root["Account"]]
                assert root.get("TicketCount", 0) == tickets[root["Account"]]
        full = {i: e["Indexes"] for i, e in state.items() if e.get("Indexes")}
        assert full == story.pages()

    @override
    def teardown(self) -> None:
        """Ask every request that tells of the past."""
        if not hasattr(self, "table"):
            return
        self.pass_ledgers(1)
        self.the_ledger_is_what_was_told()
        self.check_rings()
        self.check_headers()
        for index, state in self.then.items():
            assert {i: bare(e) for i, e in self.table.state(index).items()} == state
        self.check_entries()
        for person in _EVERYBODY:
            self.check_objects(person)
            for forward, limit in ((False, 7), (True, 7), (True, 0)):
                self.check_account_tx(person, forward=forward, limit=limit)

    def check_rings(self) -> None:
        """The pages of a directory follow each other around; only a first one may be empty."""
        state = self.table.state(self.table.validated)
        seen = set()
        for person in PEOPLE:
            root = owner_directory_index(person.address)
            if root not in state:
                continue
            numbers = list(_ring(state, root))
            backwards = [
                int(state[page_index(root, n)].get("IndexPrevious", "0"), 16) for n in numbers
            ]
            assert backwards == [numbers[-1], *numbers[:-1]]
            seen |= {page_index(root, n) for n in numbers}
            assert all(state[page_index(root, n)]["Indexes"] for n in numbers[1:])
        assert seen == {i for i, e in state.items() if e["LedgerEntryType"] == "DirectoryNode"}

    def check_headers(self) -> None:
        """The ledgers chain, and their coins are what fees left."""
        burnt, previous = 0, None
        fees: dict[int, int] = {}
        for told in self.story.told:
            fees[told.ledger_index] = fees.get(told.ledger_index, 0) + int(told.tx["Fee"])
        for index in sorted(self.clocks):
            asked = self.table.ask("ledger", ledger_index=index, transactions=True, api_version=2)
            header = asked["ledger"]
            burnt += fees.get(index, 0)
            assert header["total_coins"] == str(ALL_XRP - burnt)
            assert header["close_time"] == self.clocks[index]
            assert previous in (None, header["parent_hash"])
            previous = header["ledger_hash"]
            told_then = [t.hash for t in self.story.told if t.ledger_index == index]
            assert header["transactions"] == told_then

    def check_entries(self) -> None:
        """``ledger_entry`` shows what is there, and nothing that is gone."""
        last = self.table.validated
        for index, entry in self.table.state(last).items():
            told = self.table.ask("ledger_entry", index=index, ledger_index=last)
            assert told["node"] == {**entry, "index": index}
        for told_once in self.story.told:
            gone = [
                n["DeletedNode"]["LedgerIndex"]
                for n in told_once.meta["AffectedNodes"]
                if "DeletedNode" in n
            ]
            for index in gone:
                if index not in self.story.state:
                    told = self.table.ask("ledger_entry", index=index, ledger_index=last)
                    assert told["error"] == "entryNotFound"

    def check_objects(self, person: Person) -> None:
        """``account_objects`` and ``account_channels`` list what the state holds, page by page."""
        mine = {
            index: entry
            for index, entry in self.story.state.items()
            if person.address in (entry.get("Account"), entry.get("Destination"))
            and entry["LedgerEntryType"] in ("DepositPreauth", "PayChannel", "Ticket")
        }
        asked = {"account": person.address, "ledger_index": "validated", "limit": 10}
        objects = [
            o for p in self.table.pages("account_objects", "account_objects", **asked) for o in p
        ]
        assert sorted(o["index"] for o in objects) == sorted(mine)
        channels = [c for p in self.table.pages("account_channels", "channels", **asked) for c in p]
        assert {
            c["channel_id"]: (c["amount"], c["balance"], c.get("expiration")) for c in channels
        } == {
            index: (entry["Amount"], entry["Balance"], entry.get("Expiration"))
            for index, entry in mine.items()
            if entry["LedgerEntryType"] == "PayChannel" and entry["Account"] == person.address
        }

    def check_account_tx(self, person: Person, *, forward: bool, limit: int) -> None:
        """It lists exactly what touched the account, with the metadata that the stream told."""
        asked = {"account": person.address, "forward": forward, "limit": limit, "api_version": 2}
        pages = list(self.table.pages("account_tx", "transactions", **asked))
        rows = [row for page in pages for row in page]
        touching = self.story.touching[person.address]
        assert [row["hash"] for row in rows] == (touching if forward else touching[::-1])
        assert not limit or all(len(page) == limit for page in pages[:-1])
        metas = {told.hash: told.meta for told in self.story.told}
        for row in rows:
            assert _stored(row["meta"]) == metas[row["hash"]]


def _stored(meta: dict[str, Any]) -> dict[str, Any]:
    """Return metadata as it is stored: without what a server adds when it tells of a payment."""
    return {member: value for member, value in meta.items() if member != "delivered_amount"}


def _ring(state: dict[str, dict[str, Any]], root: str) -> Iterator[int]:
    """Return the numbers of a directory's pages, in the order in which they follow."""
    number = 0
    while True:
        yield number
        number = int(state[page_index(root, number)].get("IndexNext", "0"), 16)
        if not number:
            return


def _count(told: Told, change: Change) -> None:
    """Let the statistics say what the sequences were good for."""
    if change.kind != "PayChannel":
        event(f"{told.tx['TransactionType']} {told.meta['TransactionResult']}")
        return
    paid = change.before is not None and change.before["Balance"] != change.after["Balance"]
    event(f"channel {'paid ' if paid else ''}{'deleted' if change.deleted else 'changed'}")


TestEverybody = Everybody.TestCase
TestEverybody.settings = settings(deadline=None, max_examples=80, stateful_step_count=50)
