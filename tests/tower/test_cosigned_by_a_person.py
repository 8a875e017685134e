"""A tower and a person redeem together: a real daemon, and the commands as people type them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from tests.cli.conftest import Ended, Run, home, run  # noqa: F401
from tests.tower.conftest import XRP, Stage
from tests.tower.cosigners import PEOPLE, Company, company_on
from watchtower.cosigner_settings import PERSON, CosignerSettings
from watchtower.units import ChannelId

SOMEBODY = PEOPLE[2]


@dataclass(frozen=True)
class Desk:
    """Who types commands, at the tower's machine or at their own.

    In threads of this process: the daemon is in it too, and whoever opens its store twice in one
    process, and again in another one, loses SQLite's locks (SQLite, How To Corrupt, 2.2).
    """

    folder: Path
    command: Run

    async def run(self, *words: str, stdin: str = "") -> Ended:
        """Run ``watchtower cosign``."""
        return await asyncio.to_thread(self.command, "cosign", *words, stdin=stdin)

    def write(self, name: str, text: str) -> str:
        """Write a file that is its owner's alone; return its path."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        return str(path)


@pytest.fixture
async def company(tmp_path: Path) -> AsyncIterator[Company]:
    """A payee for whom a tower and a person redeem; the third signer is away."""
    async with company_on(tmp_path) as made:
        first = made.first
        person = CosignerSettings(
            account=SOMEBODY.address, public_key=SOMEBODY.public_key, url=PERSON
        )
        authority = first.settings.authority
        first.with_settings(
            authority=msgspec.structs.replace(authority, cosigners=(authority.cosigners[0], person))
        )
        yield made


@pytest.fixture
def desk(company: Company, home: Path, run: Run) -> Desk:  # noqa: F811
    """The first tower's commands."""
    made, settings = Desk(home, run), company.first.settings
    made.write(
        "watchtower.toml",
        f"accounts = {json.dumps(settings.addresses)}\n"
        f"servers = {json.dumps(settings.servers)}\n"
        f"store = {json.dumps(settings.store)}\n",
    )
    return made


async def waiting(company: Company, channel: ChannelId) -> None:
    """Have the channel closed, and wait until a person is asked."""
    first = company.first
    await company.until_watching(first)
    await first.close_request(channel)
    await company.until_alarmed("person_needed", channel)


async def answered(desk: Desk) -> str:
    """A person's answer to what waits, in a file."""
    asked = await desk.run("requests", "--json")
    assert asked.code == 0, asked.err
    request = desk.write("request.json", asked.out)
    seed = desk.write("seed", SOMEBODY.seed)
    (told,) = (json.loads(line) for line in asked.out.splitlines())
    payee = told["transaction"]["Account"]
    said = await desk.run(*(request, "--payee", payee, "--seed-file", seed, "--yes"))
    assert said.code == 0, said.err
    assert "pays          30 XRP now" in said.err
    assert SOMEBODY.seed not in said.out + said.err
    return desk.write("answer.json", said.out)


async def test_a_person_completes_what_the_towers_cannot(company: Company, desk: Desk) -> None:
    """Asked, shown, signed, taken in while the daemon runs, sent by it, and paid."""
    first = company.first
    channel = await first.channel()
    await first.keep(channel, 30 * XRP)
    async with first.tower():
        await waiting(company, channel)
        taken = await desk.run("answer", await answered(desk), "--json")
        assert taken.code == 0, taken.err
        transaction = json.loads(taken.out)["transaction"]
        await first.until_paid(channel, 30 * XRP)
        (settled,) = await first.until_told(channel, "attempt_settled")
    assert settled.facts["transaction"] == transaction
    assert settled.facts["outcome"] == "paid"
    assert (await desk.run("requests")).out == "Nothing waits for a person.\n"


async def test_a_person_sees_all_that_waits_at_once(company: Company, desk: Desk) -> None:
    """Three channels close, and nobody has to sign for one before hearing of the next."""
    first = company.first
    channels = [await first.channel() for _ in range(3)]
    for channel in channels:
        await first.keep(channel, 30 * XRP)
    async with first.tower():
        await company.until_watching(first)
        for channel in channels:
            await first.close_request(channel)
        for channel in channels:
            await first.until_told(channel, "cosign_waits")

        async def wait() -> bool:
            told = (await desk.run("requests", "--json")).out.splitlines()
            found = [json.loads(line)["transaction"] for line in told]
            return {one["Channel"] for one in found} == set(channels) and (
                len({one["Sequence"] for one in found}) == len(channels)
            )

        await first.until(wait)


async def test_what_was_completed_while_nobody_ran_is_sent_at_the_next_start(
    company: Company, desk: Desk
) -> None:
    """It is an attempt in the store, as every attempt before it leaves."""
    first = company.first
    channel = await first.channel()
    await first.keep(channel, 30 * XRP)
    async with first.tower():
        await waiting(company, channel)
    taken = await desk.run("answer", await answered(desk))
    assert "Complete" in taken.out
    assert await first.balance(channel) == 0
    async with first.tower():
        await first.until_paid(channel, 30 * XRP)


async def test_an_answer_that_is_none_changes_nothing(company: Company, desk: Desk) -> None:
    """For another request, by another key, of another transaction, or nothing at all."""
    first = company.first
    channel = await first.channel()
    await first.keep(channel, 30 * XRP)
    async with first.tower():
        await waiting(company, channel)
    good = json.loads(Path(await answered(desk)).read_text())  # noqa: ASYNC240
    stranger = PEOPLE[1]
    bad = {
        "no request": {**good, "identity": "0" * 16},
        "nobody who may sign": {**good, "account": stranger.address},
        "another key": {**good, "public_key": stranger.public_key},
        "not of the transaction": {**good, "signature": SOMEBODY.sign(b"something else")},
        "no answer": {**good, "more": 1},
    }
    for because, answer in bad.items():
        said = await desk.run("answer", "-", stdin=json.dumps(answer))
        assert said.code == 59, because
        assert because in said.err
    assert (await desk.run("requests", "--json")).out != ""
    assert (await desk.run("answer", "-", stdin=json.dumps(good))).code == 0


async def test_a_person_is_not_made_to_sign_anything_else(company: Company, desk: Desk) -> None:
    """A request that was changed on its way, or by who stole the tower, is refused with why."""
    first: Stage = company.first
    channel = await first.channel()
    await first.keep(channel, 30 * XRP)
    async with first.tower():
        await waiting(company, channel)
    asked = json.loads((await desk.run("requests", "--json")).out)
    seed = desk.write("seed", SOMEBODY.seed)
    tx = asked["transaction"]
    bad = {
        "nothing but PaymentChannelClaim": {**tx, "TransactionType": "Payment"},
        "has to be 30000000": {**tx, "Balance": "1000000"},
        "tfClose": {**tx, "Flags": 0x00020000},
        "not one that the ledger takes": {**tx, "Amount": "40000000", "Balance": "40000000"},
        "above the cap": {**tx, "Fee": "2000000"},
    }
    payee = ("--payee", tx["Account"], "--seed-file", seed, "--yes")
    for because, changed in bad.items():
        request = desk.write("bad.json", json.dumps({**asked, "transaction": changed}))
        said = await desk.run(request, *payee)
        assert (said.code, said.out) == (51, ""), because
        assert because in said.err
    request = desk.write("request.json", json.dumps(asked))
    other = await desk.run(
        *(request, "--payee", PEOPLE[0].address, "--seed-file", seed, "--yes"),
    )
    assert (other.code, other.out) == (51, "")
    assert f"it redeems for {tx['Account']}, and not for {PEOPLE[0].address}" in other.err
    escape = desk.write("bad.json", json.dumps({**asked, "identity": "\x1b[2J"}))
    assert (await desk.run(escape, *payee)).code == 59
    unasked = await desk.run(request, "--seed-file", seed, "--yes")
    assert unasked.code == 2
    no = await desk.run(request, "--seed-file", seed, stdin="n\n")
    assert (no.code, no.out) == (101, "")


async def test_a_person_is_asked_where_the_ledger_refuses_the_towers(
    company: Company, desk: Desk
) -> None:
    """The other tower answers, and its key signs no more: with it nothing would ever be paid."""
    first, unfit = company.first, PEOPLE[1]
    key = {"TransactionType": "SetRegularKey", "RegularKey": PEOPLE[0].address}
    await first.hand.fund(unfit)
    await first.hand.settle(key, unfit)
    await first.hand.settle({"TransactionType": "AccountSet", "SetFlag": 4}, unfit)
    channel = await first.channel()
    await first.keep(channel, 30 * XRP)
    async with first.tower(), company.others[0].tower():
        await company.until_watching(company.others[0])
        await first.close_request(channel)
        await first.until_told(channel, "cosign_waits")
        taken = await desk.run("answer", await answered(desk))
        assert taken.code == 0, taken.err
        await first.until_paid(channel, 30 * XRP)
    assert "cosign_unfit" in {entry.kind for entry in await first.story(channel)}
