"""One server among others: behind, stuck, forgetful, of another network, blocked, or a liar."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.client import Client, frozen_network
from watchtower.sandbox.network import Network
from watchtower.sandbox.node import Node
from watchtower.sandbox.people import RICH, Person

_BOB = Person.named("bob")
_NOTHING = {"TransactionType": "AccountSet"}


def _two_servers(ledgers: int = 8) -> tuple[Network, Client, Client, Node]:
    """Return clients of an honest server and of a second one, and that one.

    In each ledger after the first there is one payment to bob.
    """
    network = frozen_network()
    honest = Node(network)
    other = honest.add_server()
    client, of_other = Client(honest), Client(other)
    for _ in range(ledgers):
        client.pay(_BOB)
        network.accept()
    return network, client, of_other, other


def _everything(client: Client, *, version: int) -> list[Any]:
    """Return all that a server tells of the ledger, but for how late it is by its clock."""
    questions: list[dict[str, Any]] = [
        {"command": "account_channels", "account": RICH.address},
        {"command": "account_info", "account": _BOB.address},
        {"command": "account_info", "account": _BOB.address, "ledger_index": "validated"},
        {"command": "account_info", "account": _BOB.address, "ledger_index": "closed"},
        {"command": "account_objects", "account": _BOB.address, "ledger_index": 6},
        {"command": "account_tx", "account": _BOB.address},
        {"command": "account_tx", "account": _BOB.address, "forward": True, "limit": 2},
        {"command": "account_tx", "account": _BOB.address, "ledger_index_min": 4},
        {"command": "account_tx", "account": _BOB.address, "ledger_index": 6},
        {"command": "account_tx", "account": _BOB.address, "ledger_index_max": 10},
        {"command": "fee"},
        {"command": "ledger"},
        {"command": "ledger", "ledger_index": 6, "transactions": True, "expand": True},
        {"command": "ledger", "ledger_index": 7},
        {"command": "ledger", "ledger_index": 10},
        {"command": "ledger", "ledger_index": "current"},
        {"command": "ledger_closed"},
        {"command": "ledger_current"},
        {"command": "ledger_entry", "account_root": _BOB.address},
        {"command": "subscribe", "streams": ["ledger"]},
        {"command": "unsubscribe", "streams": ["ledger"]},
    ]
    asked = [client.ask(**question, api_version=version) for question in questions]
    return [{name: v for name, v in answer.items() if name != "id"} for answer in asked]


@pytest.mark.parametrize("version", [1, 2])
def test_a_server_that_is_behind_answers_as_the_network_did_then(version: int) -> None:
    """Every answer is word by word what an honest server said that many ledgers ago."""
    network, client, of_late, late = _two_servers(ledgers=5)
    then = [_without_numbers(answer) for answer in _everything(client, version=version)]
    for _ in range(3):
        client.pay(_BOB)
        network.accept()
    late.misbehave(behind=3)

    now = [_without_numbers(answer) for answer in _everything(of_late, version=version)]

    assert now == then


def _without_numbers(answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "request": {**answer.get("request", {}), "id": 0}}


def test_a_server_that_is_behind_says_so_of_itself() -> None:
    """In both forms, with its age growing."""
    _, client, of_late, late = _two_servers()
    late.misbehave(behind=3)

    info = of_late.result("server_info")["info"]
    state = of_late.result("server_state")["state"]

    assert client.result("server_info")["info"]["validated_ledger"]["seq"] == 10
    assert (info["validated_ledger"]["seq"], info["validated_ledger"]["age"]) == (7, 3)
    assert (info["complete_ledgers"], state["complete_ledgers"]) == ("2-7", "2-7")
    assert state["validated_ledger"]["seq"] == 7


def test_a_transaction_that_it_has_not_come_to_is_only_pending() -> None:
    """By hash; and by the concise id there is nothing."""
    _, client, of_late, late = _two_servers()
    history = client.result("account_tx", account=_BOB.address, limit=1)
    newest = history["transactions"][0]["tx"]
    late.misbehave(behind=1)

    pending = of_late.result("tx", transaction=newest["hash"])

    assert (pending["validated"], "meta" in pending) == (False, False)
    assert of_late.ask("tx", ctid=newest["ctid"])["error"] == "txnNotFound"


def test_each_ledger_is_announced_that_much_later() -> None:
    """With its own transactions, and with the range as it is then."""
    network, client, of_late, late = _two_servers()
    of_late.send("subscribe", streams=["ledger", "transactions"])
    late.misbehave(behind=2)
    of_late.texts.clear()

    client.pay(_BOB, drops=777)
    for _ in range(3):
        network.accept()

    assert of_late.heard("ledgerClosed", "ledger_index") == [9, 10, 11]
    assert of_late.heard("ledgerClosed", "validated_ledgers") == ["2-9", "2-10", "2-11"]
    assert of_late.heard("transaction", "ledger_index")[-1] == 11
    assert of_late.told[-1]["transaction"]["Amount"] == "777"


@pytest.mark.parametrize(("ledgers", "told"), [(100, list(range(11, 111))), (101, [111])])
def test_who_catches_up_tells_of_each_ledger_or_of_a_large_gap_the_last(
    ledgers: int, told: list[int]
) -> None:
    """As a server does that was cut off from its peers; either way it holds them all."""
    network, _, of_late, late = _two_servers()
    of_late.send("subscribe", streams=["ledger"])
    late.misbehave(stuck=True)
    for _ in range(ledgers):
        network.accept()
    assert of_late.heard("ledgerClosed", "ledger_index") == []

    late.misbehave(stuck=False)

    assert of_late.heard("ledgerClosed", "ledger_index") == told
    assert of_late.result("server_info")["info"]["complete_ledgers"] == f"2-{10 + ledgers}"


def test_behind_more_than_there_is_stands_at_the_first_ledger() -> None:
    """And tells nothing until the network is that much further."""
    network, _, of_late, late = _two_servers()
    of_late.send("subscribe", streams=["ledger"])
    late.misbehave(behind=10)

    network.accept()
    assert of_late.result("ledger_closed")["ledger_index"] == 2
    network.accept()
    network.accept()

    assert of_late.heard("ledgerClosed", "ledger_index") == [3]


def test_several_servers_disagree_about_where_the_ledger_is() -> None:
    """Each for itself, over the one ledger that there is."""
    network, client, of_second, second = _two_servers()
    third = second.add_server()
    of_third = Client(third)
    second.misbehave(behind=2)
    third.misbehave(stuck=True)
    network.accept()

    where = [c.result("ledger_closed")["ledger_index"] for c in (client, of_second, of_third)]

    assert where == [11, 9, 10]
    hashes = {c.result("ledger", ledger_index=9)["ledger_hash"] for c in (client, of_second)}
    assert len(hashes) == 1


def test_a_hole_is_a_hole_in_every_answer() -> None:
    """The ledgers are gone, and the transactions in them; the rest is there."""
    _, client, of_forgetful, forgetful = _two_servers()
    rows = client.result("account_tx", account=_BOB.address, forward=True)["transactions"]
    lost, kept = rows[2]["tx"], rows[0]["tx"]
    hash_of_5 = client.result("ledger", ledger_index=5)["ledger_hash"]

    forgetful.forget(5, 7)

    assert of_forgetful.result("server_info")["info"]["complete_ledgers"] == "2-4,8-10"
    assert of_forgetful.result("subscribe", streams=["ledger"])["validated_ledgers"] == "2-4,8-10"
    assert of_forgetful.ask("ledger", ledger_index=6)["error"] == "lgrNotFound"
    assert of_forgetful.ask("ledger", ledger_hash=hash_of_5)["error"] == "lgrNotFound"
    assert of_forgetful.ask("tx", transaction=lost["hash"])["error"] == "txnNotFound"
    assert of_forgetful.ask("tx", ctid=lost["ctid"])["error"] == "txnNotFound"
    assert of_forgetful.result("tx", transaction=kept["hash"])["ledger_index"] == 3
    assert of_forgetful.result("ledger", ledger_index=4)["validated"]
    assert client.result("server_info")["info"]["complete_ledgers"] == "2-10"


def test_an_accounts_history_ends_at_the_hole() -> None:
    """Whatever is held below it: only what is unbroken counts (getValidatedRange)."""
    _, _, of_forgetful, forgetful = _two_servers()
    forgetful.forget(5, 7)

    def history(**params: Any) -> dict[str, Any]:
        return of_forgetful.ask("account_tx", account=_BOB.address, **params)

    whole = history()["result"]
    assert (whole["ledger_index_min"], whole["ledger_index_max"]) == (8, 10)
    assert [row["tx"]["ledger_index"] for row in whole["transactions"]] == [10, 9, 8]
    assert history(ledger_index_min=3)["result"]["ledger_index_min"] == 8
    assert history(ledger_index_min=3, api_version=2)["error"] == "lgrIdxMalformed"
    assert history(ledger_index_min=3, ledger_index_max=4)["error"] == "lgrIdxsInvalid"
    assert history(ledger_index=4)["error"] == "lgrNotValidated"
    assert history(ledger_index=6)["error"] == "lgrNotFound"


def test_a_search_says_whether_it_saw_every_ledger_of_the_range() -> None:
    """So that who asks knows a lost transaction from one that never was."""
    _, client, of_forgetful, forgetful = _two_servers()
    forgetful.forget(5, 5)
    nothing = "AB" * 32

    def searched(who: Client, first: int, last: int) -> object:
        answer = who.ask("tx", transaction=nothing, min_ledger=first, max_ledger=last)
        return answer.get("searched_all", answer["error"])

    assert searched(client, 3, 10) is True
    assert searched(of_forgetful, 3, 10) is False
    assert searched(of_forgetful, 6, 10) is True
    assert searched(client, 2, 10) is False  # ledger 2 has no transactions
    assert searched(client, 10, 11) is False
    assert searched(client, 9, 3) == "invalidLgrRange"
    assert searched(client, 3, 1003) is False
    assert searched(client, 3, 1004) == "excessiveLgrRange"
    assert "searched_all" not in client.ask("tx", transaction=nothing)


def test_the_newest_ledger_is_never_lost() -> None:
    """A server has it in memory."""
    network, _, of_forgetful, forgetful = _two_servers()

    forgetful.forget(0, 99)
    network.accept()
    network.accept()

    assert of_forgetful.result("server_info")["info"]["complete_ledgers"] == "10-12"


def test_another_network_is_another_one_wherever_it_is_named() -> None:
    """In the info, in the stream, and in every concise id."""
    network, client, of_lost, lost = _two_servers()
    lost.misbehave(network_id=1025)
    told = of_lost.result("subscribe", streams=["ledger", "transactions"])
    client.pay(_BOB)
    network.accept()

    history = of_lost.result("account_tx", account=_BOB.address, limit=1)
    newest = history["transactions"][0]["tx"]

    assert told["network_id"] == 1025
    assert of_lost.result("server_info")["info"]["network_id"] == 1025
    assert of_lost.result("server_state")["state"]["network_id"] == 1025
    assert of_lost.heard("ledgerClosed", "network_id") == [1025]
    ids = {*of_lost.heard("transaction", "ctid"), newest["ctid"]}
    assert {ctid[-4:] for ctid in ids} == {"0401"}
    assert of_lost.result("tx", ctid=newest["ctid"])["hash"] == newest["hash"]
    wrong = client.ask("tx", ctid=newest["ctid"])
    assert (wrong["error"], wrong["error_code"]) == ("wrongNetwork", 4)
    assert wrong["error_message"].endswith("NetworkID: 1025")


def test_a_blocked_server_refuses_what_needs_a_ledger_and_says_why() -> None:
    """And answers all else, as a real one (Handler.h, conditionMet)."""
    _, client, of_old, old = _two_servers()
    blob = client.blob(_NOTHING)
    old.misbehave(amendment_blocked=True)

    for question in (
        {"command": "fee"},
        {"command": "submit", "tx_blob": blob},
        {"command": "submit_multisigned", "tx_json": {}},
        {"command": "tx", "transaction": "AB" * 32},
        {"command": "ledger_closed"},
        {"command": "ledger_current"},
    ):
        refused = of_old.ask(**question)
        assert (refused["error"], refused["error_code"]) == ("amendmentBlocked", 14)
    info = of_old.result("server_info")["info"]
    assert (info["server_state"], info["amendment_blocked"]) == ("connected", True)
    assert [warning["id"] for warning in info["warnings"]] == [1002]
    assert of_old.result("account_info", account=_BOB.address)["account_data"]
    assert "validated_ledgers" not in of_old.result("subscribe", streams=["ledger"])
    assert client.result("server_info")["info"]["server_state"] == "full"


def test_lies_about_answers_and_messages_are_told_by_the_liar_alone() -> None:
    """The truth is in every other answer, and again when the lie ends."""
    network, client, of_liar, liar = _two_servers()
    liar.misbehave(
        lies={
            "account_info": {"account_data.Balance": "1", "account_data.Sequence": None},
            "ledgerClosed": {"ledger_hash": "00" * 32},
            "transaction": {"meta.TransactionResult": "tecCLAIM"},
        }
    )
    for each in (client, of_liar):
        each.send("subscribe", streams=["ledger", "transactions"])
    client.pay(_BOB)
    network.accept()

    lied = of_liar.result("account_info", account=_BOB.address)["account_data"]
    honest = client.result("account_info", account=_BOB.address)["account_data"]

    assert (lied["Balance"], "Sequence" in lied) == ("1", False)
    assert honest["Balance"] == "900000000"
    assert of_liar.heard("ledgerClosed", "ledger_hash") == ["00" * 32]
    assert client.heard("ledgerClosed", "ledger_hash") == [
        client.result("ledger_closed")["ledger_hash"]
    ]
    results = [
        m[0]["TransactionResult"]
        for m in [c.heard("transaction", "meta") for c in (of_liar, client)]
    ]
    assert results == ["tecCLAIM", "tesSUCCESS"]
    liar.misbehave(lies={})
    assert of_liar.result("account_info", account=_BOB.address)["account_data"] == honest


def test_a_lie_about_a_refusal_is_not_told() -> None:
    """What is not there has no members to lie about."""
    node = Node(frozen_network())
    client = Client(node)
    node.misbehave(lies={"account_info": {"account_data.Balance": "1"}})

    assert client.ask("account_info", account=_BOB.address)["error"] == "actNotFound"


@pytest.mark.parametrize(
    ("answer", "apply", "is_validated"),
    [
        ("tesSUCCESS", False, False),
        ("telCAN_NOT_QUEUE_FULL", True, True),
        ("of no server", False, False),
    ],
)
def test_a_submission_is_lied_about_so_many_times(
    answer: str, *, apply: bool, is_validated: bool
) -> None:
    """Said to be one thing, while the other happens; the one after is the truth."""
    network, client, of_liar, liar = _two_servers()
    liar.misbehave(submissions={"count": 1, "answer": answer, "apply": apply})

    told = of_liar.submit(_NOTHING, _BOB)
    network.accept()

    assert told["engine_result"] == answer
    assert (told["engine_result_code"] == -1) is (answer == "of no server")
    found = client.ask("tx", transaction=told["tx_json"]["hash"])
    assert found.get("result", {}).get("validated", False) is is_validated
    assert of_liar.submit(_NOTHING, _BOB)["engine_result"] == "tesSUCCESS"
    assert liar.misbehaviour.submissions is None


def test_a_submission_without_an_answer_may_have_happened() -> None:
    """The client hears nothing, and the ledger has it."""
    network, client, of_liar, liar = _two_servers()
    blob = client.blob(_NOTHING, _BOB)
    liar.misbehave(submissions={"count": 1, "answer": None, "apply": True})

    number = of_liar.send("submit", tx_blob=blob)
    network.accept()

    assert of_liar.answers(number) == []
    history = client.result("account_tx", account=_BOB.address, limit=1)
    assert history["transactions"][0]["tx"]["TransactionType"] == "AccountSet"


def test_what_is_no_misbehaviour_changes_nothing() -> None:
    """Not even what stands beside it."""
    node = Node(frozen_network())
    node.misbehave(drop=0.5)

    with pytest.raises(ValueError, match="behind"):
        node.misbehave(lag=3, behind="far")

    assert (node.misbehaviour.drop, node.misbehaviour.lag) == (0.5, 0.0)


def test_who_behaves_again_behaves_in_everything() -> None:
    """What was lost stays lost."""
    network, _, of_other, other = _two_servers()
    other.misbehave(behind=4, network_id=9, drop=1, lies={"ping": {"a": 1}})
    other.forget(3, 4)

    other.misbehave(behave=True)

    assert of_other.ask("ping")["result"] == {}
    assert of_other.result("ledger_closed")["ledger_index"] == network.chain.validated.index
    assert of_other.result("server_info")["info"]["complete_ledgers"] == "2,5-10"
