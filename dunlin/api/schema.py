"""The GraphQL schema, as exported in schema.graphql."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.graphql import OperationType

from dunlin.api.context import OperationScope
from dunlin.api.errors import CodeErrors
from dunlin.api.mutations import Mutation
from dunlin.api.queries import Query
from dunlin.api.scalars import SCALARS
from dunlin.api.subscription import Subscription

_CACHED_DOCUMENTS = 1_024


class _ParserCache(ParserCache):
    def on_parse(self) -> Iterator[None]:
        # An error out of this hook would pass all other extensions by, and so reach clients without its code.
        execution = self.execution_context
        with suppress(GraphQLError):
            execution.graphql_document = self.cached_parse_document(execution.query, **execution.parse_options)
        yield


class Schema(strawberry.Schema):
    async def execute(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
        operation_extensions: dict[str, Any] | None = None,
    ) -> ExecutionResult:
        """Return the one result of an operation; a subscription has many and is refused here."""
        allowed = set(allowed_operation_types or OperationType) - {OperationType.SUBSCRIPTION}
        return await super().execute(
            query, variable_values, context_value, root_value, operation_name, allowed, operation_extensions
        )

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
