"""How hypothesis runs here: many examples, and no clock.

A slow machine is no failure: no test of ours asserts how long anything took.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("rules", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rules")
