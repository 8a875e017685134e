"""The routes by which other towers keep their heads here: how far their stores have come.

What it guarantees: nobody comes without a token of the scope ``heads``, whatever the tower lets in
else, and each token has heads of its own; a body is small, and held to the form of a head to the
byte before anything is looked up. What is kept is decided behind the door, by
`store/kept_heads.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Protocol, runtime_checkable

from litestar import Request, get, put
from litestar.di import NamedDependency
from litestar.dto import AbstractDTO
from litestar.exceptions import ClientException
from litestar.openapi.spec import Reference, Schema
from litestar.params import JSONBody, PathParameter
from litestar.typing import FieldDefinition
from typing_extensions import override

from watchtower.access.gate import Turned
from watchtower.access.token import Scope
from watchtower.interfaces.http.knocking import TurnedAwayError, admitted, needs, only_json
from watchtower.interfaces.http.problems import HeadRefusedError, NoHeadError, problems_with
from watchtower.store.head import MOST_BYTES, Head, HeadMessage
from watchtower.store.kept_heads import MOST_HEADS, HeadRefused

__all__ = ["HeadBody", "HeadDoor", "keep_head", "show_head"]

_Request = Request[Any, Any, Any]

StoreName = Annotated[
    str,
    PathParameter(pattern="^[0-9a-f]{32}$", description="The store's own identity, in hex."),
]

_OF_KEEPING: Final = problems_with(400, 401, 403, 408, 409, 413, 415, 421, 500, 503)
_OF_SHOWING: Final = problems_with(400, 401, 403, 404, 408, 421, 500, 503)

_WHYS: Final = {
    HeadRefused.OLDER: (
        "head_older",
        (
            "The head that is kept has seen more than this one, and stays. If the store was put "
            "back on purpose, have the token revoked here, and ask for another one."
        ),
    ),
    HeadRefused.ANOTHER_TOWER: (
        "head_of_another",
        (
            "The head that is kept was signed by another tower, and stays. Each tower needs a "
            "token of its own."
        ),
    ),
    HeadRefused.TOO_MANY: (
        "too_many_heads",
        (
            f"Heads of {MOST_HEADS} other stores came by this token already. Each tower needs a "
            "token of its own."
        ),
    ),
}


@runtime_checkable
class HeadDoor(Protocol):
    """Who keeps heads; a token is named by its public part."""

    async def keep(self, token: str, head: Head) -> HeadRefused | None:
        """Keep a head durably, or return why not."""
        ...

    async def kept(self, token: str, store: bytes) -> Head | None:
        """Return the head of a store that came by a token, if one did."""
        ...


class HeadBody(AbstractDTO[Any]):
    """Reads a head, strictly; what is none is a problem."""

    @override
    def decode_bytes(self, value: bytes) -> Head:
        """Return the head that a body is.

        Raises:
            ClientException: it is none.
        """
        head = Head.read(value)
        if head is None:
            raise ClientException("The body is no head of a store.")
        return head

    @classmethod
    @override
    def create_for_field_definition(
        cls, field_definition: FieldDefinition, handler_id: str, backend_cls: Any = None
    ) -> None:
        """Need no code to be made: nothing is transferred field by field."""

    @classmethod
    @override
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Reference | Schema:
        """Tell the form of a head."""
        told: Reference | Schema = schema_creator.for_field_definition(
            FieldDefinition.from_annotation(HeadMessage)
        )
        return told

    @classmethod
    @override
    def generate_field_definitions(cls, model_type: type[Any]) -> Any:
        """Have no fields of its own."""
        yield from ()

    @classmethod
    @override
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        """Have none that could be nested."""
        return False


@put(
    "/v1/heads/{store:str}",
    guards=[only_json],
    status_code=204,
    dto=HeadBody,
    return_dto=None,
    request_max_body_size=MOST_BYTES,
    responses=_OF_KEEPING,
    summary="Keep the head of another tower's store",
    **needs(Scope.HEADS),
)
async def keep_head(
    store: StoreName, data: JSONBody[Head], heads: NamedDependency[HeadDoor], request: _Request
) -> None:
    """Keep how far a store has come, in the place of what was kept of it; it is on disk then.

    An older head never takes the place of a newer one. Each token has heads of its own.
    """
    if data.standing.store.hex() != store:
        raise ClientException("The head is of another store than the path says.")
    why = await heads.keep(_token(request), data)
    if why is None:
        return
    if why is HeadRefused.UNSIGNED:
        raise ClientException("The tower that the head names has not signed it.")
    if why is HeadRefused.NO_TOKEN:
        raise TurnedAwayError(Turned.INVALID, Scope.HEADS)
    raise HeadRefusedError(*_WHYS[why])


@get(
    "/v1/heads/{store:str}",
    responses=_OF_SHOWING,
    summary="Return the head that is kept of a store",
    **needs(Scope.HEADS),
)
async def show_head(
    store: StoreName, heads: NamedDependency[HeadDoor], request: _Request
) -> HeadMessage:
    """Return what was kept last of a store by the same token."""
    head = await heads.kept(_token(request), bytes.fromhex(store))
    if head is None:
        raise NoHeadError
    return head.message()


def _token(request: _Request) -> str:
    token = admitted(request).token
    if token is None:  # the gate lets nobody in for this without one
        raise TurnedAwayError(Turned.NO_TOKEN, Scope.HEADS)
    return token.identity
