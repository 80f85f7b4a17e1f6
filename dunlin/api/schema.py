"""The GraphQL schema, as exported in schema.graphql."""

import strawberry
from graphql import GraphQLError
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from dunlin.api.context import OperationScope
from dunlin.api.errors import CodeErrors
from dunlin.api.mutations import Mutation
from dunlin.api.queries import Query
from dunlin.api.scalars import SCALARS
from dunlin.api.subscription import Subscription

_CACHED_DOCUMENTS = 1_024


class _ParserCache(ParserCache):
    def on_parse(self) -> Iterator[None]:
        # An error out of this hook would pass by the extensions, and so by its code: leave it to the parser proper.
        with suppress(GraphQLError):
            yield from super().on_parse()
            return
        yield


class Schema(strawberry.Schema):
    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing here: a client's mistake is no event, and `CodeErrors` logs what is ours."""


schema = Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    extensions=[
        OperationScope,
        lambda: _ParserCache(maxsize=_CACHED_DOCUMENTS),
        lambda: ValidationCache(maxsize=_CACHED_DOCUMENTS),
        CodeErrors,
    ],
    config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=False),
)
