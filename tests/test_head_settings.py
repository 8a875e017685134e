"""Where heads are kept: what is unsafe, or could not mean what it says, is refused at the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from watchtower.head_settings import HeadSettings, HeadTowerSettings

TOWER = {"url": "https://two.example:8412", "token_file": "t", "ca_file": "ca.pem"}
LOCAL = {"url": "http://127.0.0.1:8412", "token_file": "t"}


def why(*towers: dict[str, Any]) -> str | None:
    """Why a tower cannot keep our head."""
    settings = HeadSettings(towers=tuple(HeadTowerSettings(**one) for one in towers))
    return settings.why_unusable("/var/lib/w.db", has_broker=False)


@pytest.mark.parametrize(
    "tower",
    [
        TOWER,
        {**TOWER, "certificate_file": "c.pem", "key_file": "c.key"},
        LOCAL,
        {**LOCAL, "url": "http://[::1]:8412"},
    ],
)
def test_a_tower_over_tls_or_on_this_machine_keeps_heads(tower: dict[str, Any]) -> None:
    """With a token, and with a certificate where that is wanted."""
    assert why(tower) is None


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "plain": ({**TOWER, "url": "http://two.example:8412"}, "for this machine alone"),
    "plain and signed": ({**LOCAL, "ca_file": "ca.pem"}, "for this machine alone"),
    "no scheme": ({**TOWER, "url": "two.example"}, "needs"),
    "another scheme": ({**TOWER, "url": "wss://two.example"}, "needs"),
    "a password": ({**TOWER, "url": "https://a:b@two.example"}, "needs"),
    "a path": ({**TOWER, "url": "https://two.example/heads"}, "needs"),
    "no port": ({**TOWER, "url": "https://two.example:port"}, "needs"),
    "no token": ({**TOWER, "token_file": ""}, "token_file"),
    "anybody's certificate": ({**TOWER, "ca_file": ""}, "ca_file"),
    "no key": ({**TOWER, "certificate_file": "c.pem"}, "go together"),
}


@pytest.mark.parametrize("how", REFUSED)
def test_what_would_show_our_token_to_others_or_cannot_be_meant_is_refused(how: str) -> None:
    """With what is missing."""
    tower, word = REFUSED[how]
    assert word in (why(tower) or "")


def test_one_tower_is_named_once() -> None:
    """Two of one name would be one place, each with half of what is known of it."""
    assert "twice" in (why(TOWER, TOWER) or "")


def test_files_are_those_beside_the_configuration() -> None:
    """Wherever the command is run, and a slash at the end names no other tower."""
    tower = HeadTowerSettings(**{**TOWER, "url": "https://two.example/"})
    (there,) = HeadSettings(towers=(tower,)).within(Path("/etc/w")).towers
    assert (there.url, there.token_file, there.ca_file, there.key_file) == (
        "https://two.example",
        "/etc/w/t",
        "/etc/w/ca.pem",
        "",
    )
