"""The tower's books against the ledger's: what it remembers at the end has to be what happened.

Money may be safe and the books wrong all the same: a payment sent that no journal has, an outcome
that nobody proved, a channel remembered as it was yesterday. Whoever restarts by such books loses
money later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from simulation.holders import PAYEE
from simulation.host import PASSPHRASE, Host
from simulation.land import Land
from simulation.mandate import Mandate
from simulation.oracle import Promise
from simulation.signatures import not_allowed
from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.response.attempt import Attempt, OutcomeKind, Purpose
from watchtower.sandbox.transaction import parse_blob
from watchtower.store.database import Store
from watchtower.units import LedgerIndex

__all__ = ["audit"]

_BEHIND: Final = 3
"""Ledgers that the cursor may be behind when the daemon is stopped: told by one server as yet."""

_UNSURE: Final = (OutcomeKind.ALREADY_PAID, OutcomeKind.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Books:
    attempts: Sequence[Attempt]
    channels: Mapping[str, Channel]
    best: Mapping[str, int]
    appointments: Collection[str]
    cursor: LedgerIndex | None


async def audit(
    host: Host,
    land: Land,
    promises: Mapping[str, Sequence[Promise]],
    *,
    sent: Sequence[str],
    mandate: Mandate,
    is_history_whole: bool,
    was_misled: bool,
) -> list[str]:
    """Return what is wrong with the books, a sentence each.

    Args:
        host: whose daemon has stopped.
        land: the ledger.
        promises: what was acknowledged, by channel.
        sent: every blob that has left the host.
        mandate: who was allowed to sign them.
        is_history_whole: whether some server still has every ledger.
        was_misled: whether there was a time when liars were all there was to listen to. What they
            hid then may be remembered as they told it.
    """
    books = await _read(host, has_rotated=bool(mandate.named))
    return [
        *_unjournalled(books, sent),
        *not_allowed(sent, mandate),
        *_by_others(books, mandate),
        *_dear(books, host),
        *_forgotten(books, land, promises),
        *(() if was_misled else _stale(books, land)),
        *(() if was_misled else _wrong_outcomes(books, land, is_history_whole=is_history_whole)),
        *(_behind(books, land) if is_history_whole else ()),
    ]


async def _read(host: Host, *, has_rotated: bool) -> _Books:
    path = Path(host.settings.store)
    opening = Store.open(path, PASSPHRASE, driver=host.driver())
    async with await opening as store, store.read() as work:
        claims: list[Claim] = [*await work.claims.load_all(), *await work.claims.load_pending()]
        return _Books(
            attempts=await work.attempts.load_all(),
            channels={c.entry.channel: c for c in await work.channels.load_all()},
            best={claim.channel: claim.amount for claim in reversed(claims)},
            appointments={
                str(entry.facts["transaction"])
                for entry in (await work.journal.load_all() if has_rotated else ())
                if entry.kind == "rotation_signed"
            },
            cursor=await work.cursor.get(),
        )


def _unjournalled(books: _Books, sent: Sequence[str]) -> Iterator[str]:
    """Rule 2: journal before act."""
    known = {*books.appointments, *(attempt.transaction for attempt in books.attempts)}
    for blob in sent:
        transaction = parse_blob(blob).hash
        if transaction not in known:
            yield f"transaction {transaction[:8]} was sent, and no journal has it"


def _by_others(books: _Books, mandate: Mandate) -> Iterator[str]:
    """Each attempt says of itself by which right it was signed, and that somebody configured it."""
    for attempt in books.attempts:
        if attempt.by not in mandate.entitled.rights:
            said = f"by the right {attempt.by}" if attempt.by else "by no right at all"
            yield f"attempt {attempt.transaction[:8]} is said to be {said}"


def _wrong_outcomes(books: _Books, land: Land, *, is_history_whole: bool) -> Iterator[str]:
    """Rule 1 and 4: paid is what the ledger says, and nothing ends without proof.

    By what transaction it was paid nobody can tell whose history is lost.
    """
    of_paid = {OutcomeKind.PAID, *(() if is_history_whole else _UNSURE)}
    for attempt in books.attempts:
        name, outcome = attempt.transaction[:8], attempt.outcome
        found = land.network.chain.history.transaction(attempt.transaction)
        if outcome is None:
            if attempt.last_ledger < land.index - _BEHIND:
                yield f"attempt {name} was over in ledger {attempt.last_ledger} and has no outcome"
            continue
        has_paid = found is not None and _raised(found[1].meta, attempt)
        if outcome.kind is OutcomeKind.PAID and not has_paid:
            yield f"attempt {name} is said to have paid, and has not"
        if has_paid and outcome.kind not in of_paid:
            yield f"attempt {name} has paid, and is said to be {outcome.kind.value}"


def _raised(meta: Mapping[str, object], attempt: Attempt) -> bool:
    """Return whether a transaction brought the attempt's channel up to its target."""
    nodes = meta["AffectedNodes"]
    if attempt.purpose is not Purpose.REDEEM or not isinstance(nodes, list):
        return False
    for wrapped in nodes:
        (node,) = wrapped.values()
        if node.get("LedgerIndex") != attempt.channel:
            continue
        is_raised = "Balance" in node.get("PreviousFields", {})
        return is_raised and int(node["FinalFields"]["Balance"]) >= attempt.target
    return False


def _dear(books: _Books, host: Host) -> Iterator[str]:
    """An attempt costs no more than the operator allows for what it wins.

    On a sequence that is for the largest of those that it held up.
    """
    fees = host.settings.fees
    for attempt in books.attempts:
        if attempt.purpose is not Purpose.REDEEM:
            continue
        held_up = (other for other in books.attempts if _holds_up(attempt, other))
        stake = max(one.target - one.balance_before for one in (attempt, *held_up))
        if attempt.fee > min(fees.cap_drops, int(stake * fees.budget_share)):
            yield f"attempt {attempt.transaction[:8]} pays {attempt.fee} drops to win {stake}"


def _holds_up(attempt: Attempt, other: Attempt) -> bool:
    """Return whether another one, on its way then, could not get in before this one had."""
    if attempt.seat.is_ticket or other.seat.is_ticket:
        return False
    is_behind = (other.account, other.seat.number > attempt.seat.number) == (attempt.account, True)
    return is_behind and other.made_in <= attempt.made_in <= other.last_ledger


def _forgotten(
    books: _Books, land: Land, promises: Mapping[str, Sequence[Promise]]
) -> Iterator[str]:
    """Rule 6 and 7: what was acknowledged is there, and only grows.

    A claim that waited for its channel may be let go of, when that is found to have paid as much.
    """
    for channel, kept in promises.items():
        best = max(promise.drops for promise in kept)
        found = books.best.get(channel, 0)
        if found < best and land.finals.get(channel, 0) < best:
            yield f"{best} were acknowledged on {channel[:6]}, and {found} are remembered"


def _stale(books: _Books, land: Land) -> Iterator[str]:
    """Every channel is remembered as the ledger has it."""
    for number, channel in land.channels.items():
        raw, known = land.raw(channel), books.channels.get(channel)
        if known is None:
            if raw is not None and raw["Destination"] == PAYEE.address:
                yield f"channel {number} ({channel[:6]}) is not known"
            continue
        if raw is None:
            if known.closed_at is None:
                yield f"channel {number} ({channel[:6]}) is gone, and remembered as open"
            continue
        entry = known.entry
        is_so = (
            known.closed_at is None,
            str(entry.amount),
            str(entry.balance),
            entry.expiration,
        ) == (True, raw["Amount"], raw["Balance"], raw.get("Expiration"))
        if not is_so:
            yield f"channel {number} ({channel[:6]}) is not remembered as it is"


def _behind(books: _Books, land: Land) -> Iterator[str]:
    """Rule 3: the cursor goes over every ledger."""
    if books.cursor is None or books.cursor < land.index - _BEHIND:
        yield f"the cursor stands at {books.cursor}, and the ledger at {land.index}"
    elif books.cursor > land.index:
        yield f"the cursor stands at {books.cursor}, which is yet to come"
