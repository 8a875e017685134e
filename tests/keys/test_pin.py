"""The PIN comes from where it cannot be seen, and a mistake is not guessed around."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchtower.errors import ConfigError
from watchtower.keys.pin import find_pin


def _secret(path: Path, text: str, mode: int = 0o600) -> str:
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_text(text)
    return str(path)


def test_the_first_that_is_set_is_taken(tmp_path: Path) -> None:
    """Environment, file, credential, a person: in this order."""
    _secret(tmp_path / "hsm_pin", "of the credential\n", 0o440)
    file = _secret(tmp_path / "pin", "of the file\n")
    there = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert find_pin(file, {**there, "WATCHTOWER_HSM_PIN": "1"}, lambda: "asked") == "1"
    assert find_pin(file, there, lambda: "asked") == "of the file"
    assert find_pin("", there, lambda: "asked") == "of the credential"
    assert find_pin("", {}, lambda: "asked") == "asked"


@pytest.mark.parametrize("environment", [{}, {"WATCHTOWER_HSM_PIN": ""}])
def test_without_any_it_is_said_where_one_may_stand(environment: dict[str, str]) -> None:
    """A daemon has nobody to ask."""
    with pytest.raises(ConfigError, match=r"set `hsm\.pin_file` or WATCHTOWER_HSM_PIN"):
        find_pin("", environment)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """But not one that systemd guards."""
    file = _secret(tmp_path / "pin", "7261\n", 0o644)
    with pytest.raises(ConfigError, match="others may read it"):
        find_pin(file, {})
    assert find_pin(file, {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == "7261"
