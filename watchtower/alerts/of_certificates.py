"""The alarm about the certificate by which platforms know the tower. Pure.

It is like those of ``catalogue.py``: a name that people filter by, a severity, and a sentence that
says what is the matter and what to do.
"""

from __future__ import annotations

from watchtower.alerts.rules import Alarm, Severity

__all__ = ["certificate_expiring"]


def certificate_expiring(path: str, *, until: str) -> Alarm:
    """The certificate of the HTTP interface is about to expire, or has expired."""
    return Alarm(
        name="certificate_expiring",
        subject=path,
        severity=Severity.WARNING,
        sentence=f"The certificate {path} is good until {until}, and no platform hands over "
        "claims behind that. Renew it and write the new files there; they are read by themselves.",
    )
