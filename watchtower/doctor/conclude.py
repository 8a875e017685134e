"""What follows from servers, store and keys together, which no look alone can tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from watchtower.doctor.chart import Chart, Patient
from watchtower.doctor.finding import Finding
from watchtower.doctor.of_machine import of_daemon
from watchtower.doctor.of_means import MeansFacts, of_means
from watchtower.doctor.of_rights import RightsFacts, Stand, of_rights
from watchtower.doctor.of_servers import of_certificate, of_clock, of_server, of_servers
from watchtower.judgement.estate import Estate
from watchtower.judgement.rules import STRICT, ChannelRules, rules_of_note
from watchtower.keys.authority import Right
from watchtower.settings import Settings
from watchtower.tower.noted_accounts import recalled
from watchtower.units import Address, Drops
from watchtower.wiring import rights_of

__all__ = ["conclude"]

_BY_KEYS: Final = frozenset({Right.REGULAR_KEY, Right.MASTER_KEY})


def conclude(
    patient: Patient,
    chart: Chart,
    simulations: Mapping[tuple[Address, str], str],
    now: float,
) -> Iterator[Finding]:
    """Yield what follows from what was seen of servers, store and keys together.

    Args:
        patient: whom.
        chart: what was seen.
        simulations: what a server said to each account's key.
        now: the host's time, in seconds since 1970.
    """
    loaded = patient.loaded
    facts = [seen.facts for seen in chart.servers]
    best = max((one.ledger_index for one in facts if one.ledger_index is not None), default=None)
    cursor = None if chart.inside is None else chart.inside.cursor
    for one in facts:
        yield from of_server(
            one,
            best=best,
            pinned=chart.network,
            cursor=cursor,
            fee_cap=Drops(loaded.fees.cap_drops),
        )
        yield from of_certificate(one, now)
    if not patient.offline:
        told = [[s.estates[a] for s in chart.servers if a in s.estates] for a in loaded.addresses]
        yield from of_servers(facts, [one for one in told if one])
    yield from of_clock(facts, synchronised=chart.synchronised)
    estates, rules = _estates(chart, loaded)
    yield from of_rights(
        RightsFacts(
            rights=rights_of(loaded),
            stands=chart.stands,
            estates=estates,
            is_live=any(seen.estates for seen in chart.servers),
            delegate=loaded.authority.own,
            signer=Address(loaded.authority.signer) or None,
            rules=rules,
            simulated=simulations,
            is_unasked=chart.is_unasked,
        )
    )
    yield from _means(chart, loaded, estates)
    if chart.inside is not None:
        start = "watchtower run"
        if chart.unit is not None and chart.unit.is_loaded:
            start = "systemctl start watchtower"
        yield from of_daemon(chart.inside.status, now, best, start)


def _estates(chart: Chart, loaded: Settings) -> tuple[dict[Address, Estate], ChannelRules]:
    """Return each account as the furthest server tells it, or else as the daemon last saw it."""
    seen = [one for one in chart.servers if one.estates]
    if seen:
        best = max(seen, key=lambda one: one.facts.ledger_index or 0)
        return dict(best.estates), best.rules
    if chart.inside is None:
        return {}, STRICT
    notes = chart.inside.accounts
    known = {account: recalled(account, notes.get(account)) for account in loaded.addresses}
    rules = rules_of_note((chart.inside.status or {}).get("channel_rules"))
    return {account: one for account, one in known.items() if one is not None}, rules


def _means(chart: Chart, loaded: Settings, estates: Mapping[Address, Estate]) -> Iterator[Finding]:
    told = [seen.facts for seen in chart.servers if seen.facts.reserve_base is not None]
    if not told:
        return
    terms = max(told, key=lambda one: one.ledger_index or 0)
    own = loaded.authority.own
    for account in _paying(chart.stands, loaded):
        if account not in estates:
            continue
        is_delegate = account == own
        yield from of_means(
            MeansFacts(
                estate=estates[account],
                is_delegate=is_delegate,
                makes_tickets=any(
                    one.account == account and one.right in _BY_KEYS for one in chart.stands
                ),
                wanted=Drops(
                    loaded.authority.delegate.least_money_drops
                    if is_delegate
                    else loaded.fees.cap_drops
                ),
                pool=loaded.tickets.pool,
                low_water=loaded.tickets.low_water,
                base_fee=terms.base_fee or Drops(10),
                reserve_base=terms.reserve_base or Drops(0),
                reserve_increment=terms.reserve_increment or Drops(0),
            )
        )


def _paying(stands: Sequence[Stand], loaded: Settings) -> Iterable[Address]:
    """Return the accounts that pay fees: the guarded ones, unless a delegate pays, and that one."""
    own = loaded.authority.own
    pay_themselves = [
        account
        for account in loaded.addresses
        if {s.right for s in stands if s.account == account} != {Right.DELEGATED}
    ]
    return [*pay_themselves, *([own] if own else [])]
