"""Somebody hands the tower a bundle that is not what it seems: each attack is refused whole."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from xrpl.core import binarycodec

from tests.store.make import CHEAP, PASSPHRASE
from watchtower.cli.bundle_import import Covered, take_bundle
from watchtower.errors import BundleError
from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.judgement.estate import Estate, Tickets
from watchtower.keys.bundle import read_bundle
from watchtower.keys.presigning import PresignRequest, presign
from watchtower.keys.signer import signed_at_once
from watchtower.keys.stored_key import UnsealedKey
from watchtower.keys.vault import key_that_signs_for
from watchtower.ledger.events import AccountEntry, ChannelEntry, Position
from watchtower.response.transaction import presigned_transaction
from watchtower.sandbox.people import Person
from watchtower.settings import FeeSettings, Settings
from watchtower.store.database import Store
from watchtower.tower.noted_accounts import ACCOUNT_NOTE, noted
from watchtower.tower.noted_tickets import TICKETS_NOTE, tickets_noted
from watchtower.units import ChannelId, Drops, LedgerIndex

PAYER, PAYEE, MALLORY = (Person.named(name) for name in ("a payer", "a payee", "mallory"))
CHANNEL, OTHER = ChannelId("C" * 64), ChannelId("D" * 64)
AT = Position(LedgerIndex(9), 0)
TICKETS = (41, 42, 43, 44)
HIGHEST = 60_000


def claim_of(drops: int, *, channel: ChannelId = CHANNEL, payer: Person = PAYER) -> Claim:
    """A claim with a real signature."""
    return Claim(
        channel=channel,
        amount=Drops(drops),
        public_key=payer.public_key,
        signature=payer.sign_claim(channel, Drops(drops)),
    )


ASKED = PresignRequest(
    network_id=21_337,
    account=PAYEE.address,
    claim=claim_of(5_000),
    target=Drops(5_000),
    tickets=(41, 42),
)


def bundle_of(*requests: PresignRequest, signer: Person = PAYEE, **more: Any) -> bytes:
    """A bundle, made as ``watchtower presign`` makes it."""
    key = key_that_signs_for(requests[0].account, signer.seed, regular_key=True)
    return presign(requests, key, **more)


def rewritten(data: bytes, change: Callable[[Any], object]) -> bytes:
    """A bundle whose JSON was changed, and written again in the one form."""
    found = json.loads(data)
    change(found)
    return json.dumps(found, indent=1).encode() + b"\n"


def with_blob(data: bytes, blob: str) -> bytes:
    """A bundle whose first transaction is another one."""

    def change(found: Any) -> None:
        found["claims"][0]["transactions"][0]["blob"] = blob

    return rewritten(data, change)


def signed(fields: Mapping[str, Any]) -> str:
    """Any transaction, signed by the payee itself: the attacker is as strong as can be."""
    whole = {**fields, "SigningPubKey": PAYEE.public_key}
    message = bytes.fromhex(binarycodec.encode_for_signing(whole))
    return binarycodec.encode({**whole, "TxnSignature": PAYEE.sign(message)})


FIELDS = presigned_transaction(
    account=PAYEE.address,
    claim=ASKED.claim,
    target=ASKED.target,
    fee=Drops(12),
    ticket=41,
    network_id=ASKED.network_id,
)
"""What the first transaction of a bundle is."""


@dataclass
class Tower:
    """A store of a guarded payee with a channel, and what the daemon last saw."""

    store: Store
    settings: Settings = field(
        default_factory=lambda: Settings(
            accounts=(PAYEE.address,),
            servers=("wss://one.example",),
            fees=FeeSettings(cap_drops=HIGHEST),
        )
    )

    async def take(self, data: bytes) -> Covered:
        """Import a bundle."""
        return await take_bundle(self.store, self.settings, read_bundle(data))

    async def everything(self) -> list[object]:
        """All that an import could have changed."""
        async with self.store.read() as work:
            return [
                await work.bundles.load_all(),
                await work.claims.load_all(),
                await work.journal.load_all(),
            ]

    async def refuses(self, data: bytes, why: str) -> None:
        """Hold that an import is refused with a sentence, and changes nothing."""
        before = await self.everything()
        with pytest.raises(BundleError, match=why) as refused:
            await self.take(data)
        assert str(refused.value).startswith("The bundle is not accepted: ")
        assert len(str(refused.value)) < 1_000
        assert await self.everything() == before

    async def opens(self, channel: ChannelId, **changes: Any) -> None:
        """Have a channel known."""
        entry = ChannelEntry(
            channel=channel,
            source=PAYER.address,
            destination=PAYEE.address,
            amount=Drops(10_000),
            balance=Drops(0),
            public_key=PAYER.public_key,
            settle_delay=3600,
        )
        closed_at = changes.pop("closed_at", None)
        known = Channel(entry=structs.replace(entry, **changes), as_of=AT, closed_at=closed_at)
        async with self.store.write() as work:
            await work.channels.put(known)

    async def sees(self, estate: Estate) -> None:
        """Note an account, as the daemon does."""
        async with self.store.write() as work:
            await work.notes.put(ACCOUNT_NOTE + estate.account, noted(estate))
            await work.notes.put(TICKETS_NOTE + estate.account, tickets_noted(estate))


@pytest.fixture
async def tower(tmp_path: Path) -> AsyncIterator[Tower]:
    """A tower that takes the honest bundle."""
    async with await Store.create(tmp_path / "w.db", PASSPHRASE, cost=CHEAP) as store:
        await store.pin_network(ASKED.network_id)
        made = Tower(store)
        for channel in (CHANNEL, OTHER):
            await made.opens(channel)
        await made.sees(
            Estate(
                account=PAYEE.address,
                entry=AccountEntry(account=PAYEE.address, balance=Drops(0), sequence=50),
                as_of=AT,
                ticket_book=Tickets(held=dict.fromkeys(TICKETS, AT), listed_at=AT),
            )
        )
        yield made


async def test_the_honest_bundle_is_accepted(tower: Tower) -> None:
    """Or nothing that is refused below would mean anything."""
    done = await tower.take(bundle_of(ASKED))
    assert (done.kept, done.covered, done.beyond, done.unsure) == (2, {CHANNEL: 5_000}, {}, ())
    async with tower.store.read() as work:
        assert await work.claims.best(CHANNEL) == ASKED.claim


async def test_another_account(tower: Tower) -> None:
    """Its tickets and its channels are none of ours."""
    other = bundle_of(replace(ASKED, account=MALLORY.address), signer=MALLORY)
    await tower.refuses(other, "no account in `accounts`")


async def test_another_network(tower: Tower) -> None:
    """What is signed for a test network is worth nothing here."""
    await tower.refuses(bundle_of(replace(ASKED, network_id=21_338)), "is for network 21338")
    await tower.refuses(bundle_of(replace(ASKED, network_id=0)), "is for network 0")


async def test_a_network_that_only_the_document_names(tower: Tower) -> None:
    """The transactions say for which network they are."""

    def change(found: Any) -> None:
        found["network_id"] = 21_337

    data = rewritten(bundle_of(replace(ASKED, network_id=21_338)), change)
    await tower.refuses(data, "another NetworkID than the bundle says")


async def test_another_channel(tower: Tower) -> None:
    """One that nobody knows, one that pays somebody else, and one that is closed."""
    unknown = ChannelId("E" * 64)
    asked = replace(ASKED, claim=claim_of(5_000, channel=unknown))
    await tower.refuses(bundle_of(asked), "not known here")
    await tower.opens(unknown, destination=MALLORY.address)
    await tower.refuses(bundle_of(asked), f"pays {MALLORY.address}")
    await tower.opens(unknown, closed_at=AT)
    await tower.refuses(bundle_of(asked), "is closed")


async def test_a_transaction_for_another_channel_behind_the_right_one(tower: Tower) -> None:
    """The document names ours, the bytes another."""
    theirs = {**FIELDS, "Channel": OTHER}
    await tower.refuses(with_blob(bundle_of(ASKED), signed(theirs)), "another Channel")


async def test_a_wrong_ticket(tower: Tower) -> None:
    """One that is not held, one that stands for another channel, and one behind the right one."""
    await tower.refuses(bundle_of(replace(ASKED, tickets=(45,))), "holds no ticket 45")
    other = replace(ASKED, claim=claim_of(5_000, channel=OTHER))
    await tower.take(bundle_of(ASKED))
    await tower.refuses(bundle_of(other), f"ticket 41 stands for channel {CHANNEL}")
    moved = {**FIELDS, "TicketSequence": 43}
    await tower.refuses(with_blob(bundle_of(ASKED), signed(moved)), "another TicketSequence")


async def test_a_ticket_whose_channel_is_closed_is_free_again(tower: Tower) -> None:
    """What stood for it is forgotten."""
    await tower.take(bundle_of(ASKED))
    await tower.opens(CHANNEL, closed_at=AT)
    done = await tower.take(bundle_of(replace(ASKED, claim=claim_of(5_000, channel=OTHER))))
    assert (done.kept, done.dropped) == (2, 2)


async def test_a_fee_beyond_the_cap(tower: Tower) -> None:
    """A mistyped fee would be paid in full."""
    data = bundle_of(ASKED, fees=[Drops(12), Drops(HIGHEST + 1)])
    await tower.refuses(data, "above `fees.cap_drops`, which is 60000")
    dear = {**FIELDS, "Fee": "1000000"}
    await tower.refuses(with_blob(bundle_of(ASKED), signed(dear)), "another Fee")


async def test_a_close_inside(tower: Tower) -> None:
    """``tfClose`` of the payee hands everything unclaimed back to the payer, at once."""
    for flags in (0x00020000, 0x80020000):
        data = with_blob(bundle_of(ASKED), signed({**FIELDS, "Flags": flags}))
        await tower.refuses(data, "has tfClose")
    renewing = with_blob(bundle_of(ASKED), signed({**FIELDS, "Flags": 0x00010000}))
    await tower.refuses(renewing, "has the field Flags")


async def test_a_payment_inside(tower: Tower) -> None:
    """Signed by the payee, on its own ticket: the tower would submit its money away."""
    payment = {
        "TransactionType": "Payment",
        "Account": PAYEE.address,
        "Destination": MALLORY.address,
        "Amount": "1000000000",
        "Fee": "12",
        "Sequence": 0,
        "TicketSequence": 41,
        "NetworkID": ASKED.network_id,
    }
    await tower.refuses(with_blob(bundle_of(ASKED), signed(payment)), "no plain PaymentChannelCl")


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"LastLedgerSequence": 99}, "has the field LastLedgerSequence"),
        ({"Flags": 0}, "has the field Flags"),
        ({"Delegate": MALLORY.address}, "has the field Delegate"),
        ({"Memos": [{"Memo": {"MemoData": "AA"}}]}, "no plain"),
        ({"SourceTag": 7}, "no plain"),
        ({"AccountTxnID": "A" * 64}, "no plain"),
        ({"Sequence": 7}, "another Sequence"),
        ({"Account": MALLORY.address}, "another Account"),
        ({"Balance": "1"}, "another Balance"),
        ({"Amount": "9000"}, "another Amount"),
    ],
)
async def test_a_field_that_does_not_belong_there(
    tower: Tower, more: Mapping[str, Any], why: str
) -> None:
    """Each signed by the payee's own key, so that the signature alone says nothing."""
    await tower.refuses(with_blob(bundle_of(ASKED), signed({**FIELDS, **more})), why)


async def test_several_signers_instead_of_the_key(tower: Tower) -> None:
    """What others would have to sign cannot be verified, and is no bundle."""
    fields = {**FIELDS, "SigningPubKey": "", "Signers": []}
    await tower.refuses(with_blob(bundle_of(ASKED), binarycodec.encode(fields)), "no plain")


async def test_a_lower_claim(tower: Tower) -> None:
    """One that is paid already burns its ticket; one below what is held takes nothing back."""
    await tower.take(bundle_of(ASKED))
    done = await tower.take(bundle_of(replace(ASKED, claim=claim_of(4_000), target=Drops(4_000))))
    assert (done.kept, done.beyond) == (0, {CHANNEL: 1_000})
    await tower.opens(CHANNEL, balance=Drops(5_000))
    await tower.refuses(bundle_of(ASKED), "the claim is not above it")


async def test_more_than_the_channel_holds(tower: Tower) -> None:
    """It would fail, and burn the ticket; so it is asked for up to the funds, and no further."""
    above = replace(ASKED, claim=claim_of(20_000), target=Drops(20_000))
    await tower.refuses(bundle_of(above), "the channel holds 10000")
    done = await tower.take(bundle_of(replace(above, target=Drops(10_000))))
    assert done.covered == {CHANNEL: 10_000}


async def test_a_bad_claim_signature(tower: Tower) -> None:
    """The payee's own signature proves nothing about the payer's."""
    for forged in (
        structs.replace(ASKED.claim, amount=Drops(6_000)),
        structs.replace(ASKED.claim, signature=claim_of(5_000, payer=MALLORY).signature),
    ):

        def change(found: Any, forged: Claim = forged) -> None:
            entry = found["claims"][0]
            entry["amount"], entry["signature"] = str(forged.amount), forged.signature

        await tower.refuses(rewritten(bundle_of(ASKED), change), "did not sign this amount")


async def test_a_claim_in_a_form_that_the_ledger_refuses(tower: Tower) -> None:
    """High S: it could be put right, but what was signed ahead has it as it is, for ever."""
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    der = bytes.fromhex(ASKED.claim.signature)
    at = 4 + der[3]
    r, s = der[2:at], int.from_bytes(der[at + 2 :])
    high = (order - s).to_bytes(33).lstrip(b"\0")
    high = b"\0" + high if high[0] & 0x80 else high
    body = r + b"\2" + bytes((len(high),)) + high
    signature = (b"\x30" + bytes((len(body),)) + body).hex().upper()

    def change(found: Any) -> None:
        found["claims"][0]["signature"] = signature

    await tower.refuses(rewritten(bundle_of(ASKED), change), "not in the form that the ledger")


async def test_a_claim_by_another_key_than_the_channels(tower: Tower) -> None:
    """Valid by itself; the ledger refuses it, and the ticket is burnt."""
    data = bundle_of(replace(ASKED, claim=claim_of(5_000, payer=MALLORY)))
    await tower.refuses(data, "not signed with the channel's key")


async def test_a_bundle_that_somebody_else_signed(tower: Tower) -> None:
    """Nobody's regular key, or the right key's name above another's signatures."""
    stranger = bundle_of(ASKED, signer=MALLORY)
    await tower.refuses(stranger, "neither the account's master key nor its regular key")

    def change(found: Any) -> None:
        found["signing_key"] = PAYEE.public_key

    await tower.refuses(rewritten(stranger, change), "another SigningPubKey")
    by_stranger = signed_at_once(
        UnsealedKey(key_that_signs_for(MALLORY.address, MALLORY.seed)), FIELDS
    ).blob
    named = by_stranger.replace(MALLORY.public_key, PAYEE.public_key)
    await tower.refuses(with_blob(bundle_of(ASKED), named), "was not signed by")


async def test_a_key_that_signs_no_more(tower: Tower) -> None:
    """The master key was disabled: what it signed fails, whenever it was."""
    entry = AccountEntry(account=PAYEE.address, balance=Drops(0), sequence=50, flags=0x00100000)
    await tower.sees(Estate(account=PAYEE.address, entry=entry, as_of=AT))
    await tower.refuses(bundle_of(ASKED), "was disabled")


async def test_what_is_not_known_yet_is_said_and_not_guessed(tower: Tower) -> None:
    """The daemon has never read the account."""
    async with tower.store.write() as work:
        for note in (ACCOUNT_NOTE, TICKETS_NOTE):
            await work.notes.drop(note + PAYEE.address)
    unsure = (await tower.take(bundle_of(ASKED))).unsure
    assert ["key signs" in why or "holds the tickets" in why for why in unsure] == [True, True]


async def test_a_store_that_has_seen_no_network_takes_nothing(tower: Tower, tmp_path: Path) -> None:
    """Below network 1024 the transactions do not say where they are good."""
    async with await Store.create(tmp_path / "new.db", PASSPHRASE, cost=CHEAP) as store:
        await Tower(store).refuses(bundle_of(ASKED), "seen no network")
    assert tower.settings.payees == {PAYEE.address}


async def test_more_json_than_anybody_reads(tower: Tower) -> None:
    """Ten megabytes, a depth without a bottom, and a blob without an end."""
    whole = bundle_of(ASKED)
    await tower.refuses(whole + b" " * 10_000_000, "more than 8000000 bytes")
    await tower.refuses(b"[" * 7_000_000, "no bundle")
    await tower.refuses(b'{"bundle":' * 500_000, "no bundle")
    await tower.refuses(with_blob(whole, "AB" * 3_000_000), "is not the upper-case hexadecimal")


async def test_duplicate_tickets(tower: Tower) -> None:
    """One ticket for two channels pays one of them; a channel that stands there twice hides one."""
    second = replace(ASKED, claim=claim_of(5_000, channel=OTHER), tickets=(43, 44))
    data = bundle_of(ASKED, second)

    def twice(found: Any) -> None:
        found["claims"][1]["transactions"][0]["ticket"] = 42

    await tower.refuses(rewritten(data, twice), f"to pay both {CHANNEL} and {OTHER}")

    def repeated(found: Any) -> None:
        found["claims"].append(found["claims"][0])

    await tower.refuses(rewritten(data, repeated), "is in it twice")

    def doubled(found: Any) -> None:
        transactions = found["claims"][0]["transactions"]
        transactions.insert(0, transactions[0])

    await tower.refuses(rewritten(data, doubled), "do not ascend")


async def test_fees_that_do_not_ascend(tower: Tower) -> None:
    """A step that does not replace the one below would be climbed for nothing."""

    def change(found: Any) -> None:
        found["claims"][0]["transactions"][:3] = found["claims"][0]["transactions"][2::-1]

    await tower.refuses(rewritten(bundle_of(ASKED), change), "do not ascend")


async def test_names_that_nobody_knows_and_names_that_stand_twice(tower: Tower) -> None:
    """Two readers of the same bytes must not see two bundles."""
    data = bundle_of(ASKED)
    await tower.refuses(rewritten(data, lambda found: found.update(note="x")), "no bundle")
    double = data.replace(b' "bundle": 1,\n', b' "bundle": 2,\n "bundle": 1,\n')
    await tower.refuses(double, "not byte for byte")
    await tower.refuses(data.replace(b"\n", b"\r\n"), "not byte for byte")
    await tower.refuses(data + data, "no bundle")


async def test_a_bundle_is_whole_or_nothing(tower: Tower) -> None:
    """Its last transaction is bad, and of the good ones before it none is taken."""
    second = replace(ASKED, claim=claim_of(5_000, channel=OTHER), tickets=(43, 45))
    await tower.refuses(bundle_of(ASKED, second), "holds no ticket 45")
