"""``watchtower token``, as a person uses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.interfaces.certificates import Authority
from watchtower.access.token import identity_of


def test_a_token_is_shown_once_and_alone(run: Run, ready: Path) -> None:
    """What goes into a file is the token; what is listed opens nothing."""
    made = run("token", "add", "publisher", "--scope", "submit", "--scope", "read")
    assert made.code == 0
    text = made.out.strip()
    assert identity_of(text) is not None
    assert "publisher" in made.err
    assert text not in made.err
    listed = run("token", "list")
    assert "publisher  read,submit  no quota  for ever" in listed.out
    for told in (listed.out, run("token", "list", "--json").out):
        # The secret, by its length: it may have an underscore, and what is behind that be a digit.
        assert text[-43:] not in told
    assert all(text.encode() not in path.read_bytes() for path in ready.iterdir())


def test_json_tells_the_same(run: Run, ready: Path) -> None:
    """One object, with the token in it."""
    assert ready.exists()
    words = ("token", "add", "a", "--scope", "admin", "--quota", "60/minute", "--expires", "9000d")
    (made,) = run(*words, "--json").json()
    (listed,) = run("token", "list", "--json").json()
    assert {**listed, "token": made["token"]} == made
    assert (made["scopes"], made["quota_per_minute"]) == (["admin"], 60)
    assert made["expires"].endswith("Z")
    assert identity_of(made["token"]) == made["identity"]


def test_a_revoked_token_is_gone(run: Run, ready: Path) -> None:
    """And its name is free."""
    assert ready.exists()
    run("token", "add", "a", "--scope", "read")
    assert run("token", "add", "a", "--scope", "read").code == 66
    assert run("token", "revoke", "a").code == 0
    assert run("token", "revoke", "a").code == 67
    assert "No tokens" in run("token", "list").out
    assert run("token", "add", "a", "--scope", "read").code == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("a",), 2),
        (("a", "--scope", "root"), 2),
        (("a b", "--scope", "read"), 69),
        (("a", "--scope", "read", "--quota", "5"), 69),
        (("a", "--scope", "read", "--expires", "1999-01-01"), 69),
    ],
)
def test_what_makes_no_token_is_told(
    run: Run, ready: Path, words: tuple[str, ...], code: int
) -> None:
    """With a code of its own, and nothing made."""
    assert ready.exists()
    told = run("token", "add", *words)
    assert (told.code, told.out) == (code, "")
    assert told.err
    assert run("token", "list", "--json").json() == []


def test_a_daemon_that_would_be_open_to_nobody_or_with_an_open_key_does_not_start(
    run: Run, ready: Path
) -> None:
    """With a code of its own for each, and one sentence that says what to do."""
    own = Authority(ready).pair("own")
    config = ready / "watchtower.toml"
    config.write_text(
        f"{config.read_text()}\n[http]\n"
        f'listen = "0.0.0.0:0"\nnames = ["tower.example"]\ncertificate = "{own.certificate.name}"\n'
        f'certificate_key = "{own.key.name}"\n'
    )
    told = run("run")
    assert (told.code, told.out) == (65, "")
    assert "watchtower token add NAME" in told.err
    run("token", "add", "a", "--scope", "read")
    own.key.chmod(0o644)
    told = run("run", "--json")
    assert told.code == 64
    assert "chmod 600" in told.err
