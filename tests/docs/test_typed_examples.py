"""Requests that documents show are made, at a daemon that runs; settings they show can be used.

Where an example has ``…`` the test puts what a reader would: a real claim, a token, a password.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.client.towers import listen, until_ready
from tests.docs.test_documents import DOCUMENTS, ROOT, relative_name
from tests.docs.test_formats import DOCS
from tests.interfaces.certificates import Authority
from tests.interfaces.mqtt.broker import PASSWORDS, Broker
from tests.interfaces.test_access import token
from tests.interfaces.test_tls import client_of, port_of
from tests.interfaces.test_tls import stage as stage_with_tls
from tests.tower.conftest import Stage, stage_on
from watchtower.access.token import Scope
from watchtower.cli import root
from watchtower.client import TowerClient
from watchtower.settings import load
from watchtower.units import ChannelId

__all__ = ["stage_with_tls"]

CLAIM = re.compile(r'\{"channel": "[^{}]*\}')
PAYEE = "rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD"
OWN = "rGsoE6dVJeQBJ8cw3aS47EVMFi6LHB6Huz"
OTHER = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"
RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kdy2k7c5qshcd9c"
KEY = "ED9434799226374926EDA3B54B1B461B4ABF7237962EAE18528FEA67595397FA32"


def typed(document: str, program: str) -> list[str]:
    """The examples of a document that begin with a program, in order."""
    text = (DOCS / document).read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for block in blocks if block.startswith(f"{program} ")]


def claimed(stage: Stage, channel: ChannelId, example: str) -> dict[str, Any]:
    """A real claim, in the very fields that an example shows."""
    claim = stage.claim(channel, 1_500_000)
    real = {
        "channel": claim.channel,
        "amount": str(claim.amount),
        "signature": claim.signature,
        "public_key": claim.public_key,
    }
    return {name: real[name] for name in json.loads(example)}


async def run(command: str, folder: Path) -> Any:
    """Type a command, and return the JSON that it prints."""
    made = await asyncio.create_subprocess_exec(
        *("sh", "-c", command),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, trouble = await made.communicate()
    assert made.returncode == 0, (command, said, trouble)
    return json.loads(said)


async def test_the_request_at_a_socket_is_answered_kept_and_serve(tmp_path: Path) -> None:
    """With curl, and the very fields that are shown."""
    example, _ = typed("http.md", "curl")
    (shown,) = CLAIM.findall(example)
    async with stage_on(tmp_path) as stage:
        listen(stage, tmp_path)
        channel = await stage.channel()
        async with stage.tower():
            async with TowerClient(stage.settings.http.listen) as tower:
                await until_ready(stage, tower)
            real = json.dumps(claimed(stage, channel, shown))
            told = await run(example.replace(shown, real), tmp_path)
    assert (told["kept"], told["serve"], told["best"]) == (True, True, "1500000")


async def test_the_request_from_elsewhere_is_answered_to_who_shows_a_token(
    stage_with_tls: Stage, authority: Authority, tmp_path: Path
) -> None:
    """By the tower's name, over TLS; only where it is, and whom to trust, is added."""
    stage = stage_with_tls
    _, example = typed("http.md", "curl")
    channel = await stage.channel()
    shown = await token(stage, "publisher", [Scope.SUBMIT])
    fields = '{"channel": "", "amount": "", "signature": "", "public_key": ""}'
    (tmp_path / "claim.json").write_text(json.dumps(claimed(stage, channel, fields)), "utf-8")
    here = f"--cacert '{authority.path}' --connect-to tower.example:8412:127.0.0.1:{port_of(stage)}"
    command = example.replace("curl ", f"curl --silent {here} ").replace("xwt_…", shown)
    async with stage.tower(), client_of(stage, authority.trust()):
        told = await run(command, tmp_path)
        refused = await run(command.replace(shown, f"{shown[:-1]}!"), tmp_path)
    assert (told["kept"], told["serve"]) == (True, True)
    assert refused["type"] == "token_invalid"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Whom clients trust."""
    return Authority(tmp_path)


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """A broker that runs."""
    made = Broker(tmp_path / "broker")
    await made.set_up()
    await made.start()
    yield made
    await made.end()


async def test_the_request_by_a_broker_is_answered_where_it_asks(
    broker: Broker, tmp_path: Path
) -> None:
    """With Mosquitto's own client."""
    (example,) = typed("mqtt.md", "mosquitto_rr")
    (shown,) = CLAIM.findall(example)
    async with stage_on(tmp_path) as stage:
        stage.with_settings(mqtt=broker.settings())
        channel = await stage.channel()
        async with stage.tower():
            await broker.until_here()
            command = example.replace(shown, json.dumps(claimed(stage, channel, shown)))
            command = command.replace("-P …", f"-P '{PASSWORDS['shop']}'")
            command = command.replace("mosquitto_rr", f"mosquitto_rr -W 60 -p {broker.port}")
            told = await run(command, tmp_path)
    assert (told["kept"], told["best"]) == (True, "1500000")


async def test_the_stream_that_is_shown_tells_what_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It follows close requests, and the first that comes is told."""
    text = (DOCS / "stream.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    imports, _, rest = example.partition("\n\n")
    rest = re.sub(r"^ +\.\.\.$", "        yield message", rest, flags=re.MULTILINE)
    source = f"{imports}\n\nasync def heard():\n{textwrap.indent(rest, '    ')}"
    within: dict[str, Any] = {}
    exec(compile(source, "docs/stream.md", "exec"), within)  # noqa: S102 - our own document
    async with stage_on(tmp_path) as stage:
        listen(stage, tmp_path)
        monkeypatch.chdir(tmp_path)
        channel = await stage.channel()
        async with stage.tower():
            async with TowerClient(stage.settings.http.listen) as tower:
                await until_ready(stage, tower)
            messages = within["heard"]()
            assert json.loads(await anext(messages)) == {"id": 1, "following": True}
            await stage.close_request(channel)
            told = json.loads(await anext(messages))["event"]
            assert (told["kind"], told["channel"]) == ("close_requested", channel)
            await messages.aclose()


def test_completion_is_put_where_shells_look_in_a_home_that_has_no_folder_for_it(
    tmp_path: Path,
) -> None:
    """As it stands on the page: what each command writes is what it prints."""
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```sh\n(.+?completion bash.+?)^```$", text, re.MULTILINE | re.DOTALL)
    programs = Path(sys.executable).parent
    path = f"{programs}:{os.defpath}"
    environment = {"HOME": str(tmp_path), "PATH": path, "PYTHONPATH": str(ROOT)}
    subprocess.run(["sh", "-ec", example], cwd="/", env=environment, check=True)
    for shell, place in (
        ("bash", ".local/share/bash-completion/completions/watchtower"),
        ("zsh", ".zfunc/_watchtower"),
        ("fish", ".config/fish/completions/watchtower.fish"),
    ):
        printed = CliRunner().invoke(root, ["completion", shell]).stdout
        assert (tmp_path / place).read_text(encoding="utf-8") == printed


def settings_in(document: Path) -> list[str]:
    """The settings of the daemon that a document shows, block by block."""
    text = document.read_text(encoding="utf-8")
    return re.findall(r"^ *```toml\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("document", "shown"),
    [(document, shown) for document in DOCUMENTS for shown in settings_in(document)],
    ids=lambda value: relative_name(value) if isinstance(value, Path) else "",
)
def test_settings_that_are_shown_can_be_used(document: Path, shown: str, tmp_path: Path) -> None:
    """Each block by itself, in a configuration that is otherwise the least there is."""
    assert (ROOT / relative_name(document)).is_file()
    for placeholder, real in (
        (r'"r(Payee|YourAccount)…"', f'"{PAYEE}"'),
        (r'"r\w*…"', f'"{OTHER}"'),
        ("age1…", RECIPIENT),
        (r'"(0330|ED94)…"', f'"{KEY}"'),
    ):
        shown = re.sub(placeholder, real, shown)
    least = f'accounts = ["{PAYEE}"]\nservers = ["wss://one.example", "wss://two.example"]\n'
    # What the text around a block of co-signers says of the tower itself, and of the broker.
    if "cosigners" in shown and "[authority]\n" not in shown:
        shown += f'[authority]\nsigner = "{OWN}"\n'
    if "topic =" in shown and "[mqtt]\n" not in shown:
        shown += '[mqtt]\nbroker = "mqtts://broker.example:8883"\n'
    path = tmp_path / "watchtower.toml"
    path.write_text(least + shown, encoding="utf-8")
    load(path, {})
