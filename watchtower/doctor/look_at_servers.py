"""Asking every server by itself how it is, and what it holds of our accounts.

Each is given so long, and no longer; one that hangs, breaks off or talks nonsense is told of as
that, and holds up nobody. A handful of questions is asked, each of which any public server answers
to anybody, and nothing is submitted.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from watchtower.doctor.look_at_store import probe
from watchtower.doctor.of_servers import ServerFacts
from watchtower.errors import AnswerError, LedgerError, RequestRefusedError, UnreachableError
from watchtower.hosts import is_loopback
from watchtower.judgement.estate import Estate, learn
from watchtower.judgement.rules import STRICT, ChannelRules, rules_of
from watchtower.ledger.accounts import read_account
from watchtower.ledger.amendments import read_amendments
from watchtower.ledger.answers import read_fees
from watchtower.ledger.connection import Connection
from watchtower.ledger.link import LinkSettings
from watchtower.ledger.socket import Dial
from watchtower.ledger.wire import AMENDMENT_BLOCKED, integer, warning_ids
from watchtower.units import Address, Drops, LedgerIndex, RippleTime

__all__ = ["Asked", "ServerSeen", "look_at_server", "simulated"]

_TLS_PORT: Final = 443


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of each server: which accounts, and for which delegate; how, and how long."""

    accounts: Sequence[Address]
    delegate: Address | None
    own: Collection[Address]
    link: LinkSettings
    dial: Dial
    within: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSeen:
    """What one server told: of itself, of accounts, and of the rules of its network."""

    facts: ServerFacts
    estates: Mapping[Address, Estate] = field(default_factory=dict)
    rules: ChannelRules = STRICT


class _Ear:
    """Hears what a server says beside its answers, and whether it is blocked by amendments."""

    def __init__(self) -> None:
        self.is_blocked = False

    def heard(self, message: Mapping[str, Any]) -> None:
        """Pass over what nobody asked for."""

    def answered(self, answer: Mapping[str, Any]) -> None:
        """Look for the warning of a server that is too old."""
        self.is_blocked = self.is_blocked or AMENDMENT_BLOCKED in warning_ids(answer)

    def misheard(self) -> None:
        """Pass over what cannot be read; whoever waits for it waits in vain."""


class _Line:
    """One server as the readers of state ask it."""

    def __init__(self, url: str, connection: Connection) -> None:
        self.url = url
        self.validated: LedgerIndex | None = None
        self._connection = connection

    async def request(self, command: str, **params: object) -> Mapping[str, Any]:
        """Ask it and return the result."""
        return await self._connection.request(command, params)


@asynccontextmanager
async def _line(url: str, asked: Asked, ear: _Ear) -> AsyncIterator[_Line]:
    is_local = is_loopback(urlsplit(url).hostname or "")
    async with asked.dial(url, asked.link.dialling(is_local=is_local)) as socket:
        timeout = asked.link.request_timeout
        connection = Connection(socket, server=url, timeout=timeout, listener=ear)
        reading = asyncio.create_task(connection.read(), name=f"hear {url}")
        try:
            yield _Line(url, connection)
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading


async def look_at_server(url: str, asked: Asked) -> ServerSeen:
    """Return what a server tells; why it does not, if it does not."""
    ear, began = _Ear(), time.monotonic()
    try:
        async with asyncio.timeout(asked.within), _line(url, asked, ear) as line:
            facts = await _of_itself(line, began)
            estates, rules = await _of_others(line, asked)
    except TimeoutError:
        why = f"{url} did not answer within {asked.within:.0f} s."
        return ServerSeen(facts=ServerFacts(url=url, trouble=why))
    except UnreachableError as trouble:
        why = f"{url} cannot be reached: {trouble.facts['why']}."
        return ServerSeen(facts=ServerFacts(url=url, trouble=why))
    except LedgerError as trouble:
        return ServerSeen(facts=ServerFacts(url=url, trouble=str(trouble)))
    until = await _certificate_until(url, asked.within)
    known = {name: getattr(facts, name) for name in ServerFacts.__dataclass_fields__}
    blocked = facts.is_blocked or ear.is_blocked
    facts = ServerFacts(**{**known, "is_blocked": blocked, "certificate_until": until})
    return ServerSeen(facts=facts, estates=estates, rules=rules)


async def _of_itself(line: _Line, began: float) -> ServerFacts:
    state = _part(line, "server_state", "state", await line.request("server_state"))
    heard_at, seconds = time.time(), time.monotonic() - began
    info = _part(line, "server_info", "info", await line.request("server_info"))
    young = info.get("validated_ledger")
    ledger = state.get("validated_ledger")
    ledger = ledger if isinstance(ledger, Mapping) else {}
    index, close_time = integer(ledger, "seq"), integer(ledger, "close_time")
    line.validated = None if index is None else LedgerIndex(index)
    told_hash, told_state = ledger.get("hash"), state.get("server_state")
    return ServerFacts(
        url=line.url,
        state=told_state if isinstance(told_state, str) else None,
        ledger_index=line.validated,
        ledger_hash=told_hash if isinstance(told_hash, str) else None,
        close_time=None if close_time is None else RippleTime(close_time),
        network_id=integer(state, "network_id") or 0,
        complete=str(state.get("complete_ledgers", "")),
        is_blocked=state.get("amendment_blocked") is True,
        base_fee=_drops(ledger, "base_fee"),
        open_ledger_fee=await _price(line),
        reserve_base=_drops(ledger, "reserve_base"),
        reserve_increment=_drops(ledger, "reserve_inc"),
        seconds=seconds,
        heard_at=heard_at,
        age_told=integer(young, "age") if isinstance(young, Mapping) else None,
    )


def _part(line: _Line, command: str, name: str, result: Mapping[str, Any]) -> Mapping[str, Any]:
    part = result.get(name)
    if not isinstance(part, Mapping):
        raise AnswerError(server=line.url, command=command, why=f"it has no {name}")
    return part


def _drops(ledger: Mapping[str, Any], name: str) -> Drops | None:
    told = integer(ledger, name)
    return None if told is None else Drops(told)


async def _price(line: _Line) -> Drops | None:
    """Return what the open ledger costs; None where the server does not tell."""
    try:
        return read_fees(line.url, await line.request("fee")).open_ledger_fee
    except (AnswerError, RequestRefusedError):
        return None


async def _of_others(line: _Line, asked: Asked) -> tuple[dict[Address, Estate], ChannelRules]:
    """Return what the server tells of accounts and amendments; nothing of what it refuses."""
    estates: dict[Address, Estate] = {}
    try:
        for account in dict.fromkeys((*asked.accounts, *asked.own)):
            delegate = asked.delegate if account not in asked.own else None
            for fact in await read_account(line, account, delegate):
                estates[account] = learn(estates.get(account), fact)
        rules = rules_of((await read_amendments(line)).enabled)
    except (AnswerError, RequestRefusedError):
        return estates, STRICT
    return estates, rules


async def simulated(
    urls: Sequence[str], asked: Asked, keys: Collection[tuple[Address, str]], network_id: int
) -> dict[tuple[Address, str], str]:
    """Return what the first server that simulates says to each account's key; nothing if none does.

    Nothing is signed for that, and nothing sent on: a server that simulates takes no signature
    (rippled Simulate.cpp, autofillSignature: rpcTX_SIGNED), and looks at whose the key is (rippled
    Transactor.cpp, checkSign: what names a key is checked, also in a dry run).
    """
    for url in urls:
        try:
            async with asyncio.timeout(asked.within), _line(url, asked, _Ear()) as line:
                return {key: await _simulate(line, *key, network_id) for key in keys}
        except (TimeoutError, LedgerError):
            continue
    return {}


async def _simulate(line: _Line, account: Address, public_key: str, network_id: int) -> str:
    fields = probe(account, public_key, network_id)
    # What it would fill in anyhow is left to it, so that neither seat nor fee stands in the way.
    for name in ("Sequence", "Fee", "LastLedgerSequence"):
        fields.pop(name, None)
    result = (await line.request("simulate", tx_json=fields)).get("engine_result")
    if not isinstance(result, str):
        raise AnswerError(server=line.url, command="simulate", why="it has no result")
    return result


async def _certificate_until(url: str, within: float) -> float | None:
    """Return until when the certificate is good that a server shows, in seconds since 1970."""
    parts = urlsplit(url)
    if parts.scheme != "wss":
        return None
    with suppress(OSError, TimeoutError, ValueError):
        async with asyncio.timeout(within):
            _, writer = await asyncio.open_connection(
                parts.hostname, parts.port or _TLS_PORT, ssl=ssl.create_default_context()
            )
            shown = writer.get_extra_info("peercert") or {}
            writer.transport.abort()
        if ends := shown.get("notAfter"):
            return float(ssl.cert_time_to_seconds(ends))
    return None
