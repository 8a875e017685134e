"""Claims over HTTP in the forms of others, without a key, to a daemon that runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.claims.formats.test_mpp import CHALLENGE, header
from tests.interfaces.test_http import client_of, wire
from tests.tower.conftest import XRP, Stage
from watchtower.judgement.claim import Claim
from watchtower.units import ChannelId

MPP = {"format": "mpp"}


def voucher(claim: Claim) -> dict[str, Any]:
    """The credential of a claim, as the sdk's server holds it."""
    payload = {
        "action": "voucher",
        "channelId": claim.channel,
        "amount": str(claim.amount),
        "signature": claim.signature,
    }
    return {"challenge": CHALLENGE, "payload": payload}


def record(claim: Claim) -> dict[str, Any]:
    """What the sdk's server keeps of it."""
    value = {"cumulative": str(claim.amount), "signature": claim.signature, "timestamp": 1}
    return {"key": f"xrpl:mainnet:channel:{claim.channel}", "value": value}


async def test_vouchers_are_kept_served_and_redeemed_as_the_sdk_holds_them(stage: Stage) -> None:
    """A header, a credential and a record in one request, each with its answer."""
    channel = await stage.channel()
    claims = [stage.claim(channel, xrp * XRP) for xrp in (10, 20, 30)]
    documents = [header(voucher(claims[0])), voucher(claims[1]), record(claims[2])]
    async with stage.tower(), client_of(stage) as client:
        told = (await client.post("/v1/claims", params=MPP, json=documents)).json()
        assert [(one["kept"], one["serve"]) for one in told] == [(True, True)] * 3
        alone = await client.post("/v1/claims", params=MPP, json=header(voucher(claims[2])))
        assert alone.json()["why_not_kept"] == "not_above_best"
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)


async def test_what_is_no_document_is_answered_beside_those_that_are(stage: Stage) -> None:
    """One by one: the honest one behind it is kept."""
    channel = await stage.channel()
    async with stage.tower(), client_of(stage) as client:
        documents = ["Bearer abc", {}, voucher(stage.claim(channel, 9))]
        told = await client.post("/v1/claims", params=MPP, json=documents)
        assert [one.get("why_not_kept") for one in told.json()] == ["malformed", "malformed", None]


async def test_checking_takes_every_form_and_keeps_nothing(stage: Stage) -> None:
    """As in our own."""
    channel = await stage.channel()
    async with stage.tower(), client_of(stage) as client:
        document = voucher(stage.claim(channel, 9))
        told = await client.post("/v1/claims/check", params=MPP, json=document)
        assert told.json()["kept"] is True
        assert (await client.get(f"/v1/channels/{channel}")).json()["best_claim"] is None


async def test_a_claim_without_a_key_is_kept_if_its_channel_is_known(stage: Stage) -> None:
    """Left out, or null; of a channel that the ledger has not, the word is final."""
    channel = await stage.channel()
    first, second = (wire(stage.claim(channel, drops)) for drops in (5, 6))
    del first["public_key"]
    second["public_key"] = None
    async with stage.tower(), client_of(stage) as client:
        for claim in (first, second):
            assert (await client.post("/v1/claims", json=claim)).json()["kept"] is True
        strange = {**second, "channel": ChannelId("AB" * 32)}
        told = await client.post("/v1/claims", json=strange)
        assert told.json()["why_not_kept"] == "unknown_channel"


@pytest.mark.parametrize(
    ("params", "body", "status", "word"),
    [
        ({"format": "csv"}, b"{}", 400, "malformed"),
        ({"format": ""}, b"{}", 400, "malformed"),
        (MPP, b"", 400, "malformed"),
        (MPP, b"5", 400, "malformed"),
        (MPP, b"[5]", 400, "malformed"),
        (MPP, b"[null]", 400, "malformed"),
        (MPP, b"{", 400, "malformed"),
        (MPP, b"[" * 100_000, 400, "malformed"),
        (MPP, json.dumps([{}] * 1_001).encode(), 413, "too_large"),
        (MPP, b'"' + b"x" * (1 << 20) + b'"', 413, "too_large"),
    ],
)
async def test_what_is_in_no_form_is_a_problem(
    stage: Stage, params: dict[str, str], body: bytes, status: int, word: str
) -> None:
    """Nothing of the request was taken, and the daemon goes on."""
    async with stage.tower(), client_of(stage) as client:
        told = await client.post(
            "/v1/claims", params=params, content=body, headers={"content-type": "application/json"}
        )
        assert (told.status_code, told.json()["type"]) == (status, word)
        assert (await client.get("/healthz")).status_code == 200
