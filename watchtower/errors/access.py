"""Who may come in: nobody could, or what was said about a token or certificate cannot be used."""

from __future__ import annotations

from watchtower.errors.root import WatchtowerError

__all__ = [
    "AccessError",
    "CertificateError",
    "NoTokenError",
    "TokenExistsError",
    "TokenFormatError",
    "TokenLimitError",
    "TokenUnknownError",
]


class AccessError(WatchtowerError):
    """Something is wrong with who may come in; everything is as it was."""


class CertificateError(AccessError):
    """A certificate, its key or an authority cannot be used."""

    exit_code = 64
    template = (
        "{path} cannot be used for `http.{setting}`: {why}. Nobody is let in until that is mended."
    )


class NoTokenError(AccessError):
    """The watchtower would listen beyond this machine, and nobody could come in."""

    exit_code = 65
    template = (
        "Others than this machine can reach {place}, and there is no token that is good now. Make "
        "one with `watchtower token add NAME --scope submit`, or let clients prove themselves "
        "with certificates (`http.client_authority`)."
    )


class TokenExistsError(AccessError):
    """There is a token of that name."""

    exit_code = 66
    template = (
        "There is a token called {name} already. Choose another name, or revoke that one first "
        "with `watchtower token revoke {name}`."
    )


class TokenUnknownError(AccessError):
    """There is no token of that name."""

    exit_code = 67
    template = "There is no token called {name}. `watchtower token list` tells which there are."


class TokenLimitError(AccessError):
    """There are as many tokens as there can be."""

    exit_code = 68
    template = (
        "There are {most} tokens, and no more can be made. Revoke those that nobody uses with "
        "`watchtower token revoke NAME`."
    )


class TokenFormatError(AccessError):
    """A token cannot be made so: its name, quota or expiry is not one."""

    exit_code = 69
    template = "The token cannot be made: {why}."
