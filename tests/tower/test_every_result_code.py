"""Every engine result that a submission can meet: none of them ends an obligation."""

from __future__ import annotations

import pytest

from tests.tower.conftest import XRP, Stage

CODES = (
    # provisional
    ("tesSUCCESS", "terQUEUED", "tecNO_PERMISSION", "tecEXPIRED", "tecINSUFF_FEE"),
    # a gap before it, or its seat is used
    ("terPRE_SEQ", "terPRE_TICKET", "tefPAST_SEQ", "tefNO_TICKET", "tefALREADY", "tefMAX_LEDGER"),
    # local to one server
    (
        "telINSUF_FEE_P",
        "telCAN_NOT_QUEUE",
        "telCAN_NOT_QUEUE_FULL",
        "telCAN_NOT_QUEUE_FEE",
        "telCAN_NOT_QUEUE_BALANCE",
        "telCAN_NOT_QUEUE_BLOCKS",
        "telCAN_NOT_QUEUE_BLOCKED",
        "telLOCAL_ERROR",
    ),
    # a key, the account or the form
    ("tefBAD_AUTH", "tefMASTER_DISABLED", "tefBAD_QUORUM", "terNO_ACCOUNT", "temBAD_SIGNATURE"),
    ("terNO_DELEGATE_PERMISSION", "tecNO_DELEGATE_PERMISSION"),
    # none that we have heard of, and none at all
    ("tefNEW_IN_A_LATER_RELEASE", "xyzzy", None),
)

MANY = 1_000


def answer(stage: Stage, code: str | None, *, apply: bool = False) -> None:
    """Let submissions be answered with ``code`` from now on."""
    stage.sandbox.misbehave(submissions={"count": MANY, "answer": code, "apply": apply})


async def answered(stage: Stage) -> bool:
    """Whether two were, by now."""
    lie = stage.sandbox.misbehave().submissions
    return lie is not None and lie.count <= MANY - 2


@pytest.mark.parametrize("codes", CODES, ids=lambda codes: str(codes[0]))
async def test_claim_is_paid_whatever_was_answered_to_its_submissions(
    stage: Stage, codes: tuple[str | None, ...]
) -> None:
    """Each code is the answer to two submissions or more, none of them applied; then the truth.

    A code that settled the obligation would leave it unpaid.
    """
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.until_told(channel, "judged")
        await stage.close_request_and_then(channel, lambda: answer(stage, codes[0]))
        for code in codes[1:]:
            await stage.until(lambda: answered(stage))
            answer(stage, code)
        await stage.until(lambda: answered(stage))
        assert await stage.balance(channel) == 0
        stage.sandbox.misbehave(behave=True)
        await stage.until_paid(channel, 30 * XRP)


async def test_claim_that_was_applied_and_denied_is_paid_once(stage: Stage) -> None:
    """A server that takes a claim and says that it did not costs at most another fee."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    before = await stage.money()
    async with stage.tower():
        await stage.until_told(channel, "judged")
        await stage.close_request_and_then(
            channel, lambda: answer(stage, "temMALFORMED", apply=True)
        )
        await stage.until_paid(channel, 30 * XRP)
        await stage.until_told(channel, "attempt_settled")
    assert before + 30 * XRP - 100 <= await stage.money() < before + 30 * XRP
