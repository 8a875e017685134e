"""Who signs with us: what is unsafe, or could not mean what it says, is refused at the start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from watchtower.errors import AddressError, ConfigError
from watchtower.settings import Settings, load

PAYEE = "rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD"
OURS = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"
OTHER = "rG31cLyErnqeVj2eomEjBZtq7PYaupGYzL"
KEY = "ED" + "AB" * 32
FILES = {
    "ca_file": "ca.pem",
    "certificate_file": "a.pem",
    "key_file": "a.key",
    "token_file": "a.token",
}
TOWER: dict[str, Any] = {
    "account": OTHER,
    "public_key": KEY,
    "url": "https://two.example:8412",
    **FILES,
}
PERSON: dict[str, Any] = {"account": OTHER, "public_key": KEY, "url": "person"}
LETTERS: dict[str, Any] = {
    "account": OTHER,
    "public_key": KEY,
    "topic": "watchtower/cosign/two",
    "identity": KEY,
}
BROKER = {"broker": "mqtts://broker.example"}
OPEN = {
    "listen": "0.0.0.0:8412",
    "names": ["one.example"],
    "certificate": "own.pem",
    "certificate_key": "own.key",
}


def loaded(folder: Path, **more: Any) -> Settings:
    """The settings of a file that says so much about signing together."""
    path = folder / "watchtower.toml"
    settings = {"accounts": [PAYEE], "servers": ["wss://one.example"], **more}
    path.write_text("\n".join(f"{name} = {written(value)}" for name, value in settings.items()))
    return load(path, {})


def written(value: Any) -> str:
    """A value as TOML has it, with inline tables."""
    if isinstance(value, dict):
        inside = ", ".join(f"{name} = {written(one)}" for name, one in value.items())
        return f"{{{inside}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    return json.dumps(value)


def test_what_a_payee_with_two_co_signers_needs_is_taken(tmp_path: Path) -> None:
    """Paths are relative to the file."""
    person = {**PERSON, "account": "rrrrrrrrrrrrrrrrrrrrBZbvji"}
    found = loaded(
        tmp_path,
        authority={"signer": OURS, "cosign": True, "cosigners": [TOWER, person]},
        http={**OPEN, "client_authority": "ca.pem"},
    ).authority
    tower, somebody = found.cosigners
    assert tower.key_file == str(tmp_path / "a.key")
    assert (tower.is_person, somebody.is_person) == (False, True)
    local = {"account": OTHER, "public_key": KEY, "url": "http://127.0.0.1:1", "token_file": "t"}
    assert loaded(tmp_path, authority={"signer": OURS, "cosigners": [local]}).authority.cosigners


@pytest.mark.parametrize(
    ("authority", "http", "why"),
    [
        ({"cosigners": [TOWER]}, {}, "`authority.signer` is missing"),
        ({"cosign": True}, {}, "`authority.signer` is missing"),
        ({"signer": PAYEE}, {}, "is a guarded account"),
        ({"signer": OURS, "cosigners": [{**TOWER, "account": OURS}]}, {}, "named twice"),
        ({"signer": OURS, "cosigners": [TOWER, PERSON]}, {}, "named twice"),
        ({"signer": OURS, "cosigners": [{**TOWER, "public_key": "AB"}]}, {}, "`public_key`"),
        ({"signer": OURS, "cosigners": [{**TOWER, "url": "two.example"}]}, {}, "needs"),
        ({"signer": OURS, "cosigners": [{**TOWER, "url": "https://a@b"}]}, {}, "needs"),
        (
            {"signer": OURS, "cosigners": [{**TOWER, "url": "http://two.example"}]},
            {},
            "for this machine alone",
        ),
        ({"signer": OURS, "cosigners": [{**TOWER, "key_file": ""}]}, {}, "lacks `key_file`"),
        ({"signer": OURS, "cosigners": [{**PERSON, "ca_file": "x"}]}, {}, "has no `ca_file`"),
        ({"signer": OURS, "cosign": True}, {}, "needs `http.listen` or `mqtt.broker`"),
        ({"signer": OURS, "cosigners": [LETTERS]}, {}, "needs `mqtt.broker`"),
        ({"signer": OURS, "cosigners": [{**LETTERS, "identity": ""}]}, {}, "lacks `identity`"),
        ({"signer": OURS, "cosigners": [{**LETTERS, "identity": "02AB"}]}, {}, "begins with ED"),
        ({"signer": OURS, "cosigners": [{**LETTERS, "topic": "a/#"}]}, {}, "`topic` with more"),
        ({"signer": OURS, "cosigners": [{**TOWER, "topic": "a/b"}]}, {}, "at one of them"),
        ({"signer": OURS, "cosigners": [{**LETTERS, "ca_file": "x"}]}, {}, "no `ca_file` is shown"),
        ({"signer": OURS, "cosigners": [{**PERSON, "identity": KEY}]}, {}, "has no `identity`"),
        ({"signer": OURS, "cosign": True}, OPEN, "needs `http.client_authority`"),
    ],
)
def test_what_is_unsafe_or_incomplete_is_refused_in_a_sentence(
    tmp_path: Path, authority: dict[str, Any], http: dict[str, Any], why: str
) -> None:
    """Before anything is opened or sent."""
    with pytest.raises(ConfigError, match=why):
        loaded(tmp_path, authority=authority, http=http)


def test_who_is_asked_at_a_topic_needs_no_file_and_may_ask_there(tmp_path: Path) -> None:
    """A tower whose co-signers are all at the broker need not listen anywhere."""
    authority = {"signer": OURS, "cosign": True, "cosigners": [LETTERS]}
    found = loaded(tmp_path, authority=authority, mqtt=BROKER).authority
    assert found.askers == {KEY}
    both = {**TOWER, "identity": KEY}
    assert loaded(tmp_path, authority={"signer": OURS, "cosigners": [both]}).authority.askers


def test_a_tower_that_anybody_may_reach_is_not_asked_there_without_a_certificate(
    tmp_path: Path,
) -> None:
    """Also where it is asked by the broker: its door for claims is none for signatures."""
    authority = {"signer": OURS, "cosign": True, "cosigners": [LETTERS]}
    found = loaded(tmp_path, authority=authority, mqtt=BROKER, http=OPEN)
    assert not found.authority.is_asked_over_http(found.http)
    nobody = {**authority, "cosigners": []}
    with pytest.raises(ConfigError, match="with an `identity`"):
        loaded(tmp_path, authority=nobody, mqtt=BROKER)


@pytest.mark.parametrize(
    "authority", [{"signer": "rX"}, {"signer": OURS, "cosigners": [{**TOWER, "account": "rX"}]}]
)
def test_an_account_has_to_be_one(tmp_path: Path, authority: dict[str, Any]) -> None:
    """As everywhere."""
    with pytest.raises(AddressError):
        loaded(tmp_path, authority=authority)
