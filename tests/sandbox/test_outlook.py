"""Submissions to a server that is behind: told by its own ledger, relayed to the network."""

from __future__ import annotations

import pytest

from tests.sandbox.client import Client, frozen_network
from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.network import Network
from watchtower.sandbox.node import Node
from watchtower.sandbox.people import Person

_BOB = Person.named("bob")
_NOTHING = {"TransactionType": "AccountSet"}


def _servers(queue: QueueSettings | None = None) -> tuple[Network, Client, Client, Node]:
    """Return clients of an honest server and of another one, and that one; bob has an account."""
    network = frozen_network(queue=queue)
    honest = Node(network)
    other = honest.add_server()
    client = Client(honest)
    client.pay(_BOB)
    for _ in range(4):
        network.accept()
    return network, client, Client(other), other


def test_a_submission_to_a_server_that_is_behind_reaches_the_network() -> None:
    """It relays what it is given, and hears of the outcome as late as of everything."""
    network, client, of_late, late = _servers()
    late.misbehave(behind=2)

    told = of_late.submit(_NOTHING, _BOB)
    assert (told["engine_result"], told["validated_ledger_index"]) == ("tesSUCCESS", 4)
    tx_hash = told["tx_json"]["hash"]
    network.accept()

    assert client.result("tx", transaction=tx_hash)["ledger_index"] == 7
    assert not of_late.result("tx", transaction=tx_hash)["validated"]
    network.accept()
    network.accept()
    assert of_late.result("tx", transaction=tx_hash)["ledger_index"] == 7


def test_a_used_sequence_is_good_to_a_server_that_has_not_seen_its_use() -> None:
    """It says success, and shows that it is in its open ledger; the network knows better."""
    network, client, of_late, late = _servers()
    sequence = client.submit(_NOTHING, _BOB)["tx_json"]["Sequence"]
    network.accept()
    network.accept()
    late.misbehave(behind=2)

    again = {**_NOTHING, "Sequence": sequence, "Domain": "61"}
    told = of_late.submit(again, _BOB)

    assert client.submit(again, _BOB)["engine_result"] == "tefPAST_SEQ"
    assert (told["engine_result"], told["account_sequence_next"]) == ("tesSUCCESS", sequence + 1)
    tx_hash = told["tx_json"]["hash"]
    assert tx_hash in of_late.result("ledger", transactions=True)["ledger"]["transactions"]
    assert of_late.result("fee")["current_ledger_size"] == "1"
    assert client.result("fee")["current_ledger_size"] == "0"


@pytest.mark.parametrize("fail_hard", [False, True])
def test_what_failed_is_relayed_unless_it_was_to_fail_hard(*, fail_hard: bool) -> None:
    """A sequence that is too high for the late server may be right for the network."""
    network, client, of_late, late = _servers()
    for _ in range(2):
        client.submit(_NOTHING, _BOB)
        network.accept()
    late.misbehave(behind=2)
    blob = client.blob(_NOTHING, _BOB)

    told = of_late.result("submit", tx_blob=blob, fail_hard=fail_hard)
    network.accept()

    assert told["engine_result"] == "terPRE_SEQ"
    assert (told["broadcast"], told["kept"], told["applied"]) == (not fail_hard,) * 2 + (False,)
    found = client.ask("tx", transaction=told["tx_json"]["hash"])
    assert found.get("error") == ("txnNotFound" if fail_hard else None)


def test_one_after_the_other_builds_on_the_older_ledger() -> None:
    """Also over the ledgers that it comes to meanwhile."""
    network, _, of_late, late = _servers()
    late.misbehave(stuck=True)
    network.accept()

    sequences = []
    for _ in range(3):
        told = of_late.submit(_NOTHING, _BOB)
        assert told["engine_result"] == "tesSUCCESS"
        sequences.append(told["tx_json"]["Sequence"])
        network.accept()
    assert sequences == [sequences[0] + step for step in range(3)]

    late.misbehave(stuck=False, behind=1)
    told = of_late.submit(_NOTHING, _BOB)
    assert (told["engine_result"], told["tx_json"]["Sequence"]) == ("tesSUCCESS", sequences[0] + 3)


def test_what_the_network_hears_a_late_server_proposes_in_its_own_open_ledger() -> None:
    """A proposed transaction names the ledger that this server believes to be open."""
    network, client, of_late, late = _servers()
    late.misbehave(behind=3)
    network.accept()
    for each in (client, of_late):
        each.send("subscribe", streams=["transactions_proposed"])
    client.submit(_NOTHING, _BOB)

    assert client.heard("transaction", "ledger_current_index") == [8]
    assert of_late.heard("transaction", "ledger_current_index") == [5]


def test_what_a_late_server_is_given_is_proposed_once() -> None:
    """It does not hear of it a second time from the network."""
    network, _, of_late, late = _servers()
    late.misbehave(behind=1)
    network.accept()
    of_late.send("subscribe", streams=["transactions_proposed"])

    of_late.submit(_NOTHING, _BOB)

    assert of_late.heard("transaction", "validated") == [False]


def test_a_lie_of_a_late_server_is_as_late_as_the_rest() -> None:
    """It names the validated ledger that all its other answers name."""
    _, _, of_late, late = _servers()
    late.misbehave(behind=2, submissions={"count": 1, "answer": "telINSUF_FEE_P"})

    told = of_late.submit(_NOTHING, _BOB)

    assert (told["engine_result"], told["validated_ledger_index"]) == ("telINSUF_FEE_P", 4)


def test_nothing_waits_for_a_late_server() -> None:
    """The queue is the network's, and of a ledger that this server has not seen."""
    small = QueueSettings(minimum_txn_in_ledger=2, target_txn_in_ledger=2)
    _, client, of_late, late = _servers(small)
    results = [client.submit(_NOTHING, _BOB)["engine_result"] for _ in range(3)]
    waits = client.blob({**_NOTHING, "Sequence": client.sequence(_BOB)}, _BOB)
    results.append(client.result("submit", tx_blob=waits)["engine_result"])
    assert results == ["tesSUCCESS"] * 3 + ["terQUEUED"]
    late.misbehave(behind=1)

    def told(who: Client) -> tuple[int, str, str]:
        root = who.result("account_info", account=_BOB.address, queue=True)
        fee = who.result("fee")
        escalated = fee["drops"]["open_ledger_fee"]
        return root["queue_data"]["txn_count"], fee["current_queue_size"], escalated

    waiting, size, escalated = told(client)
    assert (waiting, size, int(escalated) > 10) == (1, "1", True)
    assert told(of_late) == (0, "0", "10")
