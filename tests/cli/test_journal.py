"""``watchtower journal``: one line is proven to an outsider, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_a_line_is_proven_without_store_and_network(
    run: Run, ready: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whoever is shown it has neither; another tower's key, or another number, proves nothing."""
    assert run("token", "add", "one", "--scope", "read").code == 0
    (shown,) = run("key", "identity", "--json").json()
    tower = str(shown["public_key"])
    proof = run("journal", "prove", "2", "--json").out
    none = run("journal", "prove", "99")
    assert (none.code, "no line 99" in none.err) == (79, True)
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "proof.json"
    elsewhere.write_text(proof)
    (ready / "watchtower.db").unlink()
    (ready / "watchtower.toml").unlink()

    said = run("journal", "verify", "--tower", tower, str(elsewhere))
    assert said.code == 0
    assert said.out.startswith("good: line 2 of the 2 that the tower signed for says token_added")
    assert "None" not in said.out  # it is about no channel and no ledger, and says of none
    verify = ("journal", "verify", "--tower")
    (report,) = run(*verify, tower.lower(), "-", "--json", stdin=proof).json()
    assert report["facts"]["name"] == "one"
    for key, text, code in (
        ("ED" + "00" * 32, proof, 79),
        (tower, "{}", 79),
        ("ED", proof, 13),
    ):
        assert run(*verify, key, "-", stdin=text).code == code
    assert run(*verify, tower, "not-there.json").code == 79
