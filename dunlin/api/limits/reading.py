"""Documents as they have been read: parsed, checked and planned once, and kept by their text."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    Visitor,
    parse,
    visit,
)

from dunlin.api.limits.bounds import LONGEST_DOCUMENT, MOST_COMMENTS, MOST_TOKENS
from dunlin.api.limits.fields import FieldCosts
from dunlin.api.limits.plan import Plan, plan_of
from dunlin.api.limits.validation import flaws_of

_MOST_KEPT = 1_024
_MOST_CHARACTERS = 1_000_000  # of all together: a parsed document takes some seventy times its length


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


class Reader:
    """Reads documents, and keeps the newest. `hits` and `misses` count what was kept and what was not."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._costs = FieldCosts()
        self._kept: OrderedDict[str, ReadDocument] = OrderedDict()
        self._characters = 0
        self.hits = 0
        self.misses = 0

    def read(self, text: str) -> tuple[ReadDocument, bool]:
        """Return the document, and whether it had to be read anew."""
        found = self._kept.get(text)
        if found is not None:
            self.hits += 1
            self._kept.move_to_end(text)
            return found, False
        self.misses += 1
        found = read_document(text, self._schema, self._costs)
        if len(text) <= LONGEST_DOCUMENT:
            self._keep(text, found)
        return found, True

    def keeps(self, text: str) -> bool:
        return text in self._kept

    def _keep(self, text: str, document: ReadDocument) -> None:
        self._kept[text] = document
        self._characters += len(text)
        while len(self._kept) > _MOST_KEPT or self._characters > _MOST_CHARACTERS:
            oldest, _ = self._kept.popitem(last=False)
            self._characters -= len(oldest)


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
    return ReadDocument(tree, [], plan_of(tree, schema, costs), operations, _asks_for_the_schema(tree))


class _Introspection(Visitor):
    is_found = False

    def enter_field(self, node: FieldNode, *_: object) -> None:
        self.is_found |= node.name.value in ("__schema", "__type")


def _asks_for_the_schema(tree: DocumentNode) -> bool:
    looking = _Introspection()
    visit(tree, looking)
    return looking.is_found
