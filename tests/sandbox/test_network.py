"""Whatever people do, no XRP appears and none is lost but by fees."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from xrpl.core.binarycodec import encode, encode_for_signing

from watchtower.sandbox.clock import Clock, Pace
from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.hashing import account_index, channel_index
from watchtower.sandbox.history import FIRST_LEDGER
from watchtower.sandbox.network import Network
from watchtower.sandbox.people import RICH, Person
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.transaction import parse_blob
from watchtower.units import ChannelId, Drops

_A, _B = Person.named("one"), Person.named("other")
_ALL = 100_000_000_000_000_000
_ACTS = st.lists(
    st.tuples(
        st.sampled_from(["create", "fund", "claim", "close", "renew", "pass"]),
        st.sampled_from([(_A, _B), (_B, _A)]),
        st.integers(min_value=1, max_value=40_000_000),
    ),
    max_size=25,
)


class _Table:
    """A network, and one channel each way."""

    def __init__(self) -> None:
        self.network = Network(Rules(), Pace.of(Clock.FROZEN), QueueSettings())
        self.channels: dict[str, ChannelId] = {}
        for person in (_A, _B):
            payment = {"TransactionType": "Payment", "Destination": person.address}
            self.send({**payment, "Amount": "1000000000"}, RICH)
        self.network.accept()

    def send(self, fields: dict[str, Any], person: Person) -> None:
        root = self.network.chain.ground.view.read(account_index(person.address))
        assert root is not None
        tx = {
            "Account": person.address,
            "Fee": "10",
            "Sequence": root["Sequence"],
            "SigningPubKey": person.public_key,
            **fields,
        }
        tx["TxnSignature"] = person.sign(bytes.fromhex(encode_for_signing(tx)))
        self.network.submit(parse_blob(encode(tx)))

    def act(self, what: str, payer: Person, payee: Person, amount: int) -> None:
        channel = self.channels.get(payer.address, ChannelId("0" * 64))
        claim = {"TransactionType": "PaymentChannelClaim", "Channel": channel}
        match what:
            case "create":
                root = self.network.chain.ground.view.read(account_index(payer.address)) or {}
                seat = root["Sequence"]
                index = channel_index(payer.address, payee.address, seat)
                self.channels[payer.address] = ChannelId(index)
                create = {"TransactionType": "PaymentChannelCreate", "PublicKey": payer.public_key}
                more = {"Destination": payee.address, "Amount": str(amount), "SettleDelay": 2}
                self.send({**create, **more}, payer)
            case "fund":
                fund = {"TransactionType": "PaymentChannelFund", "Channel": channel}
                self.send({**fund, "Amount": str(amount)}, payer)
            case "claim":
                signature = payer.sign_claim(channel, Drops(amount))
                signed = {"Signature": signature, "PublicKey": payer.public_key}
                sums = {"Amount": str(amount), "Balance": str(amount)}
                self.send({**claim, **signed, **sums}, payee)
            case "close":
                self.send({**claim, "Flags": 0x20000}, payer if amount % 2 else payee)
            case "renew":
                self.send({**claim, "Flags": 0x10000}, payer)
            case _:
                self.network.accept()


@settings(max_examples=60, deadline=None)
@given(_ACTS)
def test_balances_channels_and_fees_add_up_to_all_xrp_there_ever_was(
    acts: list[tuple[str, tuple[Person, Person], int]],
) -> None:
    """And no channel pays more than it holds."""
    table = _Table()
    for what, (payer, payee), amount in acts:
        table.act(what, payer, payee, amount)
    ledger = table.network.accept()

    history = table.network.chain.history
    held = 0
    view = history.snapshot(ledger.index)
    for index in view.indexes():
        entry = view.read(index) or {}
        match entry["LedgerEntryType"]:
            case "AccountRoot":
                held += int(entry["Balance"])
            case "PayChannel":
                assert int(entry["Balance"]) <= int(entry["Amount"])
                held += int(entry["Amount"]) - int(entry["Balance"])
            case _:
                pass
    burnt = sum(
        record.tx.fee
        for number in range(FIRST_LEDGER, ledger.index + 1)
        for record in (history.ledger(number) or ledger).transactions
    )
    assert held + burnt == _ALL
    assert ledger.total_coins == held
