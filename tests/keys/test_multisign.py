"""Several signatures under one transaction: any enough of them, in any order, make the same one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xrpl.core.addresscodec import decode_classic_address
from xrpl.core.binarycodec import decode, encode_for_multisigning

from watchtower.keys.multisign import (
    Cosignature,
    enough,
    most_signatures,
    multisigned,
    to_multisign,
    verified,
)
from watchtower.ledger.events import SignerList
from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.server import Clock, Sandbox
from watchtower.units import DROPS_PER_XRP as XRP
from watchtower.units import Drops

RECORDING = Path(__file__).parents[1] / "data" / "recordings" / "regular_key_and_multisign.jsonl"
PAYER, PAYEE = Person.named("a payer"), Person.named("a payee")
PEOPLE = [Person.named(f"signer {n}", ed25519=n % 2 == 1) for n in range(5)]
CHANNEL = "AB" * 32


def claim(**more: Any) -> dict[str, Any]:
    """An unsigned claim of the payee's."""
    return {
        "TransactionType": "PaymentChannelClaim",
        "Account": PAYEE.address,
        "Channel": CHANNEL,
        "Amount": str(3 * XRP),
        "Balance": str(3 * XRP),
        "PublicKey": PAYER.public_key,
        "Signature": PAYER.sign_claim(CHANNEL, Drops(3 * XRP)),  # type: ignore[arg-type]
        "Fee": "60",
        "Sequence": 7,
        "LastLedgerSequence": 20,
        **more,
    }


def signed_by(person: Person, transaction: Mapping[str, Any]) -> Cosignature:
    """One signer's part, over the bytes that xrpl-py makes."""
    message = encode_for_multisigning({**transaction, "SigningPubKey": ""}, person.address)
    return Cosignature(
        account=person.address,
        public_key=person.public_key,
        signature=person.sign(bytes.fromhex(message)),
    )


def with_high_s(signature: str) -> str:
    """The same secp256k1 signature in the form that lenient libraries take, and no server."""
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    der = bytes.fromhex(signature)
    r = der[4 : 4 + der[3]]
    high = (order - int.from_bytes(der[6 + der[3] :], "big")).to_bytes(33, "big")
    body = b"\x02" + bytes([len(r)]) + r + b"\x02" + bytes([len(high)]) + high
    return (b"\x30" + bytes([len(body)]) + body).hex().upper()


def listed(weights: list[int], quorum: int) -> SignerList:
    """The first of `PEOPLE` with these weights."""
    people = zip(PEOPLE, weights, strict=False)
    return SignerList(quorum=quorum, signers=tuple((one.address, w) for one, w in people))


@pytest.mark.parametrize("person", PEOPLE[:2], ids=["secp256k1", "ed25519"])
@pytest.mark.parametrize(
    "transaction",
    [claim(), claim(Sequence=0, TicketSequence=9), {**claim(), "NetworkID": 21338, "Flags": 0}],
    ids=["sequence", "ticket", "network"],
)
def test_what_each_signs_is_what_xrpl_py_says(person: Person, transaction: dict[str, Any]) -> None:
    """Byte for byte, whatever form a claim has."""
    message = encode_for_multisigning({**transaction, "SigningPubKey": ""}, person.address)

    assert to_multisign(transaction, person.address).hex().upper() == message


def test_what_a_real_server_took_is_made_again_byte_for_byte() -> None:
    """By the recording: of a claim that two of three signed."""
    lines = [json.loads(line) for line in RECORDING.read_text().splitlines()]
    sent = next(
        line["msg"]["tx_json"]
        for line in lines
        if line.get("msg", {}).get("command") == "submit_multisigned"
    )
    taken = next(
        line["msg"]["result"]
        for line in lines
        if line.get("msg", {}).get("result", {}).get("tx_json", {}).get("Signers")
    )
    unsigned = {k: v for k, v in sent.items() if k not in {"Signers", "SigningPubKey", "hash"}}
    given = [
        Cosignature(
            account=one["Signer"]["Account"],
            public_key=one["Signer"]["SigningPubKey"],
            signature=one["Signer"]["TxnSignature"],
        )
        for one in sent["Signers"]
    ]
    signers = SignerList(quorum=2, signers=tuple((one.account, 1) for one in given))

    made = multisigned(unsigned, reversed(given), signers)

    assert made is not None
    assert made.transaction == taken["tx_json"]["hash"]


@given(
    weights=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_any_order_of_the_same_signatures_makes_the_same_transaction(
    weights: list[int], data: st.DataObject
) -> None:
    """Enough of them are taken, and none that could be left out; fewer make none."""
    quorum = data.draw(st.integers(1, sum(weights)))
    signers = listed(weights, quorum)
    present = data.draw(st.sets(st.sampled_from(PEOPLE[: len(weights)])))
    given_ = [signed_by(one, claim()) for one in present]
    weight = {one.address: w for one, w in zip(PEOPLE, weights, strict=False)}

    made = multisigned(claim(), given_, signers)
    shuffled = data.draw(st.permutations([*given_, *given_]))

    assert multisigned(claim(), shuffled, signers) == made
    is_enough = sum(weight[one.account] for one in given_) >= quorum
    assert (made is not None) is is_enough
    count = most_signatures({one.account for one in given_}, signers)
    assert (count is not None) is is_enough
    if made is None or count is None:
        return
    fields = decode(made.blob)
    accounts = [one["Signer"]["Account"] for one in fields["Signers"]]
    assert accounts == sorted(set(accounts), key=decode_classic_address)
    total = sum(weight[one] for one in accounts)
    assert all(total - weight[one] < quorum for one in accounts)
    assert len(accounts) <= count
    assert fields["SigningPubKey"] == ""
    assert "TxnSignature" not in fields


def test_strangers_and_signatures_of_something_else_count_for_nothing() -> None:
    """Whoever is not on the list, and whoever signed another transaction, or as another."""
    signers = listed([1, 1, 1], 2)
    good = signed_by(PEOPLE[0], claim())
    stranger = signed_by(PEOPLE[4], claim())
    other = signed_by(PEOPLE[1], claim(Fee="61"))
    theirs = signed_by(PEOPLE[1], claim())
    as_another = Cosignature(
        account=PEOPLE[2].address, public_key=theirs.public_key, signature=theirs.signature
    )

    assert multisigned(claim(), [good, stranger], signers) is None
    for bad in (other, as_another):
        assert verified(claim(), bad) is None
        assert multisigned(claim(), [good, bad], signers) is None
    assert multisigned(claim(), [good, good], signers) is None
    assert enough([good, good], signers) is None


def test_a_signature_in_a_form_that_the_ledger_refuses_is_put_right() -> None:
    """High S verifies with lenient libraries, and is refused by servers."""
    malleable = with_high_s(signed_by(PEOPLE[0], claim()).signature)
    good = signed_by(PEOPLE[0], claim())

    put_right = verified(
        claim(),
        Cosignature(account=good.account, public_key=good.public_key, signature=malleable),
    )

    assert put_right == good


@asynccontextmanager
async def ledger_of_five() -> AsyncIterator[tuple[Sandbox, Hand, str]]:
    """A ledger with a channel, and a payee with five signers of whom three are enough."""
    async with (
        Sandbox(clock=Clock.FROZEN, port=0) as sandbox,
        Hand(sandbox.url, accepts=True) as hand,
    ):
        await hand.fund(PAYER, PAYEE)
        channel = await hand.create_channel(PAYER, PAYEE, Drops(100 * XRP), 3600)
        entries = [{"SignerEntry": {"Account": p.address, "SignerWeight": 1}} for p in PEOPLE]
        await hand.settle(
            {"TransactionType": "SignerListSet", "SignerQuorum": 3, "SignerEntries": entries},
            PAYEE,
        )
        yield sandbox, hand, channel


async def test_the_ledger_takes_any_enough_of_them_and_none_below() -> None:
    """Each three of five redeem; two of five are below the quorum, whatever they sign."""
    signers = listed([1] * 5, 3)
    trios = [(0, 1, 2), (4, 3, 2), (0, 4, 1), (3, 1, 0)]
    async with ledger_of_five() as (sandbox, hand, channel):
        for number, trio in enumerate(trios, start=1):
            told = await hand.request(
                "account_info", account=PAYEE.address, ledger_index="validated"
            )
            drops = Drops(number * XRP)
            unsigned = claim(
                Channel=channel,
                Amount=str(drops),
                Balance=str(drops),
                Signature=PAYER.sign_claim(channel, drops),  # type: ignore[arg-type]
                Sequence=told["account_data"]["Sequence"],
                LastLedgerSequence=told["ledger_index"] + 5,
            )
            parts = [signed_by(PEOPLE[place], unsigned) for place in trio]
            assert multisigned(unsigned, parts[:2], signers) is None
            low = multisigned(unsigned, parts[:2], SignerList(quorum=2, signers=signers.signers))
            assert low is not None
            refused = await hand.request("submit", tx_blob=low.blob)
            assert refused["engine_result"] == "tefBAD_QUORUM"
            made = multisigned(unsigned, parts, signers)
            assert made is not None
            answer = await hand.request("submit", tx_blob=made.blob)
            assert answer["engine_result"] == "tesSUCCESS"
            await sandbox.accept()
            found = await hand.request(
                "ledger_entry", payment_channel=channel, ledger_index="validated"
            )
            assert found["node"]["Balance"] == str(drops)
