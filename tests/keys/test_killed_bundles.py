"""Which pre-signed transactions a rotation kills."""

from __future__ import annotations

from pathlib import Path

from watchtower.judgement.claim import Claim
from watchtower.keys.bundle import read_bundle
from watchtower.keys.killed_bundles import StoredBundles
from watchtower.keys.presigning import PresignRequest, presign
from watchtower.keys.vault import key_that_signs_for
from watchtower.sandbox.people import Person
from watchtower.store.database import Store
from watchtower.units import ChannelId, Drops

PAYER, PAYEE, REGULAR = Person.named("payer"), Person.named("payee"), Person.named("regular")


async def test_what_the_replaced_key_signed_is_named_and_nothing_else(tmp_path: Path) -> None:
    """Two tickets were signed for with the old regular key, one with the master key."""
    async with await Store.create(tmp_path / "w.db", "correct horse") as store:
        for number, (signer, tickets) in enumerate([(REGULAR, (41, 42)), (PAYEE, (43,))], start=1):
            channel = ChannelId(f"{number:064X}")
            claim = Claim(
                channel=channel,
                amount=Drops(5),
                public_key=PAYER.public_key,
                signature=PAYER.sign_claim(channel, Drops(5)),
            )
            request = PresignRequest(
                network_id=0,
                account=PAYEE.address,
                claim=claim,
                target=claim.amount,
                tickets=tickets,
            )
            key = key_that_signs_for(PAYEE.address, signer.seed, regular_key=True)
            async with store.write() as work:
                await work.bundles.raise_all(read_bundle(presign([request], key)).presigned)
        bundles = StoredBundles(store)
        first = f"channel {1:064X} on ticket"
        assert await bundles.signed_by(PAYEE.address, REGULAR.address) == (
            f"{first} 41",
            f"{first} 42",
        )
        assert await bundles.signed_by(PAYER.address, REGULAR.address) == ()
        assert len(await bundles.signed_by(PAYEE.address, PAYEE.address)) == 1
