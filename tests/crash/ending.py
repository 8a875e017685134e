"""What is left when a story has ended, and after each death: by the ledger, and by the store.

What must be equal between a steady twin and one that was killed, without exception:

- the ledger's word: what each channel holds and has paid; the payee's own transactions, each with
  its ledger and its result, and with that every fee; the payee's money;
- the store's word: channels, best claims, every attempt with its fee and proven outcome, what
  the day has cost in fees, when each channel last paid; and what the journal tells of channels and
  attempts: each event as often as the steady twin tells it, which is once.

What may differ: the seat, and so the hash and the place within the ledger, of an attempt that had
to be made again, because the first was killed before it was on disk. Nothing of that one ever left,
which `faults_at_death` holds; and whoever has just started may not have been told of its tickets
yet. Two attempts of one moment may have each other's seats. And what is told to people: judgements
are told again by a daemon that is new. And the cursor, which may stand behind over idle ledgers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from tests.crash.story import PAYEE, Story
from watchtower.judgement.channel import Channel
from watchtower.response.attempt import Attempt
from watchtower.store.work import Work
from watchtower.tower.changes import REDEEMED_NOTE, SPENT_NOTE

__all__ = ["Ending", "differences", "ending_of", "faults_at_death"]

_TOLD_AGAIN: Final = "judged"
"""The journal's entries that a daemon writes anew when it starts, for people."""


_MADE_AGAIN: Final = {"Sequence", "TicketSequence", "TxnSignature", "ctid"}
"""What another attempt at the same thing may have otherwise; ``ctid`` is the place within its
ledger, which follows the seat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Everything that must be equal, and what must hold by itself.

    Attributes:
        channels: each channel's entry in the validated ledger, by its name in the story.
        transactions: the payee's own, in the ledger's order: ledger, result, and what they do.
        money: drops that the payee has.
        remembered: each channel's entry in the store, and whether it is closed.
        best: each channel's best claim, in drops.
        attempts: what each is for, its fee, and what became of it.
        notes: what the day has cost, and when channels last paid.
        journal: how often each event of a channel or an attempt is told.
        faults: what is wrong whatever a twin says.
    """

    channels: Mapping[str, Any]
    transactions: list[Any]
    money: int
    remembered: Mapping[str, Any]
    best: Mapping[str, int]
    attempts: Counter[Any]
    notes: Mapping[str, Any]
    journal: Counter[Any]
    faults: list[str]


def differences(steady: Ending, killed: Ending) -> list[str]:
    """Return every difference that there must not be, as sentences."""
    found = list(killed.faults)
    for member in fields(Ending):
        if member.name != "faults":
            ours, theirs = (_lines(getattr(ending, member.name)) for ending in (steady, killed))
            found += [f"{member.name}: only the steady twin has {line}" for line in ours - theirs]
            found += [f"{member.name}: only the killed twin has {line}" for line in theirs - ours]
    return found


def _lines(value: Any) -> Counter[str]:
    """Return a value as lines, each as often as it is there."""
    if isinstance(value, Counter):
        return Counter({str(line): times for line, times in value.items()})
    if isinstance(value, Mapping):
        return Counter(f"{name} {line}" for name, line in value.items())
    return Counter(map(str, value if isinstance(value, list) else [value]))


async def ending_of(story: Story) -> Ending:
    """Look at the ledger, the store and the log of a story that has ended."""
    channels = {}
    for name, channel in story.channels.items():
        found = await story.hand.request(
            "ledger_entry", payment_channel=channel, ledger_index="validated"
        )
        channels[name] = found["node"]
    own = [row for row in await _history(story) if row["tx_json"]["Account"] == PAYEE.address]
    account = await story.hand.request(
        "account_info", account=PAYEE.address, ledger_index="validated"
    )
    async with story.store() as store, store.read() as work:
        await work.verify()
        attempts = await work.attempts.load_all()
        known = {channel.entry.channel: channel for channel in await work.channels.load_all()}
        notes = await work.notes.load_all()
        return Ending(
            channels={name: _without_thread(node) for name, node in channels.items()},
            transactions=[_deed(row) for row in own],
            money=int(account["account_data"]["Balance"]),
            remembered={
                name: (known[channel].entry, known[channel].closed_at)
                for name, channel in story.channels.items()
            },
            best={c.channel: c.amount for c in await work.claims.load_all()},
            attempts=Counter(map(_told, attempts)),
            notes={k: v for k, v in notes.items() if k.startswith((SPENT_NOTE, REDEEMED_NOTE))},
            journal=Counter(
                (entry.kind, entry.channel, entry.ledger_index)
                for entry in await work.journal.load_all()
                if entry.kind != _TOLD_AGAIN
            ),
            faults=[
                *await _faults(story, work),
                *(f"{a.transaction} has no outcome" for a in attempts if a.outcome is None),
                *_faults_of_log(story),
                *_paid_twice(own),
            ],
        )


async def faults_at_death(story: Story) -> list[str]:
    """Return what a daemon that was just killed, or asked to stop, has left, and must not have."""
    async with story.store() as store, store.read() as work:
        await work.verify()
        found = await _faults(story, work)
        if story.deaths[-1].exit_code == 0:
            # Who was asked, and had the time: nothing that is on disk is left for the next start.
            attempts = await work.attempts.load_all()
            own = [a.transaction for a in attempts if a.outcome is None]
            found += [f"{tx} has not left" for tx in own if tx not in story.arrived]
        return found


async def _faults(story: Story, work: Work) -> list[str]:
    """Return what the store must never say, at any moment.

    A transaction that has reached a server, and that the journal does not know (rule 2). A cursor
    above a ledger whose effects are not in the store (rule 3). A proof without a ledger (rule 4).
    """
    attempts: dict[str, Attempt] = {a.transaction: a for a in await work.attempts.load_all()}
    channels: dict[str, Channel] = {
        channel.entry.channel: channel for channel in await work.channels.load_all()
    }
    cursor = await work.cursor.get() or 0
    newest = story.sandbox.ledger_index
    found = [f"{tx} was sent and is not on disk" for tx in story.arrived if tx not in attempts]
    if cursor > newest:
        found.append(f"the cursor is at {cursor}, the ledger at {newest}")
    validated = {}
    for row in await _history(story):
        index, hashed = row["ledger_index"], row["hash"]
        validated[hashed] = row
        attempt = attempts.get(hashed)
        if index <= cursor and attempt is not None and attempt.outcome is None:
            found.append(f"the cursor is at {cursor}, and {hashed} of {index} has no outcome")
        for channel in _channels_in(row) & channels.keys():
            seen = channels[channel].as_of.ledger_index
            if seen < index <= cursor:
                found.append(f"the cursor is at {cursor}, and {channel} of {index} is as of {seen}")
    for attempt in attempts.values():
        outcome = attempt.outcome
        if outcome is not None and attempt.transaction not in validated and outcome.fee:
            found.append(f"{attempt.transaction} is settled as {outcome}, and no ledger has it")
    return found


def _faults_of_log(story: Story) -> list[str]:
    """Return the lines that nobody may write: our own mistakes, and what is no line of a log."""
    return [
        f"logged: {event}"
        for event in (*story.events, *story.given)
        if event.get("level") in {"error", "critical"}
        or event["event"] == "said"
        or "Traceback" in str(event)
    ]


def _paid_twice(own: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the claims that were redeemed again, and the fees of what paid nothing."""
    claims = [row for row in own if row["tx_json"]["TransactionType"] == "PaymentChannelClaim"]
    redeemed = Counter((r["tx_json"]["Channel"], r["tx_json"]["Balance"]) for r in claims)
    in_vain = [row["hash"] for row in own if row["meta"]["TransactionResult"] != "tesSUCCESS"]
    return [
        *(f"{claim} was redeemed {times} times" for claim, times in redeemed.items() if times > 1),
        *(f"{transaction} cost a fee for nothing" for transaction in in_vain),
    ]


async def _history(story: Story) -> list[dict[str, Any]]:
    """Return everything that ever touched the payee, which stands in each of its channels."""
    told = await story.hand.request(
        "account_tx",
        account=PAYEE.address,
        ledger_index_min=-1,
        ledger_index_max=-1,
        forward=True,
        api_version=2,
    )
    assert "marker" not in told, "the story has grown beyond one page"
    rows: list[dict[str, Any]] = told["transactions"]
    return rows


def _channels_in(row: Mapping[str, Any]) -> set[str]:
    nodes = (next(iter(node.values())) for node in row["meta"]["AffectedNodes"])
    return {node["LedgerIndex"] for node in nodes if node["LedgerEntryType"] == "PayChannel"}


def _deed(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what a transaction did, without what differs if it had to be made again."""
    tx = row["tx_json"]
    done = {key: value for key, value in tx.items() if key not in _MADE_AGAIN}
    return row["ledger_index"], row["meta"]["TransactionResult"], done


def _without_thread(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry without the hash of who changed it last, which may have been made again."""
    return {key: value for key, value in node.items() if key != "PreviousTxnID"}


def _told(attempt: Attempt) -> tuple[Any, ...]:
    outcome = attempt.outcome
    end = None if outcome is None else (outcome.kind, outcome.paid, outcome.fee)
    return attempt.purpose, attempt.channel, attempt.target, attempt.fee, end
