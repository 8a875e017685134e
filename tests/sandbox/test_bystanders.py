"""Other people on the ledger: what each of their acts does to whoever is only passing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchtower.sandbox.bystanders import Bystanders, StripAt
from watchtower.sandbox.clock import Clock, Pace
from watchtower.sandbox.fee_levels import BASE_LEVEL, QueueSettings
from watchtower.sandbox.hashing import account_index, channel_index
from watchtower.sandbox.history import FIRST_LEDGER
from watchtower.sandbox.ledger import ClosedLedger
from watchtower.sandbox.network import Network
from watchtower.sandbox.people import RICH, Hand, Person
from watchtower.sandbox.rules import DEFAULT_AMENDMENTS, Rules
from watchtower.sandbox.server import Sandbox
from watchtower.sandbox.submission import Submission
from watchtower.sandbox.transaction import Transaction, parse_json, signature_fault
from watchtower.units import ChannelId, Drops

_XRP: Final = 1_000_000
_ALL: Final = 100_000_000_000 * _XRP
_SMALL: Final = QueueSettings(
    minimum_txn_in_ledger=5, target_txn_in_ledger=5, maximum_txn_in_ledger=5
)
_PAYER, _PAYEE = Person.named("a payer"), Person.named("a payee", ed25519=True)
_NOTHING: Final = {"TransactionType": "AccountSet"}


class _Table:
    """A network, its bystanders, and two people with a channel between them."""

    def __init__(
        self, *, fixed: bool = False, seed: int = 0, queue: QueueSettings = _SMALL
    ) -> None:
        more = {"fixCleanup3_2_0"} if fixed else set()
        rules = Rules(amendments=DEFAULT_AMENDMENTS | more)
        self.network = Network(rules, Pace.of(Clock.FROZEN), queue, seed)
        self.bystanders = Bystanders(self.network)
        self.proposed: list[Transaction] = []
        self.network.submissions.on_proposed = lambda tx, _result: self.proposed.append(tx)
        for person in (_PAYER, _PAYEE):
            payment = {"TransactionType": "Payment", "Destination": person.address}
            self.send({**payment, "Amount": str(1000 * _XRP)}, RICH)
        self.network.accept()
        create = {"TransactionType": "PaymentChannelCreate", "PublicKey": _PAYER.public_key}
        more_of_it = {"Destination": _PAYEE.address, "Amount": str(100 * _XRP), "SettleDelay": 60}
        sequence = self.sequence(_PAYER)
        self.send({**create, **more_of_it}, _PAYER)
        self.channel = ChannelId(channel_index(_PAYER.address, _PAYEE.address, sequence))
        self.network.accept()

    def root(self, person: Person) -> dict[str, Any]:
        found = self.network.chain.ground.view.read(account_index(person.address))
        assert found is not None
        return found

    def sequence(self, person: Person) -> int:
        return int(self.root(person)["Sequence"])

    def send(self, tx: dict[str, Any], person: Person, fee: int = 10) -> Submission:
        whole = {"Account": person.address, "Fee": str(fee), "Sequence": self.sequence(person)}
        return self.network.submit(parse_json(person.sign_transaction({**whole, **tx})))

    def claim(self, drops: int, fee: int = 10, **more: Any) -> Submission:
        signature = _PAYER.sign_claim(self.channel, Drops(drops))
        signed = {"Signature": signature, "PublicKey": _PAYER.public_key}
        claim = {"TransactionType": "PaymentChannelClaim", "Channel": self.channel}
        return self.send({**claim, "Balance": str(drops), **signed, **more}, _PAYEE, fee)

    def paid(self) -> int:
        """Return what the channel has paid by the validated ledger."""
        chain = self.network.chain
        channel = chain.history.snapshot(chain.validated.index).read(self.channel)
        assert channel is not None
        return int(channel["Balance"])

    def bystanders_in(self, ledger: ClosedLedger) -> list[Transaction]:
        known = {_PAYER.address, _PAYEE.address, RICH.address}
        return [r.tx for r in ledger.transactions if r.tx.account not in known]


def test_the_noise_is_real_transactions_of_real_accounts() -> None:
    """Signed, paid for, validated, and told of like anybody's."""
    table = _Table(queue=QueueSettings())
    table.bystanders.fill(25, 12)
    first = table.network.accept()
    second = table.network.accept()

    noise = table.bystanders_in(second)

    assert not table.bystanders_in(first)
    assert len(noise) == 25
    assert [signature_fault(tx) for tx in noise] == [None] * 25
    assert {tx.fee for tx in noise} == {12}
    assert len({tx.account for tx in noise}) == 3
    assert {tx.hash for tx in noise} <= {tx.hash for tx in table.proposed}


def test_noise_raises_the_price_and_a_client_pays_it_or_waits() -> None:
    """The sixth transaction of a ledger of five costs as many base fees as the server says."""
    table = _Table()
    table.bystanders.fill(8, 10)
    table.network.accept()

    told = table.network.price()
    waits = table.send(_NOTHING, _PAYER, 10)
    enters = table.send(_NOTHING, _PAYEE, told.open_ledger_fee)
    closed = table.network.accept()

    # Two of the eight wait: the open ledger takes one more than it expects at the base fee.
    assert (told.ledger_size, told.queue_size) == (6, 2)
    assert told.open_ledger_fee == 10 * 500 * 6**2 // 5**2
    assert (waits.result, enters.result) == ("terQUEUED", "tesSUCCESS")
    assert waits.open_ledger_cost == told.open_ledger_fee
    assert enters.tx.hash in {r.tx.hash for r in closed.transactions}
    assert waits.tx.hash not in {r.tx.hash for r in closed.transactions}


def test_who_pays_more_than_the_noise_leaves_the_queue_before_it() -> None:
    """And who pays less waits, while the noise goes on, until it ends."""
    table = _Table()
    table.bystanders.fill(20, 20)
    table.network.accept()
    poor = table.send(_NOTHING, _PAYER, 10)
    rich = table.send(_NOTHING, _PAYEE, 30)
    assert (poor.result, rich.result) == ("terQUEUED", "terQUEUED")
    history = table.network.chain.history

    table.network.accept()
    table.network.accept()
    assert history.transaction(rich.tx.hash)
    for _ in range(5):
        table.network.accept()
    assert not history.transaction(poor.tx.hash)

    table.bystanders.fill(0, 20)
    while table.network.price().queue_size:
        table.network.accept()
    table.network.accept()
    assert history.transaction(poor.tx.hash)


def test_no_bystander_has_more_waiting_than_the_queue_lets_it() -> None:
    """More accounts come as the queue grows, and it is the queue that is full in the end."""
    table = _Table(queue=replace(_SMALL, minimum_queue_size=150, ledgers_in_queue=2))
    table.bystanders.fill(60, 10)
    for _ in range(8):
        table.network.accept()

    price = table.network.price()
    assert price.queue_size == price.max_queue_size == 150
    assert price.minimum_level > 256
    assert table.send(_NOTHING, _PAYER, 10).result == "telCAN_NOT_QUEUE_FULL"
    assert table.send(_NOTHING, _PAYER, 11).result == "terQUEUED"


def test_dear_noise_takes_more_accounts() -> None:
    """Fees that wait stay below the reserve together, so no account queues ten of these."""
    table = _Table()
    table.bystanders.fill(80, 400_000)
    table.network.accept()

    entered = [tx for tx in table.network.chain.open_transactions if tx.account != RICH.address]
    waiting = table.network.price().queue_size - len(table.network.queue.of(RICH.address))
    assert waiting
    assert len(entered) + waiting == 80


@pytest.mark.parametrize("before", [1, 10])
def test_bystanders_come_though_genesis_has_to_wait(before: int) -> None:
    """Behind what it has queued itself, or once there is room for it; and each is paid once."""
    table = _Table()
    while table.network.price().open_ledger_level == BASE_LEVEL:
        table.send(_NOTHING, _PAYER)
    first = table.sequence(RICH)
    for number in range(before):
        assert table.send({**_NOTHING, "Sequence": first + number}, RICH).result == "terQUEUED"
    table.bystanders.fill(20, 10)
    noise: list[Transaction] = []
    for _ in range(12):
        noise += table.bystanders_in(table.network.accept())

    assert noise
    view = table.network.chain.ground.view
    for account in {tx.account for tx in noise}:
        assert int((view.read(account_index(account)) or {})["Balance"]) <= 10**12


@pytest.mark.parametrize("transactions", [0, 30])
def test_noise_ends_when_it_is_told_to(transactions: int) -> None:
    """No new transaction of a bystander after that."""
    table = _Table(queue=QueueSettings())
    table.bystanders.fill(30, 10)
    table.network.accept()
    table.network.accept()
    table.bystanders.fill(transactions, 10)
    table.network.accept()

    assert len(table.bystanders_in(table.network.accept())) == transactions


def test_the_same_seed_makes_the_same_noise_and_another_another() -> None:
    """To the hash of the ledger."""
    hashes = []
    for seed in (1, 1, 2):
        table = _Table(seed=seed)
        table.bystanders.fill(12, 15)
        hashes.append([table.network.accept().hash for _ in range(3)])

    assert hashes[0] == hashes[1]
    assert hashes[0][2] != hashes[2][2]


@pytest.mark.parametrize("at", ["submission", "close"])
def test_a_stripped_signature_is_harmless_before_the_fix(at: StripAt) -> None:
    """The copy is malformed, and the claim pays."""
    table = _Table()
    table.bystanders.strip_signatures(1, at)

    told = table.claim(5 * _XRP)
    ledger = table.network.accept()

    assert told.result == "tesSUCCESS"
    assert table.paid() == 5 * _XRP
    assert [r.tx.hash for r in ledger.transactions] == [told.tx.hash]


@pytest.mark.parametrize(("at", "told"), [("submission", "tefPAST_SEQ"), ("close", "tesSUCCESS")])
def test_a_stripped_signature_burns_fee_and_sequence_with_the_fix(at: StripAt, told: str) -> None:
    """The same fields but one, another hash, the payee's own good signature, and no payment."""
    table = _Table(fixed=True)
    table.bystanders.strip_signatures(1, at)
    before = table.root(_PAYEE)

    answer = table.claim(5 * _XRP)
    ledger = table.network.accept()

    (record,) = ledger.transactions
    original = dict(answer.tx.fields)
    del original["Signature"]
    assert answer.result == told
    assert record.meta["TransactionResult"] == "tecNO_PERMISSION"
    assert record.tx.fields == original
    assert record.tx.hash != answer.tx.hash
    assert signature_fault(record.tx) is None
    assert table.paid() == 0
    after = table.root(_PAYEE)
    assert int(after["Balance"]) == int(before["Balance"]) - 10
    assert after["Sequence"] == before["Sequence"] + 1


@pytest.mark.parametrize("at", ["submission", "close"])
def test_a_stripped_signature_takes_a_ticket_too(at: StripAt) -> None:
    """It is gone, and the claim that was to use it with it."""
    table = _Table(fixed=True)
    ticket = table.sequence(_PAYEE) + 1
    table.send({"TransactionType": "TicketCreate", "TicketCount": 1}, _PAYEE)
    table.network.accept()
    table.bystanders.strip_signatures(1, at)

    told = table.claim(5 * _XRP, Sequence=0, TicketSequence=ticket)
    table.network.accept()

    assert told.result == ("tefNO_TICKET" if at == "submission" else "tesSUCCESS")
    assert table.paid() == 0
    again = table.claim(5 * _XRP, Sequence=0, TicketSequence=ticket, Flags=0)
    assert again.result == "tefNO_TICKET"


@pytest.mark.parametrize("at", ["submission", "close"])
def test_only_so_many_signatures_are_stripped(at: StripAt) -> None:
    """The third claim pays; what carries no signature is left alone and not counted."""
    table = _Table(fixed=True)
    table.bystanders.strip_signatures(2, at)
    results = []
    for number in range(1, 4):
        renew = {"TransactionType": "PaymentChannelClaim", "Channel": table.channel}
        table.send({**renew, "Flags": 0x10000}, _PAYER)
        table.claim(number * _XRP)
        ledger = table.network.accept()
        results += [r.meta["TransactionResult"] for r in ledger.transactions]

    assert sorted(results) == ["tecNO_PERMISSION"] * 2 + ["tesSUCCESS"] * 4
    assert table.paid() == 3 * _XRP


def test_a_stripped_copy_can_take_the_claims_place_in_the_queue_before_the_fix() -> None:
    """What waits is not applied yet, so that nobody sees what it is; the claim is late by that."""
    table = _Table()
    table.bystanders.fill(8, 10)
    table.network.accept()
    table.bystanders.strip_signatures(1)

    told = table.claim(5 * _XRP, 20)
    table.bystanders.fill(0, 10)
    table.network.accept()

    assert told.result == "telCAN_NOT_QUEUE_FEE"
    table.network.accept()
    assert table.paid() == 5 * _XRP


def test_the_wallet_elsewhere_uses_the_next_sequences_at_once() -> None:
    """Whoever had read the sequence before is too late."""
    table = _Table()
    sequence = table.sequence(_PAYEE)

    results = table.bystanders.use_sequence(_PAYEE.seed, 2)
    told = table.claim(5 * _XRP, Sequence=sequence)
    again = table.claim(5 * _XRP)
    ledger = table.network.accept()

    assert results == ("tesSUCCESS", "tesSUCCESS")
    assert told.result == "tefPAST_SEQ"
    assert (again.result, again.tx.seat.number) == ("tesSUCCESS", sequence + 2)
    assert [r.tx.kind for r in ledger.transactions] == ["AccountSet"] * 2 + ["PaymentChannelClaim"]


def test_the_wallet_elsewhere_can_always_be_a_moment_earlier() -> None:
    """The very sequence that the client has just read; a ticket is no sequence."""
    table = _Table()
    ticket = table.sequence(_PAYEE) + 1
    table.send({"TransactionType": "TicketCreate", "TicketCount": 1}, _PAYEE)
    table.network.accept()
    assert table.bystanders.use_sequence(_PAYEE.seed, 1, "submission") == ()

    with_ticket = table.claim(1 * _XRP, Sequence=0, TicketSequence=ticket)
    by_the_payer = table.send(_NOTHING, _PAYER)
    too_late = table.claim(2 * _XRP)
    then = table.claim(2 * _XRP)

    assert [with_ticket.result, by_the_payer.result] == ["tesSUCCESS", "tesSUCCESS"]
    assert [too_late.result, then.result] == ["tefPAST_SEQ", "tesSUCCESS"]


def test_the_wallet_elsewhere_pays_what_a_full_ledger_costs() -> None:
    """So it is never the one that waits."""
    table = _Table()
    table.bystanders.fill(8, 10)
    table.network.accept()

    assert table.bystanders.use_sequence(_PAYEE.seed) == ("tesSUCCESS",)


def test_what_is_no_seed_is_said_to_be_none() -> None:
    """Before anything is done."""
    with pytest.raises(ValueError, match="checksum"):
        _Table().bystanders.use_sequence("sNotASeed")


async def _told(hand: Hand, tx_hash: str) -> tuple[str, str] | None:
    """Return what a server has of a transaction that is validated: its type and result."""
    found = await hand.request("tx", transaction=tx_hash, api_version=2)
    if not found.get("validated"):
        return None
    return found["tx_json"]["TransactionType"], found["meta"]["TransactionResult"]


async def test_a_client_sees_the_noise_in_the_price_and_in_the_ledger() -> None:
    """What it asks the server for with `misbehave`."""
    async with Sandbox(queue=_SMALL) as box, Hand(box.url, accepts=True) as hand:
        await hand.fund(_PAYER)
        quiet = (await hand.request("fee"))["drops"]["open_ledger_fee"]
        told = await hand.request("misbehave", noise={"transactions": 8, "fee": 12})
        assert "error" not in told
        await hand.accept()
        fee = await hand.request("fee")
        await hand.accept()
        ledger = await hand.request(
            "ledger", ledger_index="validated", transactions=True, expand=True, api_version=2
        )
        noise = ledger["ledger"]["transactions"]

        assert quiet == "10"
        assert int(fee["drops"]["open_ledger_fee"]) > 5_000
        assert (fee["current_ledger_size"], fee["current_queue_size"]) == ("6", "2")
        assert {tx["tx_json"]["Fee"] for tx in noise} == {"12"}
        assert {tx["meta"]["TransactionResult"] for tx in noise} == {"tesSUCCESS"}


@pytest.mark.parametrize("fixed", [False, True])
async def test_a_client_that_was_told_of_success_finds_its_signature_stripped(
    *, fixed: bool
) -> None:
    """Its hash is in no ledger, and another one has its sequence; harmless before the fix."""
    rules = Rules(amendments=DEFAULT_AMENDMENTS | set(["fixCleanup3_2_0"] * fixed))
    async with Sandbox(rules=rules) as box, Hand(box.url, accepts=True) as hand:
        await hand.fund(_PAYER, _PAYEE)
        channel = await hand.create_channel(_PAYER, _PAYEE, 10 * _XRP, 60)
        claim = {
            "TransactionType": "PaymentChannelClaim",
            "Channel": channel,
            "Balance": str(_XRP),
            "Signature": _PAYER.sign_claim(channel, Drops(_XRP)),
            "PublicKey": _PAYER.public_key,
        }
        await hand.request("misbehave", strip_signatures={"count": 1, "at": "close"})
        told = await hand.submit(claim, _PAYEE)
        await hand.accept()
        history = await hand.request("account_tx", account=_PAYEE.address, api_version=2)
        last = history["transactions"][0]

        assert told["engine_result"] == "tesSUCCESS"
        mine = await _told(hand, told["tx_json"]["hash"])
        assert mine == (None if fixed else ("PaymentChannelClaim", "tesSUCCESS"))
        assert last["tx_json"]["Sequence"] == told["tx_json"]["Sequence"]
        assert ("Signature" in last["tx_json"]) is not fixed
        result = "tecNO_PERMISSION" if fixed else "tesSUCCESS"
        assert last["meta"]["TransactionResult"] == result


async def test_a_client_loses_its_sequence_to_its_other_wallet() -> None:
    """And what it does with the next one is fine."""
    async with Sandbox() as box, Hand(box.url, accepts=True) as hand:
        await hand.fund(_PAYER)
        use = {"secret": _PAYER.seed, "count": 1, "at": "submission"}
        await hand.request("misbehave", use_sequence=use)

        results = [(await hand.submit(_NOTHING, _PAYER))["engine_result"] for _ in range(2)]

        assert results == ["tefPAST_SEQ", "tesSUCCESS"]


@settings(max_examples=15, deadline=None)
@given(
    noise=st.lists(
        st.tuples(st.integers(0, 30), st.sampled_from([10, 11, 6_000, 90_000])), max_size=6
    ),
    claims=st.lists(st.integers(1, 90 * _XRP), max_size=8),
    fixed=st.booleans(),
)
def test_no_xrp_appears_or_is_lost_under_noise(
    noise: list[tuple[int, int]], claims: list[int], *, fixed: bool
) -> None:
    """Balances, channels and fees burnt are all XRP there ever was, whoever pays whom."""
    table = _Table(fixed=fixed)
    table.bystanders.strip_signatures(2)
    table.bystanders.strip_signatures(2, "close")
    ledger = table.network.accept()
    for transactions, fee in noise:
        table.bystanders.fill(transactions, fee)
        table.bystanders.use_sequence(_PAYER.seed)
        for drops in claims:
            table.claim(drops, fee)
        ledger = table.network.accept()

    history = table.network.chain.history
    view = history.snapshot(ledger.index)
    held = 0
    for index in view.indexes():
        entry = view.read(index) or {}
        held += int(entry["Balance"]) if entry["LedgerEntryType"] == "AccountRoot" else 0
        if entry["LedgerEntryType"] == "PayChannel":
            held += int(entry["Amount"]) - int(entry["Balance"])
    burnt: int = sum(
        record.tx.fee
        for number in range(FIRST_LEDGER, ledger.index + 1)
        for record in (history.ledger(number) or ledger).transactions
    )
    assert held + burnt == _ALL
    assert ledger.total_coins == held
