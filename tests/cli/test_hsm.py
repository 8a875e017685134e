"""``watchtower hsm``, as an operator uses it, with a real token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.conftest import PAYEE, Run
from tests.softhsm import PIN, TOKEN, SoftHsm, softhsm_in


@pytest.fixture
def softhsm(tmp_path: Path, ready: Path) -> Iterator[SoftHsm]:
    """Give a token that the configuration names."""
    with softhsm_in(tmp_path / "hsm") as made:
        _configure(ready, made)
        yield made


def _configure(home: Path, softhsm: SoftHsm, *keys: dict[str, Any]) -> None:
    config = home / "watchtower.toml"
    before = config.read_text().partition("[hsm]")[0]
    lines = [
        f"{name} = {msgspec.json.encode(v).decode()}" for name, v in softhsm.settings().items()
    ]
    for key in keys:
        lines += [
            "[[hsm.keys]]",
            *(f"{n} = {msgspec.json.encode(v).decode()}" for n, v in key.items()),
        ]
    config.write_text("\n".join([before, "[hsm]", *lines, ""]))


def test_a_key_is_made_listed_configured_and_checked(
    run: Run, softhsm: SoftHsm, home: Path
) -> None:
    """Each command says what the next one needs; the PIN is in no answer."""
    [made] = run("hsm", "create", "--label", "redeem", "--json").json()
    assert made["algorithm"] == "secp256k1"
    assert made["never_leaves"] is True
    told = run("hsm", "create", "--label", "other", "--algorithm", "ed25519")
    assert "SetRegularKey" in told.out
    assert 'label = "other"' in told.out
    _configure(home, softhsm, {"account": PAYEE, "label": "redeem", "regular_key": True})
    listed = {key["label"]: key for key in run("hsm", "list", "--json").json()}
    assert listed["redeem"]["accounts"] == [PAYEE]
    assert listed["redeem"]["public_key"] == made["public_key"]
    assert listed["other"]["accounts"] == []
    checked = run("hsm", "check")
    assert (checked.code, checked.out) == (
        0,
        f"{PAYEE}: the key redeem signs, and its signature is good.\n",
    )
    [key] = run("key", "list", "--json").json()
    assert key == {
        "account": PAYEE,
        "algorithm": "secp256k1",
        "public_key": made["public_key"],
        "is_regular_key": True,
        "where": "hsm",
        "standing": "signs",
        "path": None,
    }
    assert PIN not in told.out + checked.out + checked.err


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        ("away", (80, "is not there")),
        ("pin", (81, "the PIN is wrong")),
        ("mechanism", (82, "it has no CKM_ECDSA")),
        ("label", (83, "there is none")),
        ("foreign", (84, f"and not to {PAYEE}")),
    ],
)
def test_each_trouble_is_one_sentence_with_its_code(
    run: Run, softhsm: SoftHsm, home: Path, trouble: str, expected: tuple[int, str]
) -> None:
    """And none of them shows the PIN."""
    code, sentence = expected
    assert run("hsm", "create", "--label", "redeem").code == 0
    key = {"account": PAYEE, "label": "redeem", "regular_key": True}
    if trouble == "away":
        softhsm.take_away()
    if trouble == "pin":
        softhsm.give_pin("wrong-pin")
    if trouble == "mechanism":
        softhsm.without("CKM_ECDSA")
    changes: dict[str, dict[str, Any]] = {
        "label": {"label": "none"},
        "foreign": {"regular_key": False},
    }
    _configure(home, softhsm, {**key, **changes.get(trouble, {})})
    ended = run("hsm", "check")
    assert ended.code == code
    assert sentence in ended.err
    assert ended.err.count("\n") == 1
    assert "wrong-pin" not in ended.out + ended.err


def test_a_label_that_is_taken_is_left_as_it_is(run: Run, softhsm: SoftHsm) -> None:
    """A key that guards money is never made anew under its label."""
    assert softhsm.module
    [made] = run("hsm", "create", "--label", "redeem", "--json").json()
    assert run("hsm", "create", "--label", "redeem").code == 86
    [listed] = run("hsm", "list", "--json").json()
    assert listed["public_key"] == made["public_key"]


def test_the_store_is_wrapped_and_unwrapped(
    run: Run, softhsm: SoftHsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In between nobody needs the passphrase, and it is no good."""
    identity = run("key", "identity").out
    wrapped = run("hsm", "wrap-store")
    assert f"the key watchtower-store of the token {TOKEN}, and nothing else" in wrapped.out
    monkeypatch.delenv("WATCHTOWER_PASSPHRASE")
    assert run("key", "identity").out == identity
    softhsm.take_away()
    assert run("key", "identity").code == 80
    monkeypatch.setenv("WATCHTOWER_PASSPHRASE", "correct horse")
    assert run("key", "identity").code == 80
    softhsm.bring_back()
    monkeypatch.setenv("WATCHTOWER_PASSPHRASE", "another one")
    assert run("hsm", "unwrap-store").code == 0
    softhsm.take_away()
    assert run("key", "identity").out == identity
    assert run("hsm", "unwrap-store").code == 16


def test_a_store_with_both_ways_opens_with_either(
    run: Run, softhsm: SoftHsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And keeps its passphrase when it is unwrapped."""
    assert "or the passphrase" in run("hsm", "wrap-store", "--keep-passphrase").out
    softhsm.take_away()
    assert run("key", "list").code == 0
    softhsm.bring_back()
    monkeypatch.delenv("WATCHTOWER_PASSPHRASE")
    assert run("key", "list").code == 0
    assert run("hsm", "unwrap-store").code == 0
    assert run("key", "list").code == 23


def test_without_the_token_in_the_configuration_a_wrapped_store_says_what_opens_it(
    run: Run, softhsm: SoftHsm, home: Path
) -> None:
    """Not that a passphrase is wrong."""
    assert run("hsm", "wrap-store").code == 0
    config = home / "watchtower.toml"
    config.write_text(config.read_text().partition("[hsm]")[0])
    ended = run("key", "list")
    assert ended.code == 87
    assert f"the key watchtower-store of the HSM token {TOKEN}" in ended.err
    assert run("hsm", "check").code == 16
    assert softhsm.module


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ('module = "a.so"', "`hsm.module` and `hsm.token` go together"),
        ('[[hsm.keys]]\naccount = "x"\nlabel = "l"', "no module to find them with"),
        (
            'module = "a.so"\ntoken = "t"\n[[hsm.keys]]\naccount = "x"\nlabel = "l"',
            "which `accounts`",
        ),
        (
            f'module = "a.so"\ntoken = "t"\n[[hsm.keys]]\naccount = "{PAYEE}"\nlabel = ""',
            "a label in `hsm.keys` has",
        ),
        (
            'module = "a.so"\ntoken = "t"\n'
            + 2 * f'[[hsm.keys]]\naccount = "{PAYEE}"\nlabel = "l"\n',
            "twice; one key signs for an account",
        ),
        (f'module = "a.so"\ntoken = "{"t" * 33}"', "may have 32 bytes"),
        ('pin = "1234"', "unknown field"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_at_the_start(
    run: Run, ready: Path, lines: str, why: str
) -> None:
    """A PIN in the configuration among them: there is no place for one."""
    config = ready / "watchtower.toml"
    config.write_text(f"{config.read_text()}\n[hsm]\n{lines}\n")
    ended = run("key", "list")
    assert ended.code == 16
    assert why in ended.err
