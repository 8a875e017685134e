"""A thief has the daemon's place at the signer's socket, and asks for whatever it likes.

The signer is a process of its own, and the thief writes bytes. What it gets are the transactions
that the operator's settings allow, up to the caps; whatever else it sends, the signer stays up,
writes it down, and goes on to sign for the daemon.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.signer.process import SignerProcess
from watchtower.keys.signer_messages import LONGEST_FRAME, SignAnswer, read_answer
from watchtower.sandbox.family_seed import keys_of
from watchtower.sandbox.people import Person
from watchtower.units import ChannelId, Drops

PAYEE, PAYER, THIEF = (Person.named(f"{who} at a stolen socket") for who in ("a", "b", "c"))
CHANNEL = ChannelId("C" * 64)
CAP, DAY = 5_000, 60_000
TF_CLOSE = 0x00020000


@pytest.fixture
async def signer(tmp_path: Path) -> AsyncIterator[SignerProcess]:
    """A signer that runs, for one payee, with caps."""
    made = await SignerProcess.make(
        tmp_path / "signer", PAYEE, fee_cap_drops=CAP, daily_cap_drops=DAY, most_tickets=3
    )
    await made.start()
    try:
        yield made
    finally:
        await made.kill()


class Stolen:
    """A connection that somebody else than the daemon has made."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak over a connection."""
        self.reader = reader
        self.writer = writer

    @classmethod
    async def at(cls, signer: SignerProcess) -> Stolen:
        """Connect."""
        return cls(*await asyncio.open_unix_connection(str(signer.socket)))

    def send(self, body: bytes, *, length: int | None = None) -> None:
        """Write a frame, with a false length if one is given."""
        self.writer.write((len(body) if length is None else length).to_bytes(4, "big") + body)

    async def ask(self, *transactions: dict[str, Any], kind: str = "sign") -> SignAnswer:
        """Ask for signatures."""
        request = {"kind": kind, "id": 1, "transactions": transactions}
        self.send(msgspec.json.encode(request))
        length = int.from_bytes(await self.reader.readexactly(4), "big")
        answer = read_answer(await self.reader.readexactly(length))
        assert isinstance(answer, SignAnswer)
        return answer

    async def is_hung_up_on(self) -> bool:
        """Whether the other side ends the connection without a word."""
        try:
            return await self.reader.read(1) == b""
        except ConnectionError:
            return True

    def close(self) -> None:
        """Hang up."""
        self.writer.close()


@pytest.fixture
async def stolen(signer: SignerProcess) -> AsyncIterator[Stolen]:
    """The thief's connection."""
    made = await Stolen.at(signer)
    yield made
    made.close()


def redeem(drops: int = 500, *, target: int | None = None, **changes: Any) -> dict[str, Any]:
    """A transaction that redeems a claim of the payer's."""
    return {
        "TransactionType": "PaymentChannelClaim",
        "Account": PAYEE.address,
        "Channel": CHANNEL,
        "Amount": str(drops),
        "Balance": str(drops if target is None else target),
        "PublicKey": PAYER.public_key,
        "Signature": PAYER.sign_claim(CHANNEL, Drops(drops)),
        "Fee": "12",
        "Sequence": 7,
        "LastLedgerSequence": 100,
        **changes,
    }


def without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    """A transaction that lacks some fields."""
    return {name: value for name, value in fields.items() if name not in names}


CLAIMED = ("Amount", "Balance", "PublicKey", "Signature")
WANTED: dict[str, tuple[dict[str, Any], str]] = {
    "a payment": (
        {
            **without(redeem(), "Channel", *CLAIMED),
            "TransactionType": "Payment",
            "Destination": THIEF.address,
            "Amount": "1000000",
        },
        "it signs nothing but",
    ),
    "another regular key": (
        {
            **without(redeem(), "Channel", *CLAIMED),
            "TransactionType": "SetRegularKey",
            "RegularKey": THIEF.address,
        },
        "it signs nothing but",
    ),
    "a close of what pays the payee": (
        {**without(redeem(), *CLAIMED), "Flags": TF_CLOSE},
        "tfClose is never signed for a payee",
    ),
    "a claim that closes": (redeem(Flags=TF_CLOSE), "tfClose is never signed for a payee"),
    "another account": (redeem(Account=THIEF.address), "not from an account in the configuration"),
    "another delegate": (redeem(Delegate=THIEF.address), "does not sign the field Delegate"),
    "a claim that nobody signed": (
        redeem(Amount="501"),
        "its key did not sign this amount for this channel",
    ),
    "a claim in another form": (
        redeem(Signature=PAYER.sign_claim(CHANNEL, Drops(500)) + "00"),
        "not in the ledger's own form",
    ),
    "more tickets": (
        {
            **without(redeem(), "Channel", *CLAIMED),
            "TransactionType": "TicketCreate",
            "TicketCount": 4,
        },
        "not between 1 and the 3 tickets",
    ),
    "for ever": (redeem(LastLedgerSequence=0), "would never lapse"),
    "nothing": ({}, "it signs nothing but"),
}


async def test_what_a_thief_wants_is_refused_and_written_down(
    signer: SignerProcess, stolen: Stolen
) -> None:
    """With nothing signed, also not what comes behind it; the next honest claim is."""
    for name, (wanted, why) in WANTED.items():
        answer = await stolen.ask(wanted, redeem())
        assert answer.signatures == (), name
        assert answer.refusal is not None, name
        assert answer.refusal.kind == "refused", name
        assert why in answer.refusal.why, name
        assert len((await stolen.ask(redeem())).signatures) == 1, name

    refused = [e.facts for e in await signer.journal() if e.kind == "signing_refused"]
    for facts, (_, why) in zip(refused, WANTED.values(), strict=True):
        assert why in facts["why"]
        assert "user " in facts["who"]


async def test_what_is_above_a_cap_is_refused_in_a_way_of_its_own(
    signer: SignerProcess, stolen: Stolen
) -> None:
    """With the setting named: nobody need ask claim by claim. The next one is signed."""
    answer = await stolen.ask(redeem(Fee=str(CAP + 1)), redeem())
    assert answer.signatures == ()
    assert answer.refusal is not None
    assert answer.refusal.kind == "capped"
    assert f"the {CAP} of `signer.fee_cap_drops`" in answer.refusal.why
    assert len((await stolen.ask(redeem())).signatures) == 1
    assert [e.kind for e in await signer.journal()][-2:] == ["signing_refused", "signed"]


async def test_a_thousand_claims_do_not_pass_the_days_cap_whatever_the_order(
    signer: SignerProcess, stolen: Stolen
) -> None:
    """The fees of all that is signed, one for each seat, are within it; a restart changes nothing.

    A better claim for a seat that was used costs nothing more, and is signed still.
    """
    signed = Counter[int]()
    for first in range(0, 1_000, 50):
        wanted = [redeem(Sequence=1 + n, Fee=str(CAP)) for n in range(first, first + 50)]
        answer = await stolen.ask(*wanted)
        for each, _ in zip(wanted, answer.signatures, strict=False):
            signed[each["Sequence"]] = CAP
    assert signed.total() == DAY
    await signer.kill()
    await signer.start()
    again = await Stolen.at(signer)
    more = await again.ask(redeem(Sequence=5_000, Fee="1"))
    assert more.signatures == ()
    assert more.refusal is not None
    assert more.refusal.kind == "capped"
    assert "daily_cap_drops" in more.refusal.why
    assert len((await again.ask(redeem(Sequence=1, Fee=str(CAP)))).signatures) == 1
    again.close()
    fees = {
        entry.facts["sequence"]: entry.facts["fee"]
        for entry in await signer.journal()
        if entry.kind == "signed"
    }
    assert sum(fees.values()) == DAY


async def test_a_lower_claim_is_told_and_locks_nobody_out(
    signer: SignerProcess, stolen: Stolen
) -> None:
    """Neither does a forged one that is higher than everything, which would be the real attack."""
    most = 90_000_000
    by_thief = {"PublicKey": THIEF.public_key, "Signature": THIEF.sign_claim(CHANNEL, Drops(most))}
    forged = {**redeem(most), **by_thief}
    for wanted in (forged, redeem(500), redeem(400), redeem(500, target=300), redeem(500)):
        assert len((await stolen.ask(wanted)).signatures) == 1

    await signer.stop()
    lower = [event for event in signer.events if event["event"] == "signed_lower"]
    assert [event["highest"] for event in lower] == [most] * 4
    targets = [e.facts["target"] for e in await signer.journal() if e.kind == "signed"]
    assert targets == [most, 500, 400, 300, 500]


def framed(body: Any) -> bytes:
    """A frame with some JSON in it."""
    text = msgspec.json.encode(body)
    return len(text).to_bytes(4, "big") + text


GARBAGE: dict[str, bytes] = {
    "four gigabytes": b"\xff\xff\xff\xff" + b"x" * 100,
    "more than a frame": (LONGEST_FRAME + 1).to_bytes(4, "big") + b"{",
    "nothing": b"\0\0\0\0",
    "no json": b"\0\0\0\4\xff\xfe\0\0",
    "too deep": (100_000).to_bytes(4, "big") + b"[" * 100_000,
    "another kind": framed({"kind": "hash", "id": 1}),
    "a surplus field": framed({"kind": "keys", "id": 1, "all": 1}),
    "no number": framed({"kind": "keys"}),
    "too many": framed({"kind": "sign", "id": 1, "transactions": [{}] * 65}),
    "no transactions": framed({"kind": "sign", "id": 1, "transactions": []}),
    "a list in a field": framed({"kind": "sign", "id": 1, "transactions": [{"Memos": [{}]}]}),
    "true in a field": framed({"kind": "sign", "id": 1, "transactions": [{"Flags": True}]}),
}


async def test_garbage_ends_the_connection_and_nothing_else(signer: SignerProcess) -> None:
    """The signer says so in its log, and signs for the next who asks."""
    for name, garbage in GARBAGE.items():
        thief = await Stolen.at(signer)
        thief.writer.write(garbage)
        assert await thief.is_hung_up_on(), name
        thief.close()
        honest = await Stolen.at(signer)
        assert len((await honest.ask(redeem())).signatures) == 1, name
        honest.close()
    assert signer.exit_code is None
    await signer.stop()
    told = [event for event in signer.events if event["event"] == "nonsense_sent"]
    assert len(told) == len(GARBAGE)


async def test_half_frames_and_many_connections_keep_nobody_out(signer: SignerProcess) -> None:
    """A hundred that connect and stop in the middle; each new one gets in."""
    quiet = [await Stolen.at(signer) for _ in range(100)]
    for number, each in enumerate(quiet):
        each.writer.write([b"", b"\0\0", b"\0\0\1\0{", b"\0\0\0\x16{"][number % 4])
    for _ in range(3):
        honest = await Stolen.at(signer)
        assert len((await honest.ask(redeem())).signatures) == 1
        honest.close()
    for each in quiet:
        each.close()
    assert signer.exit_code is None


async def test_who_asks_and_never_reads_holds_up_nobody(
    signer: SignerProcess, stolen: Stolen
) -> None:
    """The answers to thousands of requests go nowhere, and others are answered meanwhile."""
    keys = b"\0\0\0\x16" + b'{"kind":"keys","id":1}'
    stolen.writer.write(keys * 20_000)
    honest = await Stolen.at(signer)
    assert len((await honest.ask(redeem())).signatures) == 1
    honest.close()


async def test_nonsense_all_day_does_not_fill_the_journal(
    signer: SignerProcess, stolen: Stolen
) -> None:
    """A thousand refusals are written down, and then they are counted alone."""
    for _ in range(1_010):
        assert (await stolen.ask({})).signatures == ()
    refused = [e for e in await signer.journal() if e.kind == "signing_refused"]
    assert len(refused) == 1_000


async def test_a_stranger_of_the_machine_is_not_listened_to(tmp_path: Path) -> None:
    """Whoever may open the socket: the kernel tells who it is, and the settings do not name it."""
    signer = await SignerProcess.make(tmp_path / "signer", PAYEE, users=[2**31 - 7])
    await signer.start()
    try:
        stranger = await Stolen.at(signer)
        stranger.send(b'{"kind":"keys","id":1}')
        assert await stranger.is_hung_up_on()
        stranger.close()
    finally:
        await signer.kill()
    assert "stranger_turned_away" in {event["event"] for event in signer.events}


async def test_no_secret_is_logged_or_told(signer: SignerProcess, stolen: Stolen) -> None:
    """Neither to who asks, nor in the log, nor in the journal; the public half is."""
    answer = await stolen.ask(redeem(), redeem(Account=THIEF.address))
    assert answer.signatures[0].public_key == PAYEE.public_key
    await signer.stop()
    told = repr(answer) + repr(signer.events) + repr(await signer.journal())
    _, secret = keys_of(PAYEE.seed)
    assert PAYEE.seed not in told
    assert secret.hex() not in told.lower()
