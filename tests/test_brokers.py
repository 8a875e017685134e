"""Addresses of brokers, and the settings that go with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_settings import written
from watchtower.brokers import broker_of
from watchtower.errors import ConfigError
from watchtower.settings import load


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("mqtt://127.0.0.1", "mqtt://127.0.0.1:1883"),
        ("mqtts://broker.example", "mqtts://broker.example:8883"),
        ("mqtts://[::1]:1/", "mqtts://[::1]:1"),
    ],
)
def test_an_address_has_one_spelling(text: str, spelled: str) -> None:
    """With its port, which has a usual value."""
    assert broker_of(text).text == spelled
    assert broker_of(spelled) == broker_of(text)


@pytest.mark.parametrize(
    "setting",
    [
        'broker = "broker.example"',
        'broker = "http://broker.example"',
        'broker = "mqtts://"',
        'broker = "mqtts://broker.example:0"',
        'broker = "mqtts://broker.example:65536"',
        'broker = "mqtts://broker.example/topic"',
        'broker = "mqtt://10.0.0.1"',
        'broker = "mqtt://127.0.0.1"\nclient = "a/b"',
        'broker = "mqtt://127.0.0.1"\nclient = ""',
        'broker = "mqtt://127.0.0.1"\ngroup = "a+"',
        'broker = "mqtt://127.0.0.1"\ntopic_prefix = "$SYS"',
        'broker = "mqtt://127.0.0.1"\ntopic_prefix = "a//b"',
        'broker = "mqtt://127.0.0.1"\nca_file = "ca.pem"',
        'broker = "mqtts://broker.example"\nkey_file = "tower.key"',
        'password = "x"',
    ],
)
def test_what_is_unsafe_or_no_broker_is_refused(tmp_path: Path, setting: str) -> None:
    """Before anything is opened or sent."""
    with pytest.raises(ConfigError, match=r"mqtt|`password`|encrypted"):
        load(written(tmp_path, f"[mqtt]\n{setting}\n"), {})


def test_a_password_in_the_address_is_refused_and_not_repeated(tmp_path: Path) -> None:
    """An error is shown, and logged, and pasted into reports."""
    broker = "mqtts://tower:secret@broker.example"
    with pytest.raises(ConfigError) as refused:
        load(written(tmp_path, f'[mqtt]\nbroker = "{broker}"\n'), {})
    assert "secret" not in str(refused.value)


def test_files_are_relative_to_the_configuration(tmp_path: Path) -> None:
    """Wherever the command is run from; and who wants plain text elsewhere says so."""
    text = '[mqtt]\nbroker = "mqtt://10.0.0.1"\nallow_plaintext = true\npassword_file = "p"\n'
    assert load(written(tmp_path, text), {}).mqtt.password_file == str(tmp_path / "p")
