"""By what right a claim is sent: tickets, a regular key, a signer list, a delegate."""

from __future__ import annotations

from typing import Any

from xrpl.core.addresscodec import decode_classic_address
from xrpl.core.binarycodec import encode, encode_for_multisigning, encode_for_signing

from tests.conformance.stage import CANONICAL, Message, Stage, claim
from watchtower.sandbox.people import Person
from watchtower.units import DROPS_PER_XRP as XRP

__all__ = ["delegated_claim", "regular_key_and_multisign", "tickets_and_presigned"]


async def tickets_and_presigned(stage: Stage) -> None:
    """Two claims signed beforehand for one ticket: only one of them can ever be used."""
    source, destination = await stage.people()
    await stage.subscribe(destination.address)
    channel = await stage.create(source, destination, 100 * XRP, 60)
    stage.tape.note("its facts", id=channel)
    await stage.submit({"TransactionType": "TicketCreate", "TicketCount": 3}, destination)
    await stage.close_ledger()
    answer = await stage.client(
        "account_objects", account=destination.address, type="ticket", ledger_index="validated"
    )
    tickets = sorted(o["TicketSequence"] for o in answer["result"]["account_objects"])
    seat = {"Sequence": 0, "TicketSequence": tickets[0]}
    blobs = [
        encode(
            await stage.build(claim(channel, source, amount * XRP, **seat), destination, fee="5000")
        )
        for amount in (10, 20)
    ]
    stage.tape.note("the better one is used", tickets=tickets)
    await stage.client("submit", tx_blob=blobs[1])
    await stage.close_ledger()
    stage.tape.note("the other one cannot be any more")
    await stage.client("submit", tx_blob=blobs[0])
    await stage.close_ledger()
    await stage.look(channel)


async def regular_key_and_multisign(stage: Stage) -> None:
    """A claim by the regular key, one by two of three signers, one by too few."""
    source, destination, regular, *signers = await stage.people(6)
    await stage.subscribe(destination.address)
    channel = await stage.create(source, destination, 100 * XRP, 60)
    stage.tape.note("its facts", id=channel)
    await stage.submit(
        {"TransactionType": "SetRegularKey", "RegularKey": regular.address}, destination
    )
    await stage.close_ledger()
    stage.tape.note("by the regular key")
    answer = await stage.submit(claim(channel, source, 10 * XRP), destination, signer=regular)
    stage.tape.note("the answer", response=answer)
    await stage.close_ledger()
    await stage.submit(_signer_list(signers), destination)
    await stage.close_ledger()
    tx = {
        "Account": destination.address,
        "Fee": "50",
        "Flags": CANONICAL,
        "SigningPubKey": "",
        "Sequence": await stage.sequence(destination.address),
        **claim(channel, source, 20 * XRP),
    }
    tx["Signers"] = _signatures(tx, [signers[0], signers[2]])
    stage.tape.note("by two of three")
    await stage.client("submit_multisigned", tx_json=tx)
    await stage.close_ledger()
    await stage.look(channel)
    tx = {**tx, "Sequence": tx["Sequence"] + 1, "Signers": tx["Signers"][:1]}
    stage.tape.note("one of three is too few")
    await stage.client("submit_multisigned", tx_json=tx)


def _signer_list(signers: list[Person]) -> Message:
    entries = [{"SignerEntry": {"Account": s.address, "SignerWeight": 1}} for s in signers]
    return {"TransactionType": "SignerListSet", "SignerQuorum": 2, "SignerEntries": entries}


def _signatures(tx: Message, signers: list[Person]) -> list[Message]:
    signed = [
        {
            "Signer": {
                "Account": signer.address,
                "SigningPubKey": signer.public_key,
                "TxnSignature": signer.sign(
                    bytes.fromhex(encode_for_multisigning(tx, signer.address))
                ),
            }
        }
        for signer in signers
    ]
    return sorted(signed, key=lambda one: decode_classic_address(one["Signer"]["Account"]))


async def delegated_claim(stage: Stage) -> None:
    """A tower sends claims in the payee's name: permitted, limited, revoked."""
    source, destination, tower = await stage.people(3)
    await stage.subscribe(destination.address)
    channel = await stage.create(source, destination, 100 * XRP, 60)
    stage.tape.note(
        "its facts",
        id=channel,
        source=source.address,
        destination=destination.address,
        tower=tower.address,
    )

    async def try_it(text: str, tx: Message) -> None:
        stage.tape.note(text)
        answer = await _delegated(stage, destination, tower, tx)
        stage.tape.note("the answer", response=answer)
        await stage.close_ledger()

    async def permit(text: str, permissions: list[Message]) -> None:
        stage.tape.note(text)
        tx = {
            "TransactionType": "DelegateSet",
            "Authorize": tower.address,
            "Permissions": permissions,
        }
        stage.tape.note("the answer", response=await stage.submit(tx, destination))
        await stage.close_ledger()

    await try_it("not permitted yet", claim(channel, source, 10 * XRP))
    await permit("permitted", [{"Permission": {"PermissionValue": "PaymentChannelClaim"}}])
    await stage.client("account_objects", account=destination.address, ledger_index="validated")
    await try_it("redeemed", claim(channel, source, 10 * XRP))
    await stage.look(channel)
    for person in (tower, destination):
        await stage.client("account_info", account=person.address, ledger_index="validated")
    payment = {"TransactionType": "Payment", "Destination": tower.address, "Amount": "1"}
    await try_it("nothing else is permitted", payment)
    await permit("revoked", [])
    answer = await _delegated(stage, destination, tower, claim(channel, source, 20 * XRP))
    stage.tape.note("the answer", response=answer)
    await stage.close_ledger()


async def _delegated(stage: Stage, payee: Person, tower: Person, tx: Message) -> Message:
    built: dict[str, Any] = {
        "Account": payee.address,
        "Delegate": tower.address,
        "Fee": "10",
        "Flags": CANONICAL,
        "SigningPubKey": tower.public_key,
        "Sequence": await stage.sequence(payee.address),
        **tx,
    }
    built["TxnSignature"] = tower.sign(bytes.fromhex(encode_for_signing(built)))
    return await stage.hand.result("submit", tx_blob=encode(built))
