"""``watchtower doctor`` as people and scripts run it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from watchtower.keys.vault import Vault
from watchtower.sandbox.people import Person
from watchtower.store.database import Store
from watchtower.units import Address

KEY = Person.named("a regular key of the doctor's")


@pytest.mark.usefixtures("home")
def test_without_a_configuration_it_says_how_to_begin(run: Run) -> None:
    """One finding, and the exit code for scripts."""
    ended = run("doctor", "--json")

    found, summary = ended.json()
    assert ended.code == 98
    assert (found["check"], found["level"]) == ("config.loads", "failure")
    assert found["mend"] == "watchtower init --help"
    assert summary == {"well": False, "ok": 0, "notice": 0, "warning": 0, "failure": 1}


def test_an_unknown_key_is_a_finding_with_its_name(run: Run, ready: Path) -> None:
    """In the words of the settings."""
    with (ready / "watchtower.toml").open("a") as config:
        config.write("colour = 1\n")
    (found, _) = run("doctor", "--json").json()

    assert "colour" in found["sentence"]
    assert found["mend"] is None


@pytest.mark.usefixtures("ready")
def test_what_is_wrong_is_told_in_groups_with_words_and_what_mends_it(run: Run) -> None:
    """Text for people, and one sentence on standard error."""
    ended = run("doctor", "--offline")

    assert ended.code == 98
    assert ended.err.startswith("Not well: authority.right. ")
    lines = ended.out.splitlines()
    assert "authority" in lines
    assert any(re.match(r"  ✗ failure Nothing can sign for r", line) for line in lines)
    assert any(line.strip().startswith("watchtower key import") for line in lines)
    assert "\x1b[" not in ended.out


@pytest.mark.usefixtures("ready")
def test_only_tells_of_what_is_named_and_ends_by_it(run: Run) -> None:
    """A group, or a check; and none that there is not."""
    ended = run("doctor", "--offline", "--only", "store", "--only", "files.config", "--json")

    told = ended.json()[:-1]
    assert ended.code == 0
    assert {one["check"].partition(".")[0] for one in told} == {"store", "files"}
    assert [one["check"] for one in told if one["check"].startswith("files")] == ["files.config"]
    assert run("doctor", "--only", "nothing").code == 2


@pytest.mark.usefixtures("ready")
def test_strict_takes_warnings_for_failures(run: Run) -> None:
    """For who wants to hear of everything that should be mended."""
    words = ("doctor", "--offline", "--only", "alerts")

    assert run(*words).code == 0
    assert run(*words, "--strict").code == 98


def test_offline_it_goes_by_how_the_daemon_last_saw_the_account(run: Run, ready: Path) -> None:
    """A key that the ledger took then is said to be taken, and as of when."""
    payee = Address(
        run("doctor", "--offline", "--json", "--only", "authority").json()[0]["subject"]
    )

    async def saw() -> None:
        async with await Store.open(ready / "watchtower.db", "correct horse") as store:
            await Vault(store).import_seed(payee, KEY.seed, regular_key=True)
            async with store.write() as work:
                note: dict[str, object] = {
                    "entry": [0, KEY.address],
                    "signers": None,
                    "signers_known": True,
                    "delegates": {},
                }
                await work.notes.put(f"account {payee}", note)

    asyncio.run(saw())
    ended = run("doctor", "--offline", "--json", "--only", "authority.right")

    assert ended.code == 0
    assert "as the daemon last saw it" in ended.json()[0]["sentence"]


def test_a_signers_configuration_is_not_the_daemons(run: Run, home: Path) -> None:
    """Who asks with it is told which one to take."""
    (home / "watchtower.toml").write_text('[signer]\nsocket = "there"\n')
    (found, _) = run("doctor", "--json").json()

    assert "it is a signer's; point WATCHTOWER_CONFIG at the daemon's" in found["sentence"]
