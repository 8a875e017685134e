"""What holds for the whole suite: how hypothesis runs, and logging as if nobody had set it up.

Many examples, and no clock: a slow machine is no failure, and no test of ours asserts how long
anything took. A test that runs a command sets logging up as the command does; the next test must
not hear of it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

settings.register_profile("rules", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rules")


@pytest.fixture(autouse=True)
def _unconfigured_logging() -> Iterator[None]:
    """Forget what a test set up."""
    yield
    structlog.reset_defaults()
