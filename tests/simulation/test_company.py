"""Those who sign with the tower, asked as it asks them, with everything that may be wrong."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any

import pytest

from simulation.company import Company, places_of
from simulation.draw import draw
from simulation.holders import COSIGNERS, PAYEE
from simulation.host import new_store
from simulation.land import Land, payer
from simulation.loop import play
from simulation.oracle import Promise
from simulation.rights import CosignerIllness
from simulation.wire import Network
from watchtower.keys.asking import CosignerPlace, TowerCosigner
from watchtower.keys.multisign import Cosignature
from watchtower.keys.told import Answered, Away, Faulty, Told
from watchtower.units import Address, Drops

Ask = Callable[[int, int], Coroutine[Any, Any, Told]]
Story = Callable[[Company, Network, Ask], Coroutine[Any, Any, None]]


def accompanied(folder: Path, story: Story, promised: int = 0) -> None:
    """Play a story with two co-signers, who know of a claim on the one channel that there is."""
    paths = [folder / f"{number}.db" for number in range(2)]
    for path, person in zip(paths, COSIGNERS, strict=True):
        new_store(path.with_suffix(".new"), {person.address: person})
        shutil.copyfile(path.with_suffix(".new"), path)
    token = folder / "token"
    token.touch(mode=0o600)
    script = draw(0, "calm")

    async def whole() -> None:
        land = Land(script)
        channel = land.open_channel(0, script.channels[0])
        land.close(4)
        network = Network({"wss://one.example": land.nodes[0]}, Random(1))  # noqa: S311
        promises: dict[str, list[Promise]] = {channel: [Promise(drops=promised, kept_in=0)]}
        company = Company(land, network, paths, promises)
        person = payer(script.channels[0].payer)

        async def ask(number: int, drops: int) -> Told:
            place = places_of(token)[number]
            cosigner = TowerCosigner(
                CosignerPlace(
                    account=Address(place["account"]),
                    public_key=place["public_key"],
                    url=place["url"],
                    token=Path(place["token_file"]),
                ),
                patience=5.0,
                transport=company,
            )
            claim = {
                "TransactionType": "PaymentChannelClaim",
                "Account": PAYEE.address,
                "Channel": channel,
                "Balance": str(drops),
                "Amount": str(drops),
                "PublicKey": person.public_key,
                "Signature": person.sign_claim(channel, Drops(drops)),
                "Fee": "30",
                "Flags": 0x80000000,
                "Sequence": 1,
                "LastLedgerSequence": land.index + 8,
            }
            try:
                return await cosigner.ask([claim])
            finally:
                await cosigner.close()

        try:
            await story(company, network, ask)
        finally:
            await company.close()

    play(whole)


def test_one_that_is_well_signs_what_it_judges_for_itself(tmp_path: Path) -> None:
    """And refuses what is below the best claim that it knows of."""

    async def story(company: Company, _network: Network, ask: Ask) -> None:
        assert company.well() == [0, 1]
        told = await ask(1, 500)
        assert isinstance(told, Answered)
        [signature] = told.each
        assert isinstance(signature, Cosignature)
        assert signature.account == COSIGNERS[1].address
        refused = await ask(0, 499)
        assert isinstance(refused, Answered)
        assert "0.0005 XRP is known here" in str(refused.each[0])

    accompanied(tmp_path, story, promised=500)


@pytest.mark.parametrize(
    ("ill", "kind", "words"),
    [
        (CosignerIllness.AWAY, Away, "Connect call failed"),
        (CosignerIllness.SLOW, Away, "nothing came within 5 s"),
        (CosignerIllness.LIES, Faulty, "not of the transaction"),
        (CosignerIllness.GARBLES, Faulty, "its answer"),
        (CosignerIllness.REFUSES, Answered, "it does not want to"),
    ],
)
def test_one_that_is_ill_is_told_for_what_it_is(
    tmp_path: Path, ill: CosignerIllness, kind: type, words: str
) -> None:
    """Only it, and only while it is ill."""

    async def story(company: Company, _network: Network, ask: Ask) -> None:
        company.ill[0] = ill
        assert company.well() == [1]
        told = await ask(0, 500)
        assert isinstance(told, kind)
        assert words in (str(told.each[0]) if isinstance(told, Answered) else told.why)
        assert isinstance(await ask(1, 500), Answered)
        company.ill.clear()
        healed = await ask(0, 500)
        assert isinstance(healed, Answered)
        assert isinstance(healed.each[0], Cosignature)

    accompanied(tmp_path, story)


def test_host_without_a_network_reaches_none_of_them(tmp_path: Path) -> None:
    """They are reached by the same way as servers are."""

    async def story(company: Company, network: Network, ask: Ask) -> None:
        network.cut()
        assert company.well() == []
        assert isinstance(await ask(0, 500), Away)
        network.cut(whole=True)
        network.is_deaf = True
        assert company.well() == []
        began = asyncio.get_running_loop().time()
        assert isinstance(await ask(0, 500), Away)
        assert asyncio.get_running_loop().time() - began >= 5

    accompanied(tmp_path, story)
