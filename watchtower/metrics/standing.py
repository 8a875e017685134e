"""How things stand, as samples: read when somebody asks, from what is in memory anyway. Pure.

What it guarantees: nothing here grows with the channels that are watched. What is summed over them
is kept as a sum by whoever knows them (``guard/pressing.py``, ``guard/lost.py``), so that a scrape
costs the same with a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from watchtower.guard.watch import Watch
from watchtower.metrics import catalogue
from watchtower.metrics.metric import Sample
from watchtower.units import Address, Drops, LedgerIndex

__all__ = [
    "ServerState",
    "of_accounts",
    "of_alarms",
    "of_drills",
    "of_heartbeats",
    "of_ledger",
    "of_limits",
    "of_money",
    "of_routes",
    "of_servers",
]

_HEARTBEAT: Final = "heartbeat"
"""The kind of route that a sign of life is, in reports."""


class ServerState(Protocol):
    """How one server is doing."""

    @property
    def connected(self) -> bool:
        """Whether it answers."""
        ...

    @property
    def validated(self) -> LedgerIndex | None:
        """The newest ledger that it told of."""
        ...

    @property
    def amendment_blocked(self) -> bool:
        """Whether it is too old for its network."""
        ...

    @property
    def rank(self) -> int:
        """After whom it is asked."""
        ...

    @property
    def reconnects(self) -> int:
        """How often it was connected to anew."""
        ...


def of_ledger(watch: Watch, *, age: float | None) -> Iterator[Sample]:
    """Tell how far the ledger is known; ``age`` is how many seconds ago it was heard of last."""
    newest = None if watch.newest is None else watch.newest.ledger_index
    if newest is not None:
        yield catalogue.NEWEST_LEDGER, (), newest
    if watch.accounted_to is not None:
        yield catalogue.ACCOUNTED_LEDGER, (), watch.accounted_to
        if newest is not None:
            yield catalogue.UNACCOUNTED_LEDGERS, (), max(0, newest - watch.accounted_to)
    if age is not None:
        yield catalogue.LEDGER_AGE, (), age


def of_money(watch: Watch) -> Iterator[Sample]:
    """Tell what is at stake, how safe it is, and what is being done about it."""
    pressing = watch.incoming.pressing
    yield catalogue.CHANNELS, (), len(watch.channels)
    for verdict, count in pressing.verdicts.items():
        yield catalogue.PRESSING, (verdict,), count
    yield catalogue.UNPROTECTABLE, (), pressing.unprotectable
    yield catalogue.AT_STAKE, (), watch.incoming.at_stake
    yield catalogue.UNPROTECTABLE_AT_STAKE, (), pressing.unprotectable_at_stake
    yield catalogue.THREATENED_AT_STAKE, (), pressing.threatened_at_stake
    yield catalogue.LOST, (), watch.incoming.lost.drops
    nearest = pressing.nearest
    if nearest is not None and watch.newest is not None:
        yield catalogue.SLACK, (), nearest - watch.newest.pressing_time
    promised = pressing.nearest_promised
    if promised is not None and watch.newest is not None:
        yield catalogue.PROMISED_SLACK, (), promised - watch.newest.pressing_time
    owed = len(watch.incoming.obligations())
    yield catalogue.OBLIGATIONS, ("redeem",), owed
    yield catalogue.OBLIGATIONS, ("close",), len(watch.obligations()) - owed
    yield catalogue.ATTEMPTS_UNDER_WAY, (), len(watch.attempts)


def of_servers(states: Sequence[ServerState], newest: LedgerIndex | None) -> Iterator[Sample]:
    """Tell how servers are doing, each by its place in the settings."""
    yield catalogue.SERVERS, (), len(states)
    yield catalogue.SERVERS_CONNECTED, (), sum(state.connected for state in states)
    for place, state in enumerate(states, start=1):
        server = (str(place),)
        yield catalogue.SERVER_CONNECTED, server, state.connected
        yield catalogue.SERVER_RECONNECTS, server, state.reconnects
        yield catalogue.SERVER_RANK, server, state.rank
        yield catalogue.SERVER_BLOCKED, server, state.amendment_blocked
        if newest is not None and state.validated is not None:
            yield catalogue.SERVER_LAG, server, max(0, newest - state.validated)


def of_accounts(watch: Watch, *, payers_of_fees: Collection[Address]) -> Iterator[Sample]:
    """Tell what accounts have; ``payers_of_fees`` are those whose money fees are."""
    yield catalogue.ACCOUNTS, (), len(watch.accounts)
    spare = [known for one in payers_of_fees if (known := watch.spare(one)) is not None]
    if spare:
        yield catalogue.SPENDABLE, (), min(spare)
    if payers_of_fees:
        yield catalogue.FEES_TODAY, (), max(watch.spent(one) for one in payers_of_fees)
    tickets = [watch.ticket_count(account) for account in watch.payees]
    yield catalogue.TICKETS, (), sum(tickets)
    if tickets:
        yield catalogue.TICKETS_LEAST, (), min(tickets)


def of_limits(*, cap: Drops, daily_cap: Drops, tickets: int) -> Iterator[Sample]:
    """Tell what the settings allow an attempt, and a day, and how many tickets they want."""
    yield catalogue.ATTEMPT_CAP, (), cap
    yield catalogue.FEES_CAP, (), daily_cap
    yield catalogue.TICKETS_WANTED, (), tickets


def of_alarms(standing: Iterable[tuple[str, str]]) -> Iterator[Sample]:
    """Tell how many alarms stand of each name and severity."""
    counts: dict[tuple[str, str], int] = {}
    for alarm in standing:
        counts[alarm] = counts.get(alarm, 0) + 1
    for alarm, count in counts.items():
        yield catalogue.ALARMS, alarm, count


def of_routes(reports: Iterable[Mapping[str, Any]]) -> Iterator[Sample]:
    """Tell how the routes are doing, each by its place among them."""
    for place, report in enumerate(reports, start=1):
        route = (str(place), str(report["kind"]))
        yield catalogue.ROUTE_WAITING, route, report["waiting"]
        yield catalogue.ROUTE_DELIVERED, route, report["delivered"]
        yield catalogue.ROUTE_DROPPED, route, report["dropped"]
        yield catalogue.ROUTE_GIVEN_UP, route, report["given_up"]
        if report["failing_since"] is not None:
            yield catalogue.ROUTE_FAILING, route, report["failing_since"]


def of_heartbeats(reports: Iterable[Mapping[str, Any]]) -> Iterator[Sample]:
    """Tell how signs of life fare, each by its place among them; ``reports`` are of all routes."""
    beating = (report for report in reports if report["kind"] == _HEARTBEAT)
    for place, report in enumerate(beating, start=1):
        yield catalogue.HEARTBEATS, (str(place), "arrived"), report["delivered"]
        yield catalogue.HEARTBEATS, (str(place), "failed"), report["failed"]


def of_drills(drills: Sequence[Mapping[str, Any]]) -> Iterator[Sample]:
    """Tell of the last drill at each place; ``drills`` come as they were made."""
    for place, drill in {str(drill["place"]): drill for drill in drills}.items():
        yield catalogue.DRILL_TIME, (place,), drill["at"]
        yield catalogue.DRILL_SECONDS, (place,), drill["seconds"]
        yield catalogue.DRILL_PAID, (place,), bool(drill["paid"])
