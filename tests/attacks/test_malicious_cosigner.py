"""A co-signer that was stolen can refuse and be slow, and nothing else; and it asks in vain.

Both sides of the attack: what comes back from a malicious co-signer, and what a malicious tower
asks of an honest one. Real daemons, real TLS, real signatures.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.interfaces.certificates import Authority
from tests.keys.test_multisign import PAYER, claim
from tests.tower.conftest import TF_CLOSE, XRP, Stage
from tests.tower.cosigners import PEOPLE, Answer, Company, company_on, hostile
from watchtower.keys.asking import CosignerPlace, TowerCosigner
from watchtower.keys.multisign import to_multisign
from watchtower.keys.secret_file import read_secret
from watchtower.keys.told import Answered, Away, Faulty
from watchtower.sandbox.people import Person
from watchtower.units import Address, ChannelId, Drops

MALICIOUS = PEOPLE[1]


@pytest.fixture
async def company(tmp_path: Path) -> AsyncIterator[Company]:
    """A payee whom two of three towers redeem for."""
    async with company_on(tmp_path) as made:
        yield made


def _answers(each: list[dict[str, str]], **more: str) -> bytes:
    who = {"account": MALICIOUS.address, "public_key": MALICIOUS.public_key, **more}
    return json.dumps({**who, "answers": each}).encode()


def _signing(change: Callable[[dict[str, Any]], dict[str, Any]], **more: str) -> Answer:
    """Sign what becomes of each transaction that is asked for."""

    def answer(asked: dict[str, Any]) -> bytes:
        messages = [to_multisign(change(one), MALICIOUS.address) for one in asked["transactions"]]
        return _answers([{"signature": MALICIOUS.sign(one)} for one in messages], **more)

    return answer


def _good(asked: dict[str, Any]) -> bytes:
    said = _signing(dict)(asked)
    assert isinstance(said, bytes)
    return said


async def _hang(_asked: dict[str, Any]) -> bytes:
    await asyncio.sleep(3600)
    return b""


@asynccontextmanager
async def asking(company: Company) -> AsyncIterator[TowerCosigner]:
    """The first tower's way to the one in whose place somebody else is."""
    place = company.first.settings.authority.cosigners[0]
    cosigner = TowerCosigner(
        CosignerPlace(
            account=Address(place.account),
            public_key=place.public_key,
            url=place.url,
            authority=Path(place.ca_file),
            certificate=Path(place.certificate_file),
            key=Path(place.key_file),
            token=Path(place.token_file),
        ),
        patience=10.0,
    )
    try:
        yield cosigner
    finally:
        await cosigner.close()


A_CLAIM = claim()

FAULTY: dict[str, Answer] = {
    "signs another transaction": _signing(lambda one: {**one, "Balance": "1"}),
    "signs for another ticket": _signing(lambda one: {**one, "Sequence": 0, "TicketSequence": 77}),
    "signs as somebody else": _signing(dict, account=PEOPLE[2].address),
    "signs with another key": _signing(dict, public_key=PEOPLE[2].public_key),
    "garbage": lambda _: b"\x00\xff{[",
    "no answers": lambda _: _answers([]),
    "an answer too many": lambda asked: _answers(
        [{"refused": "no"}] * (len(asked["transactions"]) + 1)
    ),
    "neither signs nor refuses": lambda asked: _answers([{}] * len(asked["transactions"])),
    "no hexadecimal": lambda asked: _answers(
        [{"signature": "zz" * 70}] * len(asked["transactions"])
    ),
    "nested without end": lambda _: b"[" * 60_000,
    # Good answers, and then nothing, for ever.
    "a huge body": lambda asked: _good(asked) + b" " * (1 << 20),
}


@pytest.mark.parametrize("answer", FAULTY.values(), ids=FAULTY)
async def test_a_faulty_answer_is_known_for_what_it_is(company: Company, answer: Answer) -> None:
    """Nothing of it is used."""
    async with hostile(company, 1, answer), asking(company) as cosigner:
        told = await cosigner.ask([A_CLAIM, A_CLAIM])

    assert isinstance(told, Faulty)


async def test_a_packed_answer_is_not_unpacked(company: Company) -> None:
    """A few bytes would become as many as its sender likes."""
    packed = gzip.compress(b" " * (1 << 22))
    assert len(packed) < 1 << 13
    async with (
        hostile(company, 1, lambda _: packed, headers=b"content-encoding: gzip\r\n"),
        asking(company) as cosigner,
    ):
        told = await cosigner.ask([A_CLAIM])

    assert told == Faulty("its answer is packed, which it was asked not to do")


def _handing(payer: Person, drops: int, **changes: Any) -> Answer:
    """Refuse, and hand over a claim that ``payer`` signed, or what becomes of it."""
    claim = {
        "amount": drops,
        "public_key": payer.public_key,
        "signature": payer.sign_claim(ChannelId(A_CLAIM["Channel"]), Drops(drops)),
        **changes,
    }

    def answer(asked: dict[str, Any]) -> bytes:
        refused = {"refused": "a better one is known", "better": claim}
        who = {"account": MALICIOUS.address, "public_key": MALICIOUS.public_key}
        return json.dumps({**who, "answers": [refused] * len(asked["transactions"])}).encode()

    return answer


_AMOUNT = int(A_CLAIM["Amount"])
_OTHERS_CLAIM = PAYER.sign_claim(ChannelId("CD" * 32), Drops(_AMOUNT + 1))


@pytest.mark.parametrize(
    "answer",
    [
        _handing(MALICIOUS, _AMOUNT + 1),
        _handing(MALICIOUS, _AMOUNT + 1, public_key=PAYER.public_key),
        _handing(PAYER, _AMOUNT + 1, amount=_AMOUNT + 2),
        _handing(PAYER, _AMOUNT + 1, signature=_OTHERS_CLAIM),
        _handing(PAYER, _AMOUNT),
        _handing(PAYER, _AMOUNT - 1),
        _handing(PAYER, _AMOUNT + 1, signature="zz"),
        _handing(PAYER, _AMOUNT + 1, channel="CD" * 32),
    ],
    ids=[
        "under its own key",
        "signed by itself",
        "of another amount",
        "of another channel",
        "no better one",
        "a lower one",
        "garbage",
        "with more to it",
    ],
)
async def test_a_claim_that_is_handed_over_counts_only_if_the_channels_key_signed_it(
    company: Company, answer: Answer
) -> None:
    """Everything else is told as what no co-signer in its right mind does."""
    async with hostile(company, 1, answer), asking(company) as cosigner:
        told = await cosigner.ask([A_CLAIM])

    assert isinstance(told, Faulty)


async def test_a_claim_that_the_channels_key_signed_is_taken_from_anybody(
    company: Company,
) -> None:
    """It proves itself: the same door, so that the others are refused for what they are."""
    async with hostile(company, 1, _handing(PAYER, _AMOUNT + 1)), asking(company) as cosigner:
        told = await cosigner.ask([A_CLAIM])

    assert isinstance(told, Answered)
    (better,) = told.better
    assert (better.channel, better.amount) == (A_CLAIM["Channel"], _AMOUNT + 1)


async def test_a_thief_that_makes_a_claim_up_learns_of_no_better_one(company: Company) -> None:
    """Only who shows one that the channel's own key signed is told of a better one."""
    second = company.others[0]
    channel = await company.first.channel()
    await second.keep(channel, 30 * XRP)
    thief = Thief(company, channel)
    async with second.tower():
        await _until_ready(second, company)
        shown = await thief.claim(20 * XRP)
        made_up = {**shown, "Amount": str(21 * XRP), "Balance": str(21 * XRP)}
        honest, forged = await thief.ask(shown, made_up)
    assert "better" in honest
    assert "better" not in forged


async def test_somebody_elses_certificate_is_nobodys(company: Company, tmp_path: Path) -> None:
    """Of another authority: it is not even asked."""
    (tmp_path / "another").mkdir()
    asked: list[Any] = []

    def hear(one: dict[str, Any]) -> bytes:
        asked.append(one)
        return b"{}"

    forger = replace(company, authority=Authority(tmp_path / "another", "another authority"))
    async with (
        hostile(forger, 1, hear),
        asking(company) as cosigner,
    ):
        told = await cosigner.ask([A_CLAIM])

    assert isinstance(told, Away)
    assert "CERTIFICATE_VERIFY_FAILED" in told.why
    assert asked == []


async def test_an_honest_answer_would_have_been_taken(company: Company) -> None:
    """The same door, so that what is refused above is refused for what it says."""
    async with hostile(company, 1, _signing(dict)), asking(company) as cosigner:
        told = await cosigner.ask([A_CLAIM])

    assert isinstance(told, Answered)


@pytest.mark.parametrize("answer", ["signs another transaction", "a huge body"])
async def test_a_faulty_answer_is_told_of_and_the_others_suffice(
    company: Company, answer: str
) -> None:
    """The payee is paid in full, and people hear who it was."""
    first = company.first
    channel = await first.channel()
    await first.keep(channel, 30 * XRP)
    async with first.tower(), company.others[1].tower(), hostile(company, 1, FAULTY[answer]):
        await company.until_watching(company.others[1])
        await first.close_request(channel)
        await first.until_paid(channel, 30 * XRP)
        await company.until_alarmed("cosigner_faulty", MALICIOUS.address)
    assert await company.signers_of(channel) == {PEOPLE[0].address, PEOPLE[2].address}
    assert await first.balance(channel) == 30 * XRP


async def test_a_co_signer_that_hangs_holds_up_nobody(company: Company) -> None:
    """The others sign meanwhile; it is told of when its time is over."""
    first = company.first
    channel = await first.channel()
    await first.keep(channel, 30 * XRP)
    async with first.tower(), company.others[1].tower(), hostile(company, 1, _hang):
        await company.until_watching(company.others[1])
        await first.close_request(channel)
        await first.until_paid(channel, 30 * XRP)
        await company.until_alarmed("cosigner_away", MALICIOUS.address)
    assert await company.signers_of(channel) == {PEOPLE[0].address, PEOPLE[2].address}


async def test_below_the_quorum_a_faulty_answer_is_not_made_up_for(company: Company) -> None:
    """With nobody else there, nothing is sent at all."""
    first = company.first
    channel = await first.channel()
    await first.keep(channel, 30 * XRP)
    async with first.tower(), hostile(company, 1, FAULTY["signs another transaction"]):
        await company.until_watching(first)
        await first.close_request(channel)
        await company.until_alarmed("quorum_missing", first.payee.address)
    kinds = {entry.kind for entry in await first.story(channel)}
    assert not kinds & {"attempt_made", "multisigned"}
    assert await first.balance(channel) == 0


class Thief:
    """Who stole the first tower: its certificate, its token, its key. It asks what it likes."""

    def __init__(self, company: Company, channel: ChannelId) -> None:
        self.company = company
        self.channel = channel
        self.victim = company.others[0]

    async def ask(self, *transactions: dict[str, Any]) -> list[dict[str, str]]:
        """Ask the honest co-signer, and return its answers."""
        (place, _) = self.company.first.settings.authority.cosigners
        pair = self.company.authority.trust()
        pair.load_cert_chain(place.certificate_file, place.key_file)
        token = read_secret(Path(place.token_file))
        async with httpx.AsyncClient(base_url=place.url, verify=pair) as client:
            answer = await client.post(
                "/v1/cosign",
                json={"transactions": list(transactions)},
                headers={"authorization": f"Bearer {token}"},
                timeout=20,
            )
        answer.raise_for_status()
        found: list[dict[str, str]] = answer.json()["answers"]
        return found

    async def claim(self, drops: int, **more: Any) -> dict[str, Any]:
        """A transaction that redeems so much, as the first tower would have it signed."""
        stage = self.company.first
        told = await stage.hand.request(
            "account_info", account=stage.payee.address, ledger_index="validated"
        )
        return {
            "TransactionType": "PaymentChannelClaim",
            "Account": stage.payee.address,
            "Channel": self.channel,
            "Amount": str(drops),
            "Balance": str(drops),
            "PublicKey": stage.payer.public_key,
            "Signature": stage.payer.sign_claim(self.channel, Drops(drops)),
            "Fee": "30",
            "Sequence": told["account_data"]["Sequence"],
            "LastLedgerSequence": told["ledger_index"] + 8,
            **more,
        }


async def _until_ready(stage: Stage, company: Company) -> None:
    await company.until_watching(stage)

    async def ready() -> bool:
        trust = company.authority.trust(company.authority.pair("a look", for_client=True))
        address = f"https://localhost:{stage.settings.http.place.port}"
        with suppress(httpx.TransportError):
            async with httpx.AsyncClient(base_url=address, verify=trust) as client:
                return (await client.get("/readyz")).status_code == 200
        return False

    await stage.until(ready)


async def test_a_stolen_tower_gets_no_signature_but_for_what_is_owed(company: Company) -> None:
    """A lower claim, less than the claim, a payment, a close, a stranger, a dear one: refused."""
    stage, second = company.first, company.others[0]
    channel = await stage.channel()
    await second.keep(channel, 30 * XRP)
    thief = Thief(company, channel)
    async with second.tower():
        await _until_ready(second, company)
        owed = await thief.claim(30 * XRP)
        payment = {
            "TransactionType": "Payment",
            "Account": stage.payee.address,
            "Destination": PEOPLE[0].address,
            "Amount": str(50 * XRP),
            "Fee": "30",
            "Sequence": owed["Sequence"],
            "LastLedgerSequence": owed["LastLedgerSequence"],
        }
        wanted: dict[str, dict[str, Any]] = {
            "one of 30 XRP is known here": await thief.claim(20 * XRP),
            "has to be 30000000": {**owed, "Balance": str(20 * XRP)},
            "nothing but PaymentChannelClaim": payment,
            "tfClose is never signed": {**owed, "Flags": TF_CLOSE},
            "not from an account in the configuration": {**owed, "Account": PEOPLE[0].address},
            "above the cap": {**owed, "Fee": "1000001"},
            "no more than": {**owed, "LastLedgerSequence": owed["LastLedgerSequence"] + 60},
            "has no LastLedgerSequence": {
                k: v for k, v in owed.items() if k != "LastLedgerSequence"
            },
            "not one that the ledger takes": {**owed, "Amount": str(40 * XRP), "Balance": "1"},
        }
        answers = await thief.ask(*wanted.values(), owed)
    *refused, good = answers
    for because, answer in zip(wanted, refused, strict=True):
        assert because in answer.get("refused", ""), (because, answer)
        assert "signature" not in answer
    assert "signature" in good


async def test_a_better_claim_that_was_shown_once_is_not_gone_below_again(
    company: Company,
) -> None:
    """Neither in the same request, nor in the next one, nor after a restart."""
    second = company.others[0]
    channel = await company.first.channel()
    await second.keep(channel, 10 * XRP)
    thief = Thief(company, channel)
    async with second.tower():
        await _until_ready(second, company)
        better, lower = await thief.claim(50 * XRP), await thief.claim(40 * XRP)
        first_answers = await thief.ask(better, lower)
        (again,) = await thief.ask(lower)
    async with second.tower():
        await _until_ready(second, company)
        (later,) = await thief.ask(await thief.claim(40 * XRP))
    assert "signature" in first_answers[0]
    for answer in (first_answers[1], again, later):
        assert "one of 50 XRP is known here" in answer["refused"]


async def test_the_cap_of_a_day_outlives_a_restart(company: Company) -> None:
    """A thief cannot burn more than it in fees, however often the co-signer is started."""
    second = company.others[0]
    second.with_settings(fees=type(second.settings.fees)(cap_drops=1_000, daily_cap_drops=1_500))
    channel = await company.first.channel()
    await second.keep(channel, 10 * XRP)
    thief = Thief(company, channel)
    async with second.tower():
        await _until_ready(second, company)
        one = await thief.claim(10 * XRP, Fee="1000")
        (taken,) = await thief.ask(one)
        (same_seat,) = await thief.ask({**one, "Fee": "900"})
    async with second.tower():
        await _until_ready(second, company)
        another = await thief.claim(10 * XRP, Fee="501")
        (refused,) = await thief.ask({**another, "Sequence": another["Sequence"] + 1})
    assert "signature" in taken
    assert "signature" in same_seat
    assert "fees of today" in refused["refused"]


async def test_nobody_asks_without_a_token_for_it_and_a_certificate(company: Company) -> None:
    """An admin's token is not enough, and neither is a token alone."""
    from tests.interfaces.test_access import bearer, token  # noqa: PLC0415
    from watchtower.access.token import Scope  # noqa: PLC0415

    second = company.others[0]
    channel = await company.first.channel()
    await second.keep(channel, 10 * XRP)
    thief = Thief(company, channel)
    admin = await token(second, "an admin", [Scope.ADMIN, Scope.SUBMIT, Scope.READ])
    address = f"https://localhost:{second.settings.http.place.port}"
    body = {"transactions": [await thief.claim(10 * XRP)]}
    async with second.tower():
        await _until_ready(second, company)
        trust = company.authority.trust(company.authority.pair("somebody", for_client=True))
        async with httpx.AsyncClient(base_url=address, verify=trust) as client:
            nobody = await client.post("/v1/cosign", json=body)
            wrong = await client.post("/v1/cosign", json=body, headers=bearer(admin))
        async with httpx.AsyncClient(base_url=address, verify=company.authority.trust()) as client:
            with pytest.raises(httpx.TransportError):
                await client.post("/v1/cosign", json=body, headers=bearer(admin))
    assert (nobody.status_code, nobody.json()["type"]) == (401, "token_missing")
    assert (wrong.status_code, wrong.json()["type"]) == (403, "scope_missing")
