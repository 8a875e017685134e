"""What goes wrong on the side of a platform that hands claims over."""

from __future__ import annotations

from watchtower.errors.root import WatchtowerError

__all__ = ["ClientError", "ClientFileError", "TowerRefusedError", "TowerUnreachableError"]


class ClientError(WatchtowerError):
    """The client could not do what it was asked. Nothing is to be served for it."""


class TowerUnreachableError(ClientError):
    """The tower did not answer, or cannot at the moment; nobody knows whether it heard."""

    exit_code = 60
    template = (
        "The watchtower at {place} did not answer: {why}. Serve nothing for it and try again; the "
        "same claim twice is harmless."
    )


class TowerRefusedError(ClientError):
    """The tower refuses the request itself: the token, the path, or its form."""

    exit_code = 61
    template = (
        "The watchtower at {place} refused the request with {status} ({word}): {why}. Trying "
        "again changes nothing: correct the token or the request."
    )


class ClientFileError(ClientError):
    """A file of the client's own, the queue or the till, cannot be used."""

    exit_code = 62
    template = (
        "The file {path} cannot be used: {why}. What was to be written into it is not kept, so "
        "serve nothing for it."
    )
