"""The sandbox is held to what a real server said, scenario by scenario, over a real socket."""

from __future__ import annotations

import pytest

from tests.conformance.closing import closed_by_destination_with_stale_claim
from tests.conformance.play import RECORDINGS, main, play
from tests.conformance.scenarios import SCENARIOS, Scenario
from tests.conformance.stage import Stage
from watchtower.sandbox.server import Clock, Sandbox

SHORT = "closed_by_destination_with_stale_claim"
MESSAGES_OF_SHORT = 18

OF_REAL_TIME = frozenset({"public_server_pushes_back"})


@pytest.mark.parametrize("name", sorted(SCENARIOS))
async def test_sandbox_says_what_the_real_server_said(name: str) -> None:
    """Not one message differs in anything that a client could rely on."""
    messages, differences = await play(name, SCENARIOS[name])
    assert differences == []
    assert messages > 10


def test_every_recording_has_its_scenario() -> None:
    """But the one that depends on real time."""
    recorded = {path.stem for path in RECORDINGS.glob("*.jsonl")}
    assert recorded == SCENARIOS.keys() | OF_REAL_TIME


async def test_scenario_that_breaks_off_differs_by_all_that_is_missing() -> None:
    """An answer without what the scenario needs from it is a difference, and no traceback."""

    async def begins_and_breaks_off(stage: Stage) -> None:
        await stage.people()
        await stage.client("server_info")
        (await stage.client("no_such_command"))["result"]

    messages, differences = await play(SHORT, Scenario(play=begins_and_breaks_off))
    assert messages == MESSAGES_OF_SHORT
    assert len(differences) == MESSAGES_OF_SHORT - 2
    assert any("KeyError" in place for found in differences for place in found.places)


async def test_server_that_hangs_up_breaks_the_scenario_off() -> None:
    """Nobody waits for an answer on a connection that is gone."""
    async with Sandbox(clock=Clock.FROZEN, port=0) as sandbox:

        async def is_cut(stage: Stage) -> None:
            sandbox.cut()
            await closed_by_destination_with_stale_claim(stage)

        messages, differences = await play(SHORT, Scenario(play=is_cut), sandbox.url)
    assert len(differences) == messages == MESSAGES_OF_SHORT


async def test_any_server_can_be_held_to_the_recordings() -> None:
    """Over its URL, as ``--url`` does."""
    async with Sandbox(clock=Clock.FROZEN, port=0) as sandbox:
        first = await play(SHORT, SCENARIOS[SHORT], sandbox.url)
        assert first == (MESSAGES_OF_SHORT, [])
        _, again = await play(SHORT, SCENARIOS[SHORT], sandbox.url)
    assert again, "a ledger that is not fresh was told from a fresh one"


def test_ledger_is_made_fresh_before_each_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    """A command that cannot do so ends the run with a sentence."""
    assert main(["--url", "ws://127.0.0.1:1", "--restart", "exit 3", SHORT]) == 2
    assert "exit code 3" in capsys.readouterr().err


def test_server_out_of_reach_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """Port 1 is nobody's."""
    assert main(["--url", "ws://127.0.0.1:1", SHORT]) == 2
    assert "no server answers at ws://127.0.0.1:1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no_such_thing"], "there is no scenario no_such_thing; there are lifecycle_secp256k1"),
        (["--restart", "true", SHORT], "--restart is for the server at --url"),
        (["--url", "ws://127.0.0.1:1"], "several scenarios need --restart"),
    ],
)
def test_wrong_call_is_a_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And exit code 2."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


def test_sum_is_the_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    """What a script reads, after a line for each scenario."""
    assert main([SHORT]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{SHORT}: {MESSAGES_OF_SHORT} messages, 0 different",
        f"{MESSAGES_OF_SHORT} same, 0 different",
    ]


def test_any_difference_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that no recording has, and its answer."""

    async def with_a_request_too_many(stage: Stage) -> None:
        await closed_by_destination_with_stale_claim(stage)
        await stage.client("fee")

    monkeypatch.setitem(SCENARIOS, SHORT, Scenario(play=with_a_request_too_many))
    assert main([SHORT]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == f"{MESSAGES_OF_SHORT} same, 2 different"
