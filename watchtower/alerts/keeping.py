"""What an earlier process has kept of alarms, read again."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog

from watchtower.alerts.record import Kept

__all__ = ["kept_of"]

_log = structlog.get_logger()


def kept_of(kept: Any) -> Kept:
    """Return what was kept, from JSON values; nothing of what cannot be read, or of None."""
    try:
        return Kept() if kept is None else msgspec.convert(kept, Kept)
    except msgspec.ValidationError as wrong:
        _log.warning("alert_record_not_read", why=str(wrong))
        return Kept()
