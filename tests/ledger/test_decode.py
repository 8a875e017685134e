"""The decoder: every shape a server speaks in, every trap in its metadata, nothing skipped."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from watchtower.errors import AnswerError
from watchtower.ledger.decode import decode_entry, decode_ledger_closed, decode_transaction
from watchtower.ledger.events import (
    ChannelChanged,
    ChannelDeleted,
    ChannelEntry,
    LedgerClosed,
    Position,
    Seat,
    SeatUsed,
)
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime, TxHash

SOURCE = Address("r36oydBJLqRk6nBAske77Vz1cnHARjUKGZ")
DESTINATION = Address("rPzyFpgj9j6EgN6CNDpRDSFqc7rw7829KX")
STRANGER = Address("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh")
CHANNEL = "3DBEA9F25E6CA7247CC04EC8BFF348B0ADC2D840C1D106CAB68CC8707A126949"
KEY = "EDCC4AB3BC5273C735360662209AFAF2A3346B34526DB33C1A0F49B4B8D6CC7213"
HASH = "6EFE6BEC12BD7D7370F9FFCB2B99C0FCC17C1EB597EBFDED0E5E2900773E9B01"
RECORDINGS = Path(__file__).parent.parent / "data" / "recordings"

NEW_FIELDS: dict[str, Any] = {
    "Account": SOURCE,
    "Amount": "100000000",
    "Destination": DESTINATION,
    "DestinationTag": 7,
    "PublicKey": KEY,
    "Sequence": 3,
    "SettleDelay": 60,
}
FINAL_FIELDS: dict[str, Any] = {**NEW_FIELDS, "Balance": "5", "Flags": 0, "OwnerNode": "0"}


def node(kind: str, **parts: object) -> dict[str, Any]:
    """A PayChannel node of metadata."""
    return {kind: {"LedgerEntryType": "PayChannel", "LedgerIndex": CHANNEL, **parts}}


def transaction(*nodes: object, **fields: object) -> dict[str, Any]:
    """A validated stream message of API version 2."""
    return {
        "type": "transaction",
        "validated": True,
        "hash": HASH,
        "ledger_index": 9,
        "tx_json": {"Account": SOURCE, "Sequence": 4, "TransactionType": "Anything", **fields},
        "meta": {
            "AffectedNodes": list(nodes),
            "TransactionIndex": 2,
            "TransactionResult": "tesSUCCESS",
        },
    }


def channel_fact(message: dict[str, Any]) -> ChannelChanged | ChannelDeleted:
    """The one channel fact of a message."""
    [fact, _] = decode_transaction(message)
    assert isinstance(fact, ChannelChanged | ChannelDeleted)
    return fact


def test_new_channel_without_balance_holds_zero() -> None:
    """New fields leave out what is zero; the entry is complete all the same."""
    message = transaction(node("CreatedNode", NewFields=NEW_FIELDS))
    assert decode_transaction(message) == (
        ChannelChanged(
            entry=ChannelEntry(
                channel=ChannelId(CHANNEL),
                source=SOURCE,
                destination=DESTINATION,
                amount=Drops(100_000_000),
                balance=Drops(0),
                public_key=KEY,
                settle_delay=60,
                destination_tag=7,
            ),
            at=Position(LedgerIndex(9), 2),
            transaction=TxHash(HASH),
        ),
        SeatUsed(
            account=SOURCE,
            seat=Seat(4),
            transaction=TxHash(HASH),
            result="tesSUCCESS",
            at=Position(LedgerIndex(9), 2),
            kind="Anything",
            changed=(ChannelId(CHANNEL),),
        ),
    )


def test_who_signed_and_what_it_closed_is_told_beside_the_seat() -> None:
    """A delegate's closing of our channel is known for what it is."""
    message = transaction(
        node("DeletedNode", FinalFields=FINAL_FIELDS), SigningPubKey=KEY.lower(), Delegate=STRANGER
    )
    used = decode_transaction(message)[-1]
    assert isinstance(used, SeatUsed)
    assert (used.signed_by, used.delegate) == (KEY, STRANGER)
    assert (used.changed, used.closed) == ((), (ChannelId(CHANNEL),))


def test_settle_delay_of_zero_is_left_out_of_a_new_channel_and_read_as_zero() -> None:
    """A payer who chooses no dispute window at all does not hide the channel from us."""
    fields = {name: value for name, value in NEW_FIELDS.items() if name != "SettleDelay"}
    assert channel_fact(transaction(node("CreatedNode", NewFields=fields))).entry.settle_delay == 0


def test_first_close_request_has_empty_previous_fields() -> None:
    """The expiration is in the final fields; that nothing is 'previous' hides nothing."""
    final = {**FINAL_FIELDS, "Expiration": 820_541_000}
    message = transaction(node("ModifiedNode", FinalFields=final, PreviousFields={}))
    assert channel_fact(message).entry.expiration == 820_541_000


@pytest.mark.parametrize("kind", ["PaymentChannelFund", "Batch", "SomethingOf2031"])
def test_close_started_by_any_transaction_type_is_seen(kind: str) -> None:
    """A Fund can start a close, an inner transaction of a batch too: the node alone decides."""
    final = {**FINAL_FIELDS, "Expiration": 820_541_000, "CancelAfter": 820_600_000}
    message = transaction(
        node("ModifiedNode", FinalFields=final, PreviousFields={}), TransactionType=kind
    )
    message["meta"]["ParentBatchID"] = HASH
    entry = channel_fact(message).entry
    assert (entry.expiration, entry.cancel_after) == (820_541_000, 820_600_000)


def test_renewed_channel_has_no_expiration() -> None:
    """The previous expiration is history; only the final fields count."""
    changed = node(
        "ModifiedNode", FinalFields=FINAL_FIELDS, PreviousFields={"Expiration": 820_541_000}
    )
    assert channel_fact(transaction(changed)).entry.expiration is None


def test_modified_node_without_final_fields_tells_nothing() -> None:
    """A node that was only threaded through did not change its channel."""
    threaded = node("ModifiedNode", PreviousTxnID=HASH, PreviousTxnLgrSeq=4)
    assert [type(fact) for fact in decode_transaction(transaction(threaded))] == [SeatUsed]


def test_success_that_deletes_the_channel_tells_the_balance_and_not_the_claim() -> None:
    """A late claim reports success; what was paid is the balance of the deleted node."""
    message = transaction(node("DeletedNode", FinalFields=FINAL_FIELDS), Balance="40000000")
    fact = channel_fact(message)
    assert isinstance(fact, ChannelDeleted)
    assert fact.entry.balance == 5


@pytest.mark.parametrize("kind", ["ModifiedNode", "DeletedNode"])
@pytest.mark.parametrize(
    ("previous", "paid"), [({"Balance": "2"}, 3), ({"Amount": "1"}, 0), ({}, 0), (None, 0)]
)
def test_paid_is_how_far_this_transaction_raised_the_balance(
    kind: str, previous: dict[str, str] | None, paid: int
) -> None:
    """A claim that also closes pays; a late one that only closes does not."""
    parts = {"FinalFields": FINAL_FIELDS}
    if previous is not None:
        parts["PreviousFields"] = previous
    assert channel_fact(transaction(node(kind, **parts))).paid == paid


def test_two_channels_in_one_transaction_give_two_facts() -> None:
    """A transaction may touch more channels than one."""
    other = node("ModifiedNode", FinalFields=FINAL_FIELDS)
    other["ModifiedNode"]["LedgerIndex"] = HASH
    facts = decode_transaction(transaction(node("CreatedNode", NewFields=NEW_FIELDS), other))
    assert [type(fact) for fact in facts] == [ChannelChanged, ChannelChanged, SeatUsed]


def test_ticket_is_the_seat_when_the_sequence_is_zero() -> None:
    """Sequence 0 means that a ticket was used."""
    [fact] = decode_transaction(transaction(Sequence=0, TicketSequence=77))
    assert isinstance(fact, SeatUsed)
    assert fact.seat == Seat(77, is_ticket=True)


def test_refused_transaction_uses_its_seat_and_tells_its_code() -> None:
    """A tec touches no channel, and costs its sequence."""
    message = transaction()
    message["meta"]["TransactionResult"] = "tecUNFUNDED_PAYMENT"
    [fact] = decode_transaction(message)
    assert isinstance(fact, SeatUsed)
    assert fact.result == "tecUNFUNDED_PAYMENT"


@pytest.mark.parametrize(
    ("accounts", "kinds"),
    [
        (None, [ChannelChanged, SeatUsed]),
        ({SOURCE}, [ChannelChanged, SeatUsed]),
        ({DESTINATION}, [ChannelChanged]),
        ({STRANGER}, []),
        (frozenset(), []),
    ],
)
def test_only_what_concerns_the_accounts_is_told(
    accounts: set[Address] | None, kinds: list[type]
) -> None:
    """Channels from or to an account of ours, seats of it; None means everybody."""
    message = transaction(node("CreatedNode", NewFields=NEW_FIELDS))
    assert [type(fact) for fact in decode_transaction(message, accounts)] == kinds


def reshaped(message: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The same transaction in every shape that servers speak in."""
    fields, meta, number = message["tx_json"], message["meta"], message["ledger_index"]
    first = {**fields, "hash": HASH, "date": 1}
    return {
        "stream, version 1": {
            "type": "transaction", "validated": True, "ledger_index": number,
            "transaction": first, "meta": meta,
        },
        "account_tx, version 1": {
            "validated": True, "tx": {**first, "ledger_index": number, "inLedger": number},
            "meta": meta,
        },
        "account_tx, version 2": {
            "validated": True, "hash": HASH, "ledger_index": number, "tx_json": fields,
            "meta": meta,
        },
        "tx, version 1": {**first, "validated": True, "ledger_index": number, "meta": meta},
        "old metaData": {
            **first, "validated": True, "ledger_index": number, "metaData": meta,
        },
    }  # fmt: skip


def test_every_shape_of_a_transaction_gives_the_same_facts() -> None:
    """Stream, ``account_tx`` and ``tx``, API version 1 and 2."""
    message = transaction(node("CreatedNode", NewFields=NEW_FIELDS))
    for shape, other in reshaped(message).items():
        assert decode_transaction(other) == decode_transaction(message), shape


@pytest.mark.parametrize(
    "changes",
    [
        {"validated": False, "status": "proposed"},
        {"validated": None},
        {"validated": 1},
        {"tx_json": None},
        {"tx_json": "1200"},
    ],
)
def test_what_is_not_a_validated_transaction_is_no_fact(changes: dict[str, Any]) -> None:
    """Proposed transactions, and everything that is no transaction, are nothing yet."""
    message = transaction(node("CreatedNode", NewFields=NEW_FIELDS))
    assert decode_transaction({**message, **changes}) == ()


def test_unknown_fields_and_entries_pass_by() -> None:
    """What a later server adds does not stop us."""
    created = node("CreatedNode", NewFields={**NEW_FIELDS, "Sponsor": SOURCE}, Shiny=True)
    strange = {"CreatedNode": {"LedgerEntryType": "Vault", "LedgerIndex": 5, "NewFields": []}}
    unheard = {"MovedNode": {"LedgerEntryType": "Vault"}}
    message = transaction(strange, unheard, created, NewThing={"a": 1})
    assert [type(fact) for fact in decode_transaction(message)] == [ChannelChanged, SeatUsed]


def test_token_channel_of_a_stranger_does_not_stop_the_stream() -> None:
    """A channel that holds tokens is not ours to guard, and anybody could open one to us."""
    amount = {"currency": "USD", "issuer": STRANGER, "value": "1"}
    created = node("CreatedNode", NewFields={**NEW_FIELDS, "Amount": amount})
    assert [type(fact) for fact in decode_transaction(transaction(created))] == [SeatUsed]


MALFORMED_FIELDS: list[tuple[str, object]] = [
    ("Account", None),
    ("Account", "r36oydBJLqRk6nBAske77Vz1cnHARjUKGY"),
    ("Destination", 5),
    ("Amount", None),
    ("Amount", 100),
    ("Amount", "-1"),
    ("Amount", "1e6"),
    ("Amount", "١٢"),
    ("Amount", "100000000000000001"),
    ("Balance", "x"),
    ("PublicKey", "ED0"),
    ("PublicKey", None),
    ("SettleDelay", -1),
    ("SettleDelay", 2**32),
    ("SettleDelay", True),
    ("Expiration", "820541000"),
    ("CancelAfter", 1.5),
]


@pytest.mark.parametrize(("name", "value"), MALFORMED_FIELDS)
def test_malformed_channel_is_an_error_and_never_skipped(name: str, value: object) -> None:
    """A channel that cannot be read stops the cursor; one sentence says why."""
    fields = {**FINAL_FIELDS, name: value}
    message = transaction(node("ModifiedNode", FinalFields=fields))
    with pytest.raises(AnswerError, match=name) as raised:
        decode_transaction(message, server="wss://one")
    assert str(raised.value).startswith("wss://one answered `transaction` with")


def broken(**changes: object) -> dict[str, Any]:
    """A message whose metadata or frame was changed."""
    message = transaction(node("CreatedNode", NewFields=NEW_FIELDS))
    meta = {**message["meta"], **{k: v for k, v in changes.items() if k in message["meta"]}}
    return {**message, "meta": meta, **{k: v for k, v in changes.items() if k in message}}


@pytest.mark.parametrize(
    "message",
    [
        broken(meta=None),
        broken(meta="201C00000000F8E5110061"),
        broken(AffectedNodes=None),
        broken(AffectedNodes=[1]),
        broken(AffectedNodes=[{}]),
        broken(AffectedNodes=[{"CreatedNode": None}]),
        broken(AffectedNodes=[node("MovedNode", FinalFields=FINAL_FIELDS)]),
        broken(AffectedNodes=[node("CreatedNode")]),
        broken(AffectedNodes=[node("DeletedNode")]),
        broken(AffectedNodes=[node("ModifiedNode", FinalFields=[])]),
        broken(AffectedNodes=[node("CreatedNode", NewFields=NEW_FIELDS, LedgerIndex="AB")]),
        broken(AffectedNodes=[node("CreatedNode", NewFields=NEW_FIELDS, LedgerIndex=None)]),
        broken(TransactionIndex=None),
        broken(TransactionResult=None),
        broken(hash="12"),
        broken(hash=None),
        broken(ledger_index="9"),
        broken(tx_json={"Account": SOURCE}),
        broken(tx_json={"Sequence": 1}),
    ],
)
def test_incomplete_validated_transaction_is_an_error(message: dict[str, Any]) -> None:
    """Rule 3: what the ledger has validated is read completely, or not accounted for."""
    with pytest.raises(AnswerError):
        decode_transaction(message)


def test_entry_is_read_from_both_requests_that_show_it() -> None:
    """``ledger_entry`` and ``account_objects`` show the same fields, with an index."""
    shown = {**FINAL_FIELDS, "LedgerEntryType": "PayChannel", "index": CHANNEL.lower()}
    entry = decode_entry(shown)
    assert entry is not None
    assert entry.channel == CHANNEL
    assert decode_entry({"LedgerEntryType": "Ticket", "index": CHANNEL}) is None
    assert decode_entry({**shown, "Amount": {"value": "1"}}) is None
    with pytest.raises(AnswerError, match="ledger_entry"):
        decode_entry({**shown, "index": None})


CLOSED: dict[str, Any] = {
    "type": "ledgerClosed",
    "fee_base": 10,
    "ledger_hash": HASH,
    "ledger_index": 4,
    "ledger_time": 820_540_802,
    "network_id": 0,
    "reserve_base": 1_000_000,
    "reserve_inc": 200_000,
    "txn_count": 1,
    "validated_ledgers": "2-4",
}


def test_closed_ledger_is_read_from_the_stream_and_from_the_answer_to_subscribe() -> None:
    """Both name the newest validated ledger."""
    expected = LedgerClosed(
        ledger_index=LedgerIndex(4),
        ledger_hash=HASH,
        close_time=RippleTime(820_540_802),
        base_fee=Drops(10),
        reserve_base=Drops(1_000_000),
        reserve_increment=Drops(200_000),
    )
    answer = {name: value for name, value in CLOSED.items() if name not in ("type", "txn_count")}
    assert decode_ledger_closed(CLOSED) == expected
    assert decode_ledger_closed(answer) == expected


@pytest.mark.parametrize("message", [{}, {"type": "transaction", "ledger_time": 1}])
def test_other_messages_close_no_ledger(message: dict[str, Any]) -> None:
    """The answer of a server without a ledger, or another stream's message."""
    assert decode_ledger_closed(message) is None


@pytest.mark.parametrize(
    "name", ["ledger_time", "ledger_index", "ledger_hash", "fee_base", "reserve_inc"]
)
def test_closed_ledger_with_a_hole_is_an_error(name: str) -> None:
    """Deadlines hang on the close time: without it there is no guessing."""
    message = copy.deepcopy(CLOSED)
    del message[name]
    with pytest.raises(AnswerError, match=name):
        decode_ledger_closed(message)


def test_truncated_metadata_of_real_frames_never_slips_through() -> None:
    """Take one field away from each channel node of a recording: an error, or the same fact."""
    needed = {"Account", "Destination", "Amount", "PublicKey"}
    tried = 0
    with (RECORDINGS / "lifecycle_secp256k1.jsonl").open() as lines:
        for line in lines:
            message = json.loads(line)["msg"]
            for wrapped in message.get("meta", {}).get("AffectedNodes", ()):
                [(_, inner)] = wrapped.items()
                fields = inner.get("FinalFields", inner.get("NewFields", {}))
                for name in (
                    needed & set(fields) if inner["LedgerEntryType"] == "PayChannel" else ()
                ):
                    kept = fields.pop(name)
                    with pytest.raises(AnswerError, match=name):
                        decode_transaction(message)
                    fields[name] = kept
                    tried += 1
    assert tried == 28
