"""Documents as they have been read: parsed, checked and planned once, and kept by their text."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    Visitor,
    get_operation_ast,
    parse,
    visit,
)

from dunlin.api.execution.compiled import Compiled
from dunlin.api.limits.bounds import LONGEST_DOCUMENT, MOST_COMMENTS, MOST_TOKENS
from dunlin.api.limits.fields import FieldCosts
from dunlin.api.limits.plan import Plan, plan_of
from dunlin.api.limits.validation import flaws_of

_MOST_KEPT = 1_024
_MOST_CHARACTERS = 1_000_000  # of all together: a parsed document takes some seventy times its length
_SHARES = 4  # an account has one of so many of both, so that nobody empties what is kept for all


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """`tree` is None where the text is no document; `plan` is None where there are errors.

    The errors are shared by all who send the text: never change one.
    """

    tree: DocumentNode | None
    errors: Sequence[GraphQLError]
    plan: Plan | None = None
    operations: int = 0
    is_introspection: bool = False
    compiled: Compiled | None = None

    def kind_of(self, name: str | None) -> OperationType | None:
        """Return whether an operation is a query, mutation or subscription; None if there is none of that name."""
        operation = None if self.tree is None else get_operation_ast(self.tree, name)
        return None if operation is None else operation.operation


@dataclass(slots=True)
class _Brought:
    """The texts that an account was the first to send, the one that was used longest ago first."""

    texts: OrderedDict[str, None] = field(default_factory=OrderedDict)
    characters: int = 0


class Reader:
    """Reads documents, and keeps the newest. `hits` and `misses` count what was kept and what was not."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._costs = FieldCosts()
        self._kept: OrderedDict[str, ReadDocument] = OrderedDict()
        self._characters = 0
        self._brought: dict[int, _Brought] = {}
        self._bringer: dict[str, int] = {}
        self.hits = 0
        self.misses = 0

    def read(self, text: str, account_id: int) -> tuple[ReadDocument, bool]:
        """Return the document, and whether it had to be read anew."""
        found = self._kept.get(text)
        if found is not None:
            self.hits += 1
            self._kept.move_to_end(text)
            self._brought[self._bringer[text]].texts.move_to_end(text)
            return found, False
        self.misses += 1
        found = read_document(text, self._schema, self._costs)
        if len(text) <= LONGEST_DOCUMENT:
            self._keep(text, found, account_id)
        return found, True

    def keeps(self, text: str) -> bool:
        return text in self._kept

    def _keep(self, text: str, document: ReadDocument, account_id: int) -> None:
        self._kept[text] = document
        self._characters += len(text)
        brought = self._brought.setdefault(account_id, _Brought())
        brought.texts[text] = None
        brought.characters += len(text)
        self._bringer[text] = account_id
        while len(brought.texts) > _MOST_KEPT // _SHARES or brought.characters > _MOST_CHARACTERS // _SHARES:
            self._forget(next(iter(brought.texts)))
        while len(self._kept) > _MOST_KEPT or self._characters > _MOST_CHARACTERS:
            self._forget(next(iter(self._kept)))

    def _forget(self, text: str) -> None:
        del self._kept[text]
        self._characters -= len(text)
        account_id = self._bringer.pop(text)
        brought = self._brought[account_id]
        del brought.texts[text]
        brought.characters -= len(text)
        if not brought.texts:
            del self._brought[account_id]


def read_document(text: str, schema: GraphQLSchema, costs: FieldCosts) -> ReadDocument:
    try:
        tree = parse(
            text, max_source_length=LONGEST_DOCUMENT, max_lexical_tokens=MOST_TOKENS, max_comments=MOST_COMMENTS
        )
    except GraphQLError as error:
        return ReadDocument(None, [error.with_traceback(None)])
    operations = sum(isinstance(one, OperationDefinitionNode) for one in tree.definitions)
    errors = flaws_of(schema, tree)
    if errors:
        return ReadDocument(tree, errors, operations=operations)
    plan = plan_of(tree, schema, costs)
    return ReadDocument(tree, [], plan, operations, _asks_for_the_schema(tree), Compiled(tree))


class _Introspection(Visitor):
    is_found = False

    def enter_field(self, node: FieldNode, *_: object) -> None:
        self.is_found |= node.name.value in ("__schema", "__type")


def _asks_for_the_schema(tree: DocumentNode) -> bool:
    looking = _Introspection()
    visit(tree, looking)
    return looking.is_found
