"""The GraphQL schema, as exported in schema.graphql."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cached_property
from typing import Any

import strawberry
from graphql import ExecutionResult as GraphQLResult
from graphql import GraphQLError, execute
from graphql import OperationType as GraphQLOperationType
from graphql.execution import create_source_event_stream
from strawberry.exceptions import MissingQueryError
from strawberry.execution.is_awaitable import optimized_is_awaitable
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType
from strawberry.utils.await_maybe import await_maybe

from dunlin.api.context import Context
from dunlin.api.errors import coded
from dunlin.api.execution.executor import CompilingExecutor
from dunlin.api.limits.admission import read_for, refusals, waited_too_long
from dunlin.api.limits.fields import FieldCosts
from dunlin.api.limits.reading import Reader, read_document
from dunlin.api.limits.turns import NotItsTurn, Turns
from dunlin.api.mutations import Mutation
from dunlin.api.queries import Query
from dunlin.api.scalars import SCALARS
from dunlin.api.subscription import Subscription, Watch
from dunlin.runtime.allowance import Taken


def _told(taken: Taken | None) -> dict[str, object]:
    """Return what is told with each answer: what it cost."""
    if taken is None:
        return {}
    reset_at = taken.full_again_at.isoformat()
    return {"cost": {"requested": taken.cost, "limit": taken.limit, "remaining": taken.remaining, "resetAt": reset_at}}


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
        if context.document is None and self.turns.is_full(context.viewer.account_id):
            return None
        document = read_for(context, text, self.reader)
        return None if document is None else document.kind_of(name)

    def check(self, document: str) -> Sequence[GraphQLError]:
        """Return what keeps a document from being run here, whatever its variables; raise what its syntax lacks."""
        read = read_document(document, self._schema, FieldCosts())
        if read.tree is None:
            raise read.errors[0]
        return read.errors

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
        """Return the result of a query or mutation, all of it coded; raise what is wrong with the request itself.

        That is `MissingQueryError`, `CannotGetOperationTypeError` or `InvalidOperationTypeError`. Strawberry would look
        for the hooks of extensions at every step, which takes a fifth of a page's time.
        """
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
            result = PreExecutionError(data=None, errors=coded([located], execution.context))
        result.extensions = _told(execution.context.taken)
        return result

    async def _result_of(self, execution: ExecutionContext) -> ExecutionResult:
        if not execution.query:
            raise MissingQueryError
        errors = await refusals(execution, execution.query, self.reader, self.turns)
        if execution.graphql_document is not None:
            _require_runnable(execution)
        if errors:
            return PreExecutionError(data=None, errors=coded(errors, execution.context, is_executing=False))
        assert execution.graphql_document is not None, "what could not be read is refused"
        async with self._turn(execution.context):
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
        return ExecutionResult(
            data=result.data, errors=coded(result.errors, execution.context) if result.errors else None
        )

    async def open_watch(
        self, text: str, variables: dict[str, Any] | None, name: str | None, context: Context
    ) -> tuple[Watch, CompilingExecutor] | PreExecutionError:
        """Return what a subscription watches and what executes it, or why it is not let in.

        Strawberry would do the same, and keep for as long as it lasts all that is needed only here.
        """
        execution = self._create_execution_context(text, (), variables, context, operation_name=name)
        if errors := await refusals(execution, text, self.reader, self.turns):
            return PreExecutionError(data=None, errors=coded(errors, context, is_executing=False))
        assert execution.graphql_document is not None, "what is not refused was read"
        async with self._turn(context):
            executor = CompilingExecutor.build(
                self._schema,
                execution.graphql_document,
                context_value=context,
                raw_variable_values=variables,
                operation_name=name,
            )
            if isinstance(executor, list):
                return PreExecutionError(data=None, errors=coded(executor, context))
            watch = await await_maybe(create_source_event_stream(executor))
        if isinstance(watch, GraphQLResult):
            return PreExecutionError(data=None, errors=coded(watch.errors or [], context))
        assert isinstance(executor, CompilingExecutor)
        assert isinstance(watch, Watch)
        return watch, executor

    @asynccontextmanager
    async def _turn(self, context: Context) -> AsyncIterator[None]:
        """Wait until it is the turn of an operation, and have it as long as a `with` lasts."""
        async with AsyncExitStack() as turn:
            try:
                await turn.enter_async_context(self.turns.turn(context.viewer.account_id))
            except NotItsTurn as error:
                raise waited_too_long() from error
            context.begins()
            yield


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
    config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=False),
)
