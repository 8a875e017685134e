"""What the doctor says of keys that are not in the store: a real signer apart, a real token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.doctor.conftest import PAYEE, Practice, levels, of, one_of
from tests.signer.process import SignerProcess
from tests.softhsm import SoftHsm
from tests.store import make
from watchtower.doctor.finding import Level
from watchtower.keys.appointment import address_of
from watchtower.keys.vault import Algorithm, Vault
from watchtower.store.database import Store


@pytest.fixture
async def signer(practice: Practice) -> AsyncIterator[SignerProcess]:
    """A signer apart that holds the payee's master key, and the tower that asks it."""
    made = await SignerProcess.make(practice.folder / "signer", PAYEE)
    async with await Store.open(practice.store, make.PASSPHRASE) as store:
        await Vault(store).remove(PAYEE.address)
    practice.configure(f'[keys]\nsigner = "{made.socket}"\n[authority]\nallow_master_key = true\n')
    yield made
    await made.kill()


@asynccontextmanager
async def answering(path: Path, answer: bytes | None) -> AsyncIterator[list[bytes]]:
    """Listen where a signer should, and say one thing to whoever comes, or nothing for ever."""
    heard: list[bytes] = []
    served: list[asyncio.Task[object]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())  # type: ignore[arg-type]  # this one
        with suppress(ConnectionError):
            heard.append(await reader.read(65_536))
            if answer is not None:
                writer.write(len(answer).to_bytes(4, "big") + answer)
            await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(serve, str(path))
    try:
        yield heard
    finally:
        server.close()
        await asyncio.gather(*served)


async def test_a_signer_apart_that_answers_is_asked_for_its_keys_and_signs_nothing(
    practice: Practice, signer: SignerProcess
) -> None:
    """The ledger says what its key is worth; and it has written down nothing."""
    await signer.start()
    before = [entry.kind for entry in await signer.journal()]
    found = await practice.look()

    told = one_of(found, "authority.signer")
    assert told.level is Level.OK
    assert "signs with 1 keys" in told.sentence
    assert levels(found, "authority.right") == [Level.OK]
    assert [entry.kind for entry in await signer.journal()] == before
    await signer.kill()
    told = one_of(await practice.look(), "authority.signer")
    assert told.level is Level.FAILURE
    assert told.mend == "systemctl restart watchtower-signer"


OTHER_VERSIONS = {
    "an answer with a word that this version does not know": (
        b'{"kind":"keys","id":1,"keys":[],"fee_cap":null,"also":1}'
    ),
    "another language": b"220 mail.example ESMTP",
}


@pytest.mark.parametrize("how", OTHER_VERSIONS)
async def test_a_signer_of_another_version_is_told_of_and_believed_nothing(
    practice: Practice, how: str
) -> None:
    """Its answer is no message; nobody says that nothing can sign, for that is not known."""
    place = practice.folder / "signer.socket"
    practice.configure(f'[keys]\nsigner = "{place}"\n')
    async with answering(place, OTHER_VERSIONS[how]) as heard:
        found = await practice.look()
    told = one_of(found, "authority.signer")

    assert heard
    assert told.level is Level.FAILURE
    assert str(place) in told.sentence
    assert of(found, "authority.right") == []


async def test_a_signer_that_never_answers_keeps_nobody_waiting(practice: Practice) -> None:
    """The look has its time, and is a finding behind it."""
    place = practice.folder / "signer.socket"
    practice.configure(f'[keys]\nsigner = "{place}"\n')
    async with answering(place, None):
        found = await practice.look(within=1.0)
    told = one_of(found, "authority.signer")

    assert told.level is Level.FAILURE
    assert "within 1 s" in told.sentence
    assert levels(found, "store.opens") == [Level.OK]
    assert of(found, "authority.right") == []


async def test_a_token_that_is_well_signs_in_memory_and_is_taken_by_the_ledger(
    practice: Practice, softhsm: SoftHsm
) -> None:
    """And one whose key is not there is told of, with what shows which are."""
    hsm = softhsm.hsm()
    key = await hsm.make_key("redeem", Algorithm.SECP256K1)
    named = {"TransactionType": "SetRegularKey", "RegularKey": address_of(key)}
    await practice.hand.settle(named, PAYEE)
    practice.configure(
        f'[hsm]\nmodule = "{softhsm.module}"\ntoken = "{hsm.token}"\n'
        f'[[hsm.keys]]\naccount = "{PAYEE.address}"\nlabel = "redeem"\nregular_key = true\n'
    )
    found = await practice.look(hsm=hsm, within=30.0)

    assert levels(found, "authority.token") == [Level.OK]
    told = one_of(found, "authority.right")
    assert told.level is Level.OK
    assert "in the token" in told.sentence
    assert levels(found, "authority.signs") == [Level.OK]

    practice.configure(
        f'[hsm]\nmodule = "{softhsm.module}"\ntoken = "{hsm.token}"\n'
        f'[[hsm.keys]]\naccount = "{PAYEE.address}"\nlabel = "another"\nregular_key = true\n'
    )
    found = await practice.look(hsm=softhsm.hsm(), within=30.0)
    told = one_of(found, "authority.token", PAYEE.address)
    assert (told.level, told.mend) == (Level.FAILURE, "watchtower hsm list")
