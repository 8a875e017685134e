"""The request by which a server is told what to do wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.client import Client, frozen_network
from watchtower.sandbox.node import Node
from watchtower.sandbox.people import RICH, Person
from watchtower.units import ChannelId, Drops

_BOB = Person.named("bob")


def test_the_answer_says_all_that_holds_then() -> None:
    """What was set before, too."""
    client = Client(Node(frozen_network()))

    client.result("misbehave", network_id=7)
    told = client.result("misbehave", lies={"ping": {"a": 1}})

    assert (told["server"], told["network_id"], told["behind"]) == (0, 7, 0)
    assert told["lies"] == {"ping": {"a": 1}}
    assert told["complete_ledgers"] == "2"


def test_another_server_is_told_by_its_number() -> None:
    """So one that hangs can be told to go on."""
    network = frozen_network()
    first = Node(network)
    client, of_second = Client(first), Client(first.add_server())

    assert client.result("misbehave", server=1, hang=True)["server"] == 1
    number = of_second.send("ping")
    assert of_second.texts == []
    assert client.result("misbehave", server=1, hang=False)["hang"] is False

    assert of_second.answers(number)[0]["status"] == "success"
    assert of_second.result("misbehave")["server"] == 1


def test_cut_and_forget_happen_at_once() -> None:
    """To the server that is named, and to none beside it."""
    network = frozen_network()
    first = Node(network)
    client, of_second = Client(first), Client(first.add_server())
    for _ in range(5):
        network.accept()

    told = client.result("misbehave", server=1, forget=[3, 4], cut=True)

    assert told["complete_ledgers"] == "2,5-7"
    assert (of_second.cuts, client.cuts) == (1, 0)
    assert client.result("server_info")["info"]["complete_ledgers"] == "2-7"


def test_bystanders_do_what_the_request_says() -> None:
    """Noise fills the open ledger; the account's own wallet uses its sequence."""
    network = frozen_network()
    client = Client(Node(network))
    sequence = client.result("account_info", account=RICH.address)["account_data"]["Sequence"]

    used = client.result("misbehave", use_sequence={"secret": RICH.seed, "count": 2})["used"]
    client.result("misbehave", noise={"transactions": 5, "fee": 12})
    for _ in range(20):
        network.accept()

    assert used == ["tesSUCCESS", "tesSUCCESS"]
    root = client.result("account_info", account=RICH.address)["account_data"]
    assert root["Sequence"] >= sequence + 2
    noise = client.result("ledger", ledger_index="validated", transactions=True, expand=True)
    assert {tx["Fee"] for tx in noise["ledger"]["transactions"]} == {"12"}


def test_a_stripped_signature_is_somebody_elses_act() -> None:
    """The copy of the claim is in the ledger before the claim, where the amendment lets it."""
    network = frozen_network(amendments=frozenset({"fixCleanup3_2_0"}))
    client = Client(Node(network))
    client.pay(_BOB)
    network.accept()
    told = client.submit(
        {
            "TransactionType": "PaymentChannelCreate",
            "Destination": _BOB.address,
            "Amount": "1000000",
            "SettleDelay": 60,
            "PublicKey": RICH.public_key,
        }
    )
    network.accept()
    found = client.result("account_channels", account=RICH.address, ledger_index="validated")
    channel = found["channels"][0]["channel_id"]
    assert told["engine_result"] == "tesSUCCESS"

    client.result("misbehave", strip_signatures={"count": 1})
    claim = client.submit(
        {
            "TransactionType": "PaymentChannelClaim",
            "Channel": channel,
            "Amount": "500",
            "Balance": "500",
            "PublicKey": RICH.public_key,
            "Signature": RICH.sign_claim(ChannelId(channel), Drops(500)),
        },
        _BOB,
    )

    assert claim["engine_result"] == "tefPAST_SEQ"


@pytest.mark.parametrize(
    ("asked", "about"),
    [
        ({"behind": "far"}, "behind"),
        ({"noise_level": 3}, "noise_level"),
        ({"server": 1}, "There is no server 1"),
        ({"server": -1}, "server"),
        ({"behave": 1}, "behave"),
        ({"cut": "now"}, "cut"),
        ({"forget": [4, 3]}, "forget"),
        ({"forget": [1]}, "forget"),
        ({"noise": {"transactions": -1}}, "noise"),
        ({"noise": {"transactions": 1, "loud": True}}, "loud"),
        ({"strip_signatures": {"count": 1, "at": "noon"}}, "strip_signatures"),
        ({"use_sequence": {"secret": RICH.seed, "count": 0}}, "use_sequence"),
        ({"use_sequence": {"secret": "not a seed"}}, ""),
    ],
)
def test_what_is_not_understood_is_refused_whole(asked: dict[str, Any], about: str) -> None:
    """With a sentence; and nothing that stood beside it was done."""
    network = frozen_network()
    node = Node(network)
    client, other = Client(node), Client(node)

    refused = client.ask("misbehave", **{"network_id": 9, "cut": True, **asked})

    assert (refused["error"], refused["error_code"]) == ("invalidParams", 31)
    assert about in refused["error_message"]
    assert node.misbehaviour.network_id is None
    assert other.cuts == 0
