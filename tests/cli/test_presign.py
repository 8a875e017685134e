"""Signing ahead as people do it: a request at the tower, the seed elsewhere, the bundle back."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.judgement.estate import Estate, Tickets
from watchtower.keys.bundle import read_bundle
from watchtower.keys.presigning import PresignRequest, write_request
from watchtower.ledger.events import AccountEntry, ChannelEntry, Position
from watchtower.sandbox.people import Person
from watchtower.store.database import Store
from watchtower.tower.noted_accounts import ACCOUNT_NOTE, noted
from watchtower.tower.noted_tickets import TICKETS_NOTE, tickets_noted
from watchtower.units import ChannelId, Drops, LedgerIndex

PAYER, PAYEE = Person.named("a payer"), Person.named("a payee")
CHANNELS = [ChannelId(letter * 64) for letter in "ABC"]
AT = Position(LedgerIndex(9), 0)


def claim_of(channel: ChannelId, drops: int) -> Claim:
    """A claim with a real signature."""
    return Claim(
        channel=channel,
        amount=Drops(drops),
        public_key=PAYER.public_key,
        signature=PAYER.sign_claim(channel, Drops(drops)),
    )


REQUEST = write_request(
    PresignRequest(
        network_id=21_337,
        account=PAYEE.address,
        claim=claim_of(CHANNELS[0], 5_000_000),
        target=Drops(5_000_000),
        tickets=(41, 42),
    )
).decode()
"""A line, as the tower prints it."""


async def furnish(path: Path, *, tickets: range, stakes: tuple[int, ...]) -> None:
    """Have a store know channels with claims, and the payee's tickets."""
    async with await Store.open(path, "correct horse") as store:
        await store.pin_network(21_337)
        estate = Estate(
            account=PAYEE.address,
            entry=AccountEntry(account=PAYEE.address, balance=Drops(0), sequence=99),
            as_of=AT,
            ticket_book=Tickets(held=dict.fromkeys(tickets, AT), listed_at=AT),
        )
        async with store.write() as work:
            for channel, drops in zip(CHANNELS, stakes, strict=False):
                entry = ChannelEntry(
                    channel=channel,
                    source=PAYER.address,
                    destination=PAYEE.address,
                    amount=Drops(10_000_000),
                    balance=Drops(0),
                    public_key=PAYER.public_key,
                    settle_delay=3600,
                )
                await work.channels.put(Channel(entry=entry, as_of=AT))
                await work.claims.raise_best(claim_of(channel, drops))
            await work.notes.put(ACCOUNT_NOTE + PAYEE.address, noted(estate))
            await work.notes.put(TICKETS_NOTE + PAYEE.address, tickets_noted(estate))


@pytest.fixture
def tower(run: Run, home: Path) -> Path:
    """A store with three claims and five tickets, which no daemon uses now."""
    words = (
        "--account",
        PAYEE.address,
        "--server",
        "wss://a.example",
        "--server",
        "wss://b.example",
    )
    assert run("init", *words).code == 0
    asyncio.run(
        furnish(
            home / "watchtower.db",
            tickets=range(41, 46),
            stakes=(5_000_000, 20_000_000, 1_000_000),
        )
    )
    return home


def test_what_the_tower_asks_for_is_signed_elsewhere_and_imported(run: Run, tower: Path) -> None:
    """The largest stake first; a claim above the funds is asked for up to them."""
    asked = run("presign", "request")
    lines = asked.out.splitlines()
    told = [json.loads(line) for line in lines]
    assert [(one["channel"], one["tickets"]) for one in told] == [
        (CHANNELS[1], [41, 42]),
        (CHANNELS[0], [43, 44]),
        (CHANNELS[2], [45]),
    ]
    assert told[0]["balance"] == "10000000"
    assert "1 are missing for 1 channels" in asked.err
    (tower / "requests.jsonl").write_text(asked.out)
    (tower / "seed").touch(mode=0o600)
    (tower / "seed").write_text(PAYEE.seed + "\n")
    made = run("presign", "requests.jsonl", "--seed-file", "seed", "--out", "bundle.json")
    assert made.code == 0, made.err
    assert PAYEE.seed not in made.out + made.err + (tower / "bundle.json").read_text()
    taken = run("authority", "import", "bundle.json")
    assert taken.code == 0, taken.err
    assert "Accepted: 16 XRP on 3 channels" in taken.out
    assert "does not protect from" in taken.out
    again = run("authority", "import", "bundle.json", "--json").json()[0]
    assert (again["kept"], again["unsure"]) == (0, [])
    assert [one["tickets"] for one in again["channels"]] == [[41, 42], [43, 44], [45]]
    # The one with a single ticket is asked for again, since two were wanted.
    rest = run("presign", "request")
    assert [json.loads(line)["channel"] for line in rest.out.splitlines()] == [CHANNELS[2]]
    one = run("presign", "request", "--tickets", "1")
    assert (one.out, "nothing to sign" in one.err) == ("", True)
    everything = run("presign", "request", "--all", "--fee", "100", "--fee", "20")
    assert [json.loads(line)["fees"] for line in everything.out.splitlines()] == [["20", "100"]] * 3


def test_it_needs_no_network_no_store_and_no_configuration(tmp_path: Path) -> None:
    """On a machine that has nothing but the seed, in a process of its own."""
    (tmp_path / "requests.jsonl").write_text(REQUEST + "\n")
    watch = (
        "import sys, socket\n"
        "def none(*a, **k): raise AssertionError('it reached for the network')\n"
        "socket.socket.connect = none\n"
        "from watchtower.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", watch, "presign", "requests.jsonl", "--seed-file", "-"],
        cwd=tmp_path,
        input=PAYEE.seed.encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    bundle = read_bundle(done.stdout)
    assert [(p.ticket, [level.fee for level in p.levels]) for p in bundle.presigned] == [
        (41, [12, 6_000, 50_000]),
        (42, [12, 6_000, 50_000]),
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["requests.jsonl"]


def test_one_claim_may_be_given_by_options(run: Run, home: Path) -> None:
    """For whoever has no tower at hand that could print a request."""
    (home / "seed").touch(mode=0o600)
    (home / "seed").write_text(PAYEE.seed)
    claim = claim_of(CHANNELS[0], 1_500_000)
    words = [
        *("--account", PAYEE.address, "--channel", claim.channel, "--amount", "1.5XRP"),
        *("--signature", claim.signature.lower(), "--public-key", claim.public_key),
        *("--ticket", "7", "--ticket", "9", "--network", "21337", "--fee", "12"),
        *("--seed-file", "seed"),
    ]
    made = run("presign", *words, "--out", "b.json", "--json")
    assert made.json() == [{"file": "b.json", "channels": 1, "transactions": 2}]
    (first, second) = read_bundle((home / "b.json").read_bytes()).presigned
    assert (first.ticket, second.ticket, first.claim) == (7, 9, claim)
    assert run("presign", *words, "--out", "b.json").code == 91


@pytest.mark.parametrize(
    ("line", "words", "code", "sentence"),
    [
        ("{}", (), 91, "line 1 is no request"),
        ("", (), 91, "there is no request"),
        (REQUEST.replace('"presign":1', '"presign":2'), (), 91, "of version 2"),
        (REQUEST.replace('"tickets":[41,42]', '"tickets":[]'), (), 91, "has no ticket"),
        (REQUEST.replace('"tickets":[41,42]', '"tickets":[0]'), (), 91, "0 is no number"),
        (REQUEST.replace('"tickets":[41,42]', '"tickets":[-1]'), (), 91, "below zero"),
        (REQUEST.replace("5000000", "5000001"), (), 91, "did not sign this amount"),
        (REQUEST.replace(PAYEE.address, PAYER.address), (), 14, f"to {PAYEE.address} and not to"),
        (REQUEST.replace(PAYEE.address, PAYER.address), (), 14, "regular key, say --regular-key"),
        (REQUEST.replace(PAYEE.address, "rNobody"), (), 91, "is not an address"),
        (REQUEST + "\n" + REQUEST, (), 91, "is in it twice"),
        (REQUEST + "\n" + REQUEST.replace("21337", "21338"), (), 91, "several accounts"),
        (REQUEST, ("--fee", "12", "--fee", "13"), 91, "do not replace"),
        (REQUEST, ("--fee", "a lot"), 11, "is not an amount"),
        (REQUEST, ("--account", "rX"), 2, "either in the file"),
    ],
)
def test_what_cannot_be_signed_is_one_sentence_and_writes_nothing(
    run: Run, home: Path, line: str, *, words: tuple[str, ...], code: int, sentence: str
) -> None:
    """And the seed is in none of them."""
    (home / "requests").write_text(line)
    (home / "seed").touch(mode=0o600)
    (home / "seed").write_text(PAYEE.seed)
    done = run("presign", "requests", "--seed-file", "seed", "--out", "b.json", *words)
    assert (done.code, sentence in done.err) == (code, True), done.err
    assert PAYEE.seed not in done.err
    assert not (home / "b.json").exists()


def test_a_seed_is_asked_for_and_never_taken_from_the_command_line(run: Run, home: Path) -> None:
    """Without a terminal there is nobody to ask."""
    (home / "requests").write_text(REQUEST)
    assert run("presign", "requests").code == 14
    assert run("presign", "-", "--seed-file", "-").code == 2
    assert run("presign", "nowhere", "--seed-file", "-").code == 91


def test_a_bundle_that_cannot_be_read_is_said(run: Run, tower: Path) -> None:
    """And a bundle for a right that the configuration does not name."""
    assert run("authority", "import", "nowhere.json").code == 90
    (tower / "requests").write_text(REQUEST)
    (tower / "seed").touch(mode=0o600)
    (tower / "seed").write_text(PAYEE.seed)
    run("presign", "requests", "--seed-file", "seed", "--out", "b.json")
    config = tower / "watchtower.toml"
    written = config.read_text()
    named = "\n[authority]\nrights = ['regular_key']\n"
    config.write_text(written + (named if "[authority]" not in written else ""))
    assert "does not name presigned" in run("authority", "import", "b.json").err
