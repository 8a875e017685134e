"""``watchtower report``: sums that add up, whatever the period, and the same as the ledger's."""

from __future__ import annotations

import asyncio
import csv
import io
import stat
import tracemalloc
from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.conftest import Run
from watchtower.cli.period import edge_at
from watchtower.cli.reckoning import COLUMNS, By, Edge, Heading, Period, Reckoning, Whose
from watchtower.cli.report import csv_of, xrp_text
from watchtower.store.database import Store
from watchtower.store.journal import Entry
from watchtower.units import ChannelId, LedgerIndex, RippleTime, ripple_time

CHANNELS = [ChannelId(f"{number:064X}") for number in range(4)]
WHOSE = {
    CHANNELS[0]: Whose(payer="rA", payee="rOurs", role="payee"),
    CHANNELS[1]: Whose(payer="rA", payee="rOurs", role="payee"),
    CHANNELS[2]: Whose(payer="rOurs", payee="rB", role="payer"),
    CHANNELS[3]: Whose(payer="rOurs", payee="rOurs", role="both"),
}
START = 1_767_225_600


def entry(kind: str, channel: ChannelId | None, at: int, **facts: Any) -> Entry:
    """A line, ``at`` seconds and ledgers after the start; a claim is told by no ledger."""
    return Entry(
        identity="1",
        kind=kind,
        channel=channel,
        ledger_index=None if kind == "claim_kept" else LedgerIndex(at),
        facts=facts,
        written=(START + at) * 1_000,
    )


AMOUNTS = st.integers(0, 10**17)
LINES = st.one_of(
    st.builds(lambda amount: ("claim_kept", {"amount": amount, "rescued": False}), AMOUNTS),
    st.builds(lambda drops: ("paid", {"drops": drops, "balance": drops}), AMOUNTS),
    st.builds(lambda fee: ("attempt_settled", {"fee": fee}), AMOUNTS),
    st.builds(
        lambda paid, back: ("channel_closed", {"paid": paid, "returned": back}), AMOUNTS, AMOUNTS
    ),
    st.just(("channel_closed", {"paid": None, "returned": None})),
    st.just(("channel_reappeared", {})),
    st.just(("judged", {"verdict": "Watching"})),
)
JOURNALS = st.lists(
    st.tuples(LINES, st.sampled_from(CHANNELS), st.integers(0, 99)), max_size=30
).map(lambda told: [entry(kind, channel, at, **facts) for (kind, facts), channel, at in told])


def edge(at: int) -> Edge:
    """An edge, ``at`` seconds and ledgers after the start."""
    return Edge(unix=START + at, ledger=LedgerIndex(at))


def reckoned(journal: Iterable[Entry], begin: int, end: int, by: By = By.CHANNEL) -> Reckoning:
    """The sums of a journal from one edge up to another."""
    made = Reckoning(Period(begin=edge(begin), end=edge(end)), by, WHOSE)
    for each in journal:
        made.take(each)
    return made


def sums(made: Reckoning) -> dict[tuple[Heading, str], int]:
    """What is not nothing."""
    return {(head, name): row[name] for head, row in made.rows() for name in COLUMNS if row[name]}


@given(JOURNALS, st.lists(st.integers(0, 100), max_size=5), st.sampled_from(By))
def test_parts_of_a_period_add_up_to_the_whole(
    journal: list[Entry], cuts: list[int], by: By
) -> None:
    """No line is in two of them, and none in neither, wherever it is cut."""
    added: dict[tuple[Heading, str], int] = {}
    edges = [0, *sorted(cuts), 100]
    for begin, end in pairwise(edges):
        for name, drops in sums(reckoned(journal, begin, end, by)).items():
            added[name] = added.get(name, 0) + drops
    whole = sums(reckoned(journal, 0, 100, by))
    assert {name: drops for name, drops in added.items() if drops} == whole


@given(JOURNALS)
def test_sums_are_those_of_the_journal(journal: list[Entry]) -> None:
    """Of each channel the best claim, what it paid, its fees, and how it ended."""
    made = sums(reckoned(journal, 0, 100))
    total = {name: sum(d for (_, each), d in made.items() if each == name) for name in COLUMNS}
    received = lost = home = 0
    for channel in CHANNELS:
        best, ended = 0, (0, 0)
        role = WHOSE[channel].role
        for each in (one for one in journal if one.channel == channel):
            match each.kind:
                case "claim_kept":
                    best = max(best, each.facts["amount"])
                case "channel_reappeared":
                    ended = (0, 0)
                case "channel_closed":
                    paid, back = each.facts["paid"], each.facts["returned"]
                    owed = 0 if paid is None else max(0, min(best, paid + back) - paid)
                    ended = (owed, back or 0)
        received += best
        lost += ended[0] if role != "payer" else 0
        home += ended[1] if role != "payee" else 0
    assert total == {
        "received": received,
        "redeemed": sum(each.facts["drops"] for each in journal if each.kind == "paid"),
        "fees": sum(each.facts["fee"] for each in journal if each.kind == "attempt_settled"),
        "lost": lost,
        "finalised": home,
    }


@given(JOURNALS)
def test_rows_of_payers_are_those_of_their_channels_together(journal: list[Entry]) -> None:
    """Told apart by the side on which we are, so that nothing is added that does not belong."""
    by_payer: dict[tuple[str, str, str], int] = {}
    for (head, name), drops in sums(reckoned(journal, 0, 100)).items():
        key = (head.payer, head.role, name)
        by_payer[key] = by_payer.get(key, 0) + drops
    made = sums(reckoned(journal, 0, 100, By.PAYER))
    found = {(head.payer, head.role, name): drops for (head, name), drops in made.items()}
    assert all(head.channel == head.payee == "" for head, _ in made)
    assert found == {key: drops for key, drops in by_payer.items() if drops}


def test_ledger_that_closed_at_the_edge_belongs_behind_it() -> None:
    """A month begins with its first second, and ends before the next one's."""
    line = entry("paid", CHANNELS[0], 50, drops=7, balance=7)
    assert sums(reckoned([line], 0, 50)) == {}
    assert list(sums(reckoned([line], 50, 51)).values()) == [7]
    by_clock = Period(begin=Edge(unix=START + 50), end=Edge(unix=START + 51))
    assert by_clock.has(line)
    assert not Period(begin=Edge(unix=START), end=Edge(unix=START + 50)).has(line)


def test_long_journal_needs_no_more_memory_than_a_short_one() -> None:
    """Years of it are summed up on a small machine."""

    def cost(lines: int) -> int:
        journal = (
            entry("claim_kept", CHANNELS[at % 4], at % 99, amount=at, rescued=False)
            for at in range(lines)
        )
        tracemalloc.start()
        reckoned(journal, 0, 50)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    cost(100)
    assert cost(50_000) < 2 * cost(1_000) + 10_000


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=60), st.integers(-5, 600), st.integers(0, 20)
)
def test_edge_lies_before_the_first_ledger_that_closed_at_it_or_later(
    paces: list[int], at: int, before: int
) -> None:
    """By asking for few ledgers, of which each closes a second later than the one before at least.

    Ledgers before the first that matters are asked for by nobody: servers may have lost them.
    """
    closes: dict[int, int] = {}
    time: int = ripple_time(START)
    for number, pace in enumerate(paces, start=before):
        closes[number] = time
        time += pace

    async def close_time_of(ledger: LedgerIndex) -> RippleTime:
        return RippleTime(closes[ledger])

    first, newest = LedgerIndex(before), LedgerIndex(before + len(paces) - 1)
    found = asyncio.run(
        edge_at(START + at, first=first, newest=newest, close_time_of=close_time_of)
    )
    wanted = ripple_time(START + at)
    later = [number for number, close in closes.items() if close >= wanted]
    assert found.unix == START + at
    if later == list(closes):
        assert found.ledger == 0
    else:
        assert found.ledger == (later[0] if later else newest + 1)


@given(st.integers(-(10**18), 10**18))
def test_xrp_are_told_exactly(drops: int) -> None:
    """To the drop, as decimal text: no float rounds what is owed."""
    text = xrp_text(drops)
    assert Decimal(text) * 10**6 == drops
    assert len(text.partition(".")[2]) == 6


def test_csv_is_that_of_the_rfc_and_runs_nothing() -> None:
    """A cell that a spreadsheet would take for a formula is text, whoever made it up."""
    heading = Heading(channel="=cmd|' /C calc'!A0", payer='@r"A', payee="a,b", role="payee")
    text = csv_of([(heading, dict.fromkeys(COLUMNS, -1))])
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["channel"] == "'=cmd|' /C calc'!A0"
    assert row["payer"] == "'@r\"A"
    assert row["payee"] == "a,b"
    assert row["lost_drops"] == "-1"  # a number stays one
    assert row["lost_xrp"] == "-0.000001"


async def told(home: Path, lines: list[tuple[str, ChannelId | None, None, dict[str, Any]]]) -> None:
    """Write lines into the journal."""
    async with (
        await Store.open(home / "watchtower.db", "correct horse") as store,
        store.write() as work,
    ):
        await work.journal.append_all(lines)


def test_report_is_written_for_its_owner_and_over_nothing(run: Run, ready: Path) -> None:
    """It says what somebody earns; and what is there stays."""
    asyncio.run(told(ready, [("claim_kept", CHANNELS[0], None, {"amount": 5})]))
    words = ("report", "--from", "2026-01-01", "--to", "2100-01-01", "--output", "sums.csv")
    assert run(*words).code == 0
    made = ready / "sums.csv"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert made.read_bytes().count(b"\r\n") == 2
    assert run(*words).code == 2
    (report,) = run(*words[:5], "--json").json()
    assert report["rows"][0]["received_drops"] == "5"
    assert report["totals"][0]["received_xrp"] == "0.000005"


def test_report_says_what_a_pruned_journal_cannot_tell(run: Run, ready: Path) -> None:
    """Sums that are too small, and look like all there is, would be believed."""
    asyncio.run(told(ready, [("journal_pruned", None, None, {"entries": 1_234})]))
    ended = run("report", "--from", "2026-01-01", "--to", "2100-01-01", "--json")
    assert "lost 1,234 lines" in ended.err
    assert ended.json()[0]["pruned"] == 1_234


@pytest.mark.parametrize(("end", "is_over"), [("2100-01-01", False), ("2026-01-02", True)])
def test_a_report_of_a_period_that_is_not_over_says_so(
    run: Run, ready: Path, end: str, *, is_over: bool
) -> None:
    """Whoever keeps the books would take it for the whole; it is told either way, with exit 0."""
    asyncio.run(told(ready, [("claim_kept", CHANNELS[0], None, {"amount": 5})]))
    ended = run("report", "--from", "2026-01-01", "--to", end, "--json")
    assert ended.code == 0
    assert ended.json()[0]["complete"] is is_over
    assert ("The period is not over" in ended.err) is not is_over


@pytest.mark.parametrize(
    ("begin", "end"),
    [("2026-02-30", "2027-01-01"), ("soon", "2027-01-01"), ("2026-01-02", "2026-01-02")],
)
def test_period_that_is_none_is_refused(run: Run, ready: Path, begin: str, end: str) -> None:
    """An empty report would be taken for an empty month."""
    assert ready.exists()
    assert run("report", "--from", begin, "--to", end).code == 2
