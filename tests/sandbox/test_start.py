"""What starting the sandbox does not wait for."""

from __future__ import annotations

import subprocess
import sys

import pytest

SLOW_TO_IMPORT = ("alembic", "cryptography", "httpx", "rich", "sqlalchemy", "structlog", "xrpl")


@pytest.mark.parametrize("module", ["watchtower.cli.sandbox", "watchtower.sandbox.bystanders"])
def test_the_sandbox_starts_without_what_it_does_not_need(module: str) -> None:
    """Neither the tower's store nor a library that takes longer to import than all the rest."""
    code = f"import sys, {module}; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert set(SLOW_TO_IMPORT) & set(told.stdout.split()) == set()
    assert module in told.stdout
