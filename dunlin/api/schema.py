"""The GraphQL schema, as exported in schema.graphql."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cached_property
from typing import Any

import strawberry
from graphql import ExecutionResult as GraphQLResult
from graphql import GraphQLError, execute
from graphql import OperationType as GraphQLOperationType
from strawberry.exceptions import MissingQueryError
from strawberry.execution.is_awaitable import optimized_is_awaitable
from strawberry.extensions import SchemaExtension
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from dunlin.api.context import Context, OperationScope
from dunlin.api.errors import CodeErrors
from dunlin.api.execution.executor import CompilingExecutor
from dunlin.api.limits.admission import read_for, refusals, waited_too_long
from dunlin.api.limits.fields import FieldCosts
from dunlin.api.limits.reading import Reader, read_document
from dunlin.api.limits.turns import NotItsTurn, Turns
from dunlin.api.mutations import Mutation
from dunlin.api.queries import Query
from dunlin.api.scalars import SCALARS
from dunlin.api.subscription import Subscription
from dunlin.runtime.allowance import Taken


class _InTurn(SchemaExtension):
    async def on_execute(self) -> AsyncIterator[None]:
        schema = self.execution_context.schema
        assert isinstance(schema, Schema)
        async with schema.turn(self.execution_context.context):
            yield


class _Told(SchemaExtension):
    """Tell with each answer what it cost. The events of a subscription cost nothing."""

    def get_results(self) -> dict[str, object]:
        execution = self.execution_context
        return {} if _is_watching(execution) else _told(execution.context.taken)


def _told(taken: Taken | None) -> dict[str, object]:
    if taken is None:
        return {}
    reset_at = taken.full_again_at.isoformat()
    return {"cost": {"requested": taken.cost, "limit": taken.limit, "remaining": taken.remaining, "resetAt": reset_at}}


def _is_watching(execution: ExecutionContext) -> bool:
    try:
        return execution.operation_type is OperationType.SUBSCRIPTION
    except RuntimeError:  # there is no such operation
        return False


class Schema(strawberry.Schema):
    """Reads, checks and counts a document by ourselves: once for all who send it, and before the rules of GraphQL."""

    @cached_property
    def reader(self) -> Reader:
        return Reader(self._schema)

    @cached_property
    def turns(self) -> Turns:
        return Turns()

    def kind_of(self, text: str, name: str | None, context: Context) -> GraphQLOperationType | None:
        """Return what an operation is, read for it at most once; None too where its caller may not have it read."""
        document = read_for(context, text, self.reader)
        return None if document is None else document.kind_of(name)

    def check(self, document: str) -> Sequence[GraphQLError]:
        """Return what keeps a document from being run here, whatever its variables; raise what its syntax lacks."""
        read = read_document(document, self._schema, FieldCosts())
        if read.tree is None:
            raise read.errors[0]
        return read.errors

    async def _prepare_operation_async(
        self, context: ExecutionContext, extensions_runner: SchemaExtensionsRunner
    ) -> PreExecutionError | None:
        if not context.query:
            raise MissingQueryError
        errors = await refusals(context, context.query, self.reader, self.turns)
        if context.graphql_document is not None:
            _require_runnable(context)
        if not errors:
            return None
        context.pre_execution_errors = list(errors)
        return PreExecutionError(data=None, errors=context.pre_execution_errors)

    @asynccontextmanager
    async def turn(self, context: Context) -> AsyncIterator[None]:
        """Wait until it is the turn of an operation, and have it as long as a `with` lasts."""
        async with AsyncExitStack() as turn:
            try:
                await turn.enter_async_context(self.turns.turn(context.viewer.account_id))
            except NotItsTurn as error:
                raise waited_too_long() from error
            context.begins()
            yield

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
        """Do for one result what the extensions do around each of `stream`: finding their hooks takes a fifth of it."""
        execution = self._create_execution_context(
            query=query,
            allowed_operation_types=allowed_operation_types or (OperationType.QUERY, OperationType.MUTATION),
            variable_values=variable_values,
            context_value=context_value,
            root_value=root_value,
            operation_name=operation_name,
            operation_extensions=operation_extensions,
        )
        try:
            result = await self._result_of(execution)
        except (MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError):
            raise
        except Exception as error:
            located = error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)
            result = PreExecutionError(data=None, errors=[located])
        result.extensions = _told(execution.context.taken)
        return result

    async def _result_of(self, execution: ExecutionContext) -> ExecutionResult:
        coding = CodeErrors()
        coding.execution_context = execution
        refused = await self._prepare_operation_async(execution, SchemaExtensionsRunner(execution))
        if refused is not None:
            return PreExecutionError(data=None, errors=coding.code(refused.errors))
        assert execution.graphql_document is not None, "what could not be read is refused"
        async with self.turn(execution.context):
            coding.begin()
            found = execute(
                self._schema,
                execution.graphql_document,
                root_value=execution.root_value,
                context_value=execution.context,
                variable_values=execution.variables,
                operation_name=execution.operation_name,
                executor_class=CompilingExecutor,
                is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]  # tells the same, and does not say so
                operation_extensions=execution.operation_extensions,
            )
            result = found if isinstance(found, GraphQLResult) else await found
        return ExecutionResult(data=result.data, errors=coding.code(result.errors))

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing here: a client's mistake is no event, and `CodeErrors` logs what is ours."""


def _require_runnable(execution: ExecutionContext) -> None:
    """Refuse what is no operation of the document, or none that the transport runs."""
    try:
        kind = execution.operation_type
    except RuntimeError as error:
        raise CannotGetOperationTypeError(execution.operation_name) from error
    if kind not in execution.allowed_operations:
        raise InvalidOperationTypeError(kind)


schema = Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    extensions=[
        OperationScope,
        CodeErrors,
        _InTurn,
        _Told,
    ],
    execution_context_class=CompilingExecutor,
    config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=False),
)
