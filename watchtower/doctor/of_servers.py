"""The servers, each by itself and all together, and the host's clock beside theirs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from watchtower.doctor.finding import Finding, Level, of_trouble, ok
from watchtower.judgement.authority import alterations
from watchtower.judgement.estate import Estate
from watchtower.ledger.ranges import LedgerRanges
from watchtower.units import Drops, LedgerIndex, RippleTime, unix_time

__all__ = ["ServerFacts", "of_certificate", "of_clock", "of_server", "of_servers"]

_YOUNG: Final = 20
"""Seconds that a validated ledger may be old: ledgers come every four or so."""

_OLD: Final = 60
"""Seconds without a ledger behind which a server is stuck, and not just slow."""

_MOST_LAG: Final = 3
"""Ledgers that a server may be behind the furthest of the others."""

_IN_SYNC: Final = frozenset({"full", "proposing", "validating"})
"""States of a server that knows the newest validated ledger (rippled NetworkOPs.cpp,
strOperatingMode)."""

_PUBLIC: Final = frozenset({0, 1, 2})
"""Networks whose ledgers are closed by the world's time: mainnet, testnet, devnet."""

_MOST_SKEW: Final = 30
_DAY: Final = 86_400
_SOON: Final = 14 * _DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What one server said of itself; None for what it did not say.

    Attributes:
        url: its address.
        trouble: why it told nothing, as a sentence.
        state: its ``server_state``.
        ledger_index: its newest validated ledger, with hash and close time.
        ledger_hash: the hash of that ledger.
        close_time: when it was closed, in ledger time.
        network_id: the network; servers of mainnet may leave it out.
        complete: the ledgers that it has, as ``complete_ledgers`` writes them.
        is_blocked: whether amendments have blocked it.
        base_fee: the least fee, and ``open_ledger_fee`` what enters the open ledger.
        open_ledger_fee: see there.
        reserve_base: the reserve of an account, and ``reserve_increment`` of each object.
        reserve_increment: see there.
        seconds: how long it took to answer.
        certificate_until: until when its certificate is good, in seconds since 1970.
        heard_at: the host's time when it said all that, likewise.
        age_told: how many seconds old its newest ledger is by its own clock.
    """

    url: str
    trouble: str | None = None
    state: str | None = None
    ledger_index: LedgerIndex | None = None
    ledger_hash: str | None = None
    close_time: RippleTime | None = None
    network_id: int = 0
    complete: str = ""
    is_blocked: bool = False
    base_fee: Drops | None = None
    open_ledger_fee: Drops | None = None
    reserve_base: Drops | None = None
    reserve_increment: Drops | None = None
    seconds: float = 0.0
    certificate_until: float | None = None
    heard_at: float = 0.0
    age_told: int | None = None

    @property
    def age(self) -> float | None:
        """How old its newest ledger is by the host's clock; None off the public networks."""
        if self.close_time is None or self.network_id not in _PUBLIC:
            return None
        return self.heard_at - unix_time(self.close_time)


def of_server(
    server: ServerFacts,
    *,
    best: LedgerIndex | None,
    pinned: int | None,
    cursor: LedgerIndex | None,
    fee_cap: Drops,
) -> Iterator[Finding]:
    """Yield what there is to say of one server.

    Args:
        server: what it said.
        best: the newest ledger that any of them told of.
        pinned: the network of the store; None if it has none yet.
        cursor: the last ledger that is accounted for.
        fee_cap: the most that one attempt may cost.
    """
    if server.trouble is not None:
        yield of_trouble("servers.reachable", server.trouble, server.url)
        return
    yield ok("servers.reachable", f"{server.url} answers in {server.seconds:.2f} s.", server.url)
    yield _synced(server, best)
    if pinned is not None and server.network_id != pinned:
        yield of_trouble(
            "servers.network",
            f"{server.url} serves network {server.network_id}, and the store is pinned to "
            f"{pinned}: the tower does not use it. Name one of that network in `servers`.",
            server.url,
        )
    else:
        yield ok("servers.network", f"{server.url} serves network {server.network_id}.", server.url)
    if server.is_blocked:
        yield of_trouble(
            "servers.amendments",
            f"{server.url} is blocked by amendments that it is too old for, and its ledgers cannot "
            "be believed. Its operator has to update it; name another one in `servers` meanwhile.",
            server.url,
        )
    else:
        yield ok("servers.amendments", f"{server.url} knows its network's amendments.", server.url)
    yield from _fee(server, fee_cap)
    yield from _history(server, cursor)


def _synced(server: ServerFacts, best: LedgerIndex | None) -> Finding:
    index = server.ledger_index
    why = None
    if index is None:
        why = "has no validated ledger"
    elif server.state not in _IN_SYNC:
        why = f"says that it is {server.state or 'in no state'}, and not in sync with its network"
    elif best is not None and best - index > _MOST_LAG:
        why = f"is at ledger {index}, {best - index} behind another one"
    elif (server.age_told or 0) > _OLD:
        why = f"has had no ledger since {index}, {server.age_told} s ago by its own clock"
    if why is None:
        return ok("servers.synced", f"{server.url} is at validated ledger {index}.", server.url)
    return of_trouble("servers.synced", f"{server.url} {why}.", server.url)


def _fee(server: ServerFacts, cap: Drops) -> Iterator[Finding]:
    price = server.open_ledger_fee
    if price is None:
        return
    if price > cap:
        yield Finding(
            check="servers.fee",
            level=Level.WARNING,
            subject=server.url,
            sentence=f"The open ledger costs {price} drops at {server.url}, above `fees.cap_drops` "
            f"({cap}): nothing would be redeemed there now.",
        )
    else:
        yield ok("servers.fee", f"The open ledger costs {price} drops at {server.url}.", server.url)


def _history(server: ServerFacts, cursor: LedgerIndex | None) -> Iterator[Finding]:
    if cursor is None or server.ledger_index is None or server.ledger_index <= cursor:
        return
    first = LedgerIndex(cursor + 1)
    if LedgerRanges.parse(server.complete).covers(first, server.ledger_index):
        yield ok("servers.history", f"{server.url} has every ledger from {first} on.", server.url)
        return
    yield Finding(
        check="servers.history",
        level=Level.WARNING,
        subject=server.url,
        sentence=f"{server.url} has not all ledgers from {first} on ({server.complete or 'none'}): "
        "what happened in them cannot be read there.",
    )


def of_certificate(server: ServerFacts, now: float) -> Iterator[Finding]:
    """Yield how long the certificate of a server is good, where it has one."""
    if server.certificate_until is None:
        return
    left = server.certificate_until - now
    said = f"The certificate of {server.url} is good for {left / _DAY:.0f} more days"
    if left < _SOON:
        yield Finding(
            check="servers.certificate",
            level=Level.WARNING,
            subject=server.url,
            sentence=f"{said}. Its operator has to renew it; behind that nobody connects.",
        )
    else:
        yield ok("servers.certificate", f"{said}.", server.url)


def of_servers(
    servers: Sequence[ServerFacts], estates: Sequence[Sequence[Estate]]
) -> Iterator[Finding]:
    """Yield what there is to say of all servers; ``estates`` are each account, as each tells it."""
    if len(servers) < 2:  # noqa: PLR2004 - two servers or an alarm (rule 11)
        yield Finding(
            check="servers.number",
            level=Level.WARNING,
            sentence="There is one server only, and nobody to contradict it: name a second one, "
            "run by somebody else, in `servers`.",
        )
    else:
        yield ok("servers.number", f"{len(servers)} servers are named.")
    differing = [*_networks(servers), *_hashes(servers), *_accounts(estates)]
    yield from differing
    if not differing and sum(one.trouble is None for one in servers) > 1:
        yield ok("servers.agree", "All servers that answer agree.")


def _networks(servers: Sequence[ServerFacts]) -> Iterator[Finding]:
    told = {one.url: one.network_id for one in servers if one.trouble is None}
    if len(set(told.values())) > 1:
        which = ", ".join(f"{url}: {network}" for url, network in told.items())
        yield of_trouble("servers.agree", f"The servers serve several networks ({which}).")


def _hashes(servers: Sequence[ServerFacts]) -> Iterator[Finding]:
    told: dict[LedgerIndex, set[str]] = {}
    for one in servers:
        if one.ledger_index is not None and one.ledger_hash is not None:
            told.setdefault(one.ledger_index, set()).add(one.ledger_hash)
    for index, hashes in told.items():
        if len(hashes) > 1:
            yield of_trouble(
                "servers.agree", f"The servers tell {len(hashes)} hashes of ledger {index}."
            )


def _accounts(estates: Sequence[Sequence[Estate]]) -> Iterator[Finding]:
    for told in estates:
        for other in told[1:]:
            if differences := alterations(told[0], other):
                yield of_trouble(
                    "servers.agree",
                    f"The servers differ about who may sign for {other.account}: by one of them "
                    f"{', '.join(differences)}. One of them is behind, or wrong.",
                    other.account,
                )
                break


def of_clock(servers: Sequence[ServerFacts], *, synchronised: bool | None) -> Iterator[Finding]:
    """Yield how the host's clock is beside the ledger's; ``synchronised`` is systemd's word."""
    # A ledger is always a little old; of several, the youngest tells most of our own clock.
    ages = [age for one in servers if (age := one.age) is not None]
    if ages:
        youngest = min(ages, key=abs)
        if -_MOST_SKEW <= youngest <= _MOST_SKEW + _YOUNG:
            yield ok("clock.ledger", f"The host's clock is {youngest:.0f} s past the last ledger.")
        else:
            side = "ahead of" if youngest > 0 else "behind"
            yield Finding(
                check="clock.ledger",
                level=Level.WARNING,
                sentence=f"The host's clock is {abs(youngest):.0f} s {side} the newest ledger: "
                "deadlines are ledger time and hold, but logs, receipts and expiries of tokens "
                "are off.",
                mend="timedatectl set-ntp true",
            )
    elif any(one.trouble is None for one in servers):
        yield Finding(
            check="clock.ledger",
            level=Level.NOTICE,
            sentence="This is no public network, so its ledgers tell nothing of the host's clock.",
        )
    if synchronised is not None:
        yield (
            ok("clock.synchronised", "The host's clock is synchronised.")
            if synchronised
            else Finding(
                check="clock.synchronised",
                level=Level.WARNING,
                sentence="systemd does not know the host's clock to be synchronised.",
                mend="timedatectl set-ntp true",
            )
        )
