"""Documents whose queries are run as they were compiled."""

from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    OperationType,
    Undefined,
    VariableNode,
    Visitor,
    visit,
)
from graphql.execution.executor import Executor
from graphql.execution.values import VariableValues

from dunlin.api.execution.compiler import Compiler
from dunlin.api.execution.run import Select

_MOST_KEPT = 8  # of one document: by operation, what the viewer may see, and what @skip and @include come to
_LEFT = frozenset({"__schema", "__type"})
_DIRECTIVES = frozenset({"skip", "include"})


class Compiled:
    """The operations of a document that is valid, each compiled when it is first run."""

    def __init__(self, document: DocumentNode) -> None:
        self._document = document
        self._looked_at: _Looking | None = None
        self._kept: dict[tuple[object, ...], Select] = {}

    def select(self, executor: Executor[Any]) -> Select | None:
        """Return how to show the operation that is to be executed; None where graphql-core is to do it.

        That is decided here, before anything is resolved.
        """
        looked_at = self._looked_at
        if looked_at is None:
            looked_at = self._looked_at = _Looking(self._document)
        if not looked_at.may_be_compiled or not _may_be_compiled(executor):
            return None
        values = executor.variable_values.coerced
        may_see: bool = getattr(executor.context_value, "may_see", False)
        key = (id(executor.operation), may_see, *[values.get(name, Undefined) for name in looked_at.conditions])
        select = self._kept.get(key)
        if select is None:
            if len(self._kept) == _MOST_KEPT:
                self._kept.clear()
            select = self._kept[key] = _compiler(executor, looked_at.conditions, may_see=may_see).operation()
        return select


class _Looking(Visitor):
    """What of a document says whether it is compiled, and the variables that say what is selected at all."""

    def __init__(self, document: DocumentNode) -> None:
        super().__init__()
        self.may_be_compiled = True
        self.conditions: set[str] = set()
        visit(document, self)

    def enter_directive(self, node: DirectiveNode, *_: object) -> None:
        self.may_be_compiled &= node.name.value in _DIRECTIVES
        values = [argument.value for argument in node.arguments or ()]
        self.conditions |= {value.name.value for value in values if isinstance(value, VariableNode)}

    def enter_field(self, node: FieldNode, *_: object) -> None:
        self.may_be_compiled &= node.name.value not in _LEFT

    def enter_fragment_definition(self, node: FragmentDefinitionNode, *_: object) -> None:
        self.may_be_compiled &= not node.variable_definitions


def _may_be_compiled(executor: Executor[Any]) -> bool:
    middlewares = executor.middleware_manager.middlewares if executor.middleware_manager else ()
    is_query = executor.operation.operation is OperationType.QUERY
    return is_query and executor.error_propagation and executor.abort_signal is None and not middlewares


def _compiler(executor: Executor[Any], conditions: set[str], *, may_see: bool) -> Compiler:
    """Return a compiler that keeps nothing of this execution but what it selects by."""
    sources, coerced = executor.variable_values
    chosen = VariableValues(
        {name: source for name, source in sources.items() if name in conditions},
        {name: value for name, value in coerced.items() if name in conditions},
    )
    return Compiler(executor.schema, executor.fragments, executor.operation, chosen, may_see=may_see)
