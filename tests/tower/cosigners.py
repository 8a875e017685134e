"""Towers that sign together: a payee with a signer list, and its signers, each with its own store.

The payee's own key is in none of the stores. The towers talk over real TLS sockets, with
certificates that were made for one test.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from tests.interfaces.certificates import Authority
from tests.interfaces.test_access import token
from tests.store.make import CHEAP
from tests.tower.conftest import PASSPHRASE, Stage, stage_on
from tests.tower.payers import alarms
from watchtower.access.token import Scope
from watchtower.cosigner_settings import CosignerSettings
from watchtower.keys.vault import Algorithm, Vault
from watchtower.sandbox.people import Person
from watchtower.settings import AuthoritySettings, HttpSettings, TicketSettings
from watchtower.store.database import Store
from watchtower.tower.tending import STATUS_NOTE
from watchtower.units import ChannelId

__all__ = ["PEOPLE", "Company", "company_on", "hostile", "signer_list"]

PEOPLE = tuple(Person.named(f"signer {number}") for number in range(3))
"""Who signs for the payee: two of them are enough."""

Answer = Callable[[dict[str, Any]], bytes | Awaitable[bytes]]


def signer_list(people: Sequence[Person] = PEOPLE, quorum: int = 2) -> dict[str, Any]:
    """The transaction that makes them signers."""
    entries = [{"SignerEntry": {"Account": one.address, "SignerWeight": 1}} for one in people]
    return {
        "TransactionType": "SignerListSet",
        "SignerQuorum": quorum,
        "SignerEntries": entries,
    }


@dataclass
class Company:
    """The first tower, which asks, and two others, which are asked."""

    first: Stage
    others: tuple[Stage, ...]
    authority: Authority

    async def alarms(self) -> dict[str, str]:
        """The alarms that stand at the first tower, by name, with their subjects."""
        return await alarms(self.first)

    async def until_alarmed(self, name: str, subject: str) -> None:
        """Wait until an alarm stands at the first tower."""

        async def stands() -> bool:
            return (await self.alarms()).get(name) == subject

        await self.first.until(stands)

    async def until_watching(self, stage: Stage) -> None:
        """Wait until a tower has read the channels there are."""

        async def watches() -> bool:
            async with stage.store() as store, store.read() as work:
                return bool((await work.notes.get(STATUS_NOTE) or {}).get("channels"))

        await stage.until(watches)

    async def signers_of(self, channel: ChannelId) -> set[str]:
        """Who signed what the first tower had signed for a channel, by its journal."""
        story = await self.first.story(channel)
        signed = [entry.facts["signers"] for entry in story if entry.kind == "multisigned"]
        return {one for each in signed for one in each}


@asynccontextmanager
async def company_on(folder: Path) -> AsyncIterator[Company]:
    """A ledger, and three towers that may sign for one payee; none of them runs yet."""
    authority = Authority(folder)
    async with stage_on(folder) as stage:
        # Three towers in one process need three times the time.
        stage.pace = 0.15
        await stage.hand.settle(signer_list(), stage.payee)
        stages = [await _tower(stage, number, authority, folder) for number in range(len(PEOPLE))]
        cosigners = [await _reach(stages, n, authority, folder) for n in (1, 2)]
        first = replace(stages[0])
        first.with_settings(
            authority=AuthoritySettings(
                signer=PEOPLE[0].address, cosigners=tuple(cosigners), cosign_seconds=3.0
            )
        )
        yield Company(first, tuple(stages[1:]), authority)


async def _tower(stage: Stage, number: int, authority: Authority, folder: Path) -> Stage:
    """One tower's settings and store, in which its own signer's key is, and no other."""
    path, person = folder / f"tower {number}.db", PEOPLE[number]
    async with await Store.create(path, PASSPHRASE, cost=CHEAP) as store:
        await Vault(store).import_seed(person.address, person.seed, algorithm=Algorithm.SECP256K1)
    made = replace(stage)
    own = authority.pair(f"tower {number}")
    made.with_settings(
        store=str(path),
        tickets=TicketSettings(pool=0, low_water=0),
        http=HttpSettings(
            listen=f"127.0.0.1:{_free_port()}",
            certificate=str(own.certificate),
            certificate_key=str(own.key),
            client_authority=str(authority.path),
        ),
        authority=AuthoritySettings(signer=person.address, cosign=True),
    )
    return made


async def _reach(
    stages: Sequence[Stage], number: int, authority: Authority, folder: Path
) -> CosignerSettings:
    """How the first tower reaches another one."""
    shown = folder / f"token {number}"
    shown.touch(mode=0o600)
    shown.write_text(await token(stages[number], "the first tower", [Scope.COSIGN]))
    client = authority.pair(f"client {number}", for_client=True)
    return CosignerSettings(
        account=PEOPLE[number].address,
        public_key=PEOPLE[number].public_key,
        url=f"https://localhost:{stages[number].settings.http.place.port}",
        ca_file=str(authority.path),
        certificate_file=str(client.certificate),
        key_file=str(client.key),
        token_file=str(shown),
    )


@asynccontextmanager
async def hostile(
    company: Company, number: int, answer: Answer, *, headers: bytes = b""
) -> AsyncIterator[None]:
    """Somebody else in the place of a co-signer, who has its certificate and answers at will.

    ``answer`` is given the body of each request, and returns the body of the answer, before which
    ``headers`` go.
    """
    own = company.authority.pair(f"tower {number}")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(own.certificate, own.key)
    port = company.others[number - 1].settings.http.place.port

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode().lower().split("\r\n")
            length = next(int(x.split(":")[1]) for x in lines if x.startswith("content-length"))
            asked = json.loads(await reader.readexactly(length))
            said = answer(asked)
            body = said if isinstance(said, bytes) else await said
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
                + headers
                + f"content-length: {len(body)}\r\n\r\n".encode()
                + body
            )
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", port, ssl=serving):
        yield


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


def limited(stage: Stage, **fees: Any) -> Stage:
    """The same tower with other caps."""
    made = replace(stage)
    made.with_settings(fees=msgspec.structs.replace(stage.settings.fees, **fees))
    return made
