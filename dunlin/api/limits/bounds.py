"""The size of a document, counted in one pass over its tree, whatever it means and whether or not it is valid.

Fragments are counted once each and added up where they are spread, so that a chain of fragments that each spread the
next one twice is as quick to count as it is to write. Counting comes before the rules of GraphQL, whose costs grow
faster than the document's length; that is why it stands fragments that are unknown or go in circles.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    TokenKind,
    VariableDefinitionNode,
)

LONGEST_DOCUMENT = 32_000  # characters
MOST_TOKENS = 2_000
MOST_COMMENTS = 200
MOST_OPERATIONS = 10
MOST_DIGITS = 400  # Python reads numbers of some thousand digits in quadratic time, then not at all

_INTROSPECTION = frozenset({"__schema", "__type"})


@dataclass(frozen=True, slots=True)
class Size:
    """Of a definition with all that it spreads. `depth` counts fields, `nesting` fragments as well."""

    depth: int = 0
    nesting: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0

    def beside(self, other: "Size", depth: int = 0, nesting: int = 0) -> "Size":
        """Return both together, `other` standing so deep within this one; no number grows above what is refused."""
        return Size(
            max(self.depth, depth + other.depth),
            max(self.nesting, nesting + other.nesting),
            min(self.fields + other.fields, LARGEST.fields + 1),
            min(self.aliases + other.aliases, LARGEST.aliases + 1),
            min(self.directives + other.directives, LARGEST.directives + 1),
        )


LARGEST = Size(depth=15, nesting=50, fields=1_000, aliases=50, directives=50)

_SENTENCES = {
    "depth": "Fields stand within each other {most} deep at most, not counting introspection; these stand deeper.",
    "nesting": "Selections, fragments included, nest {most} deep at most; these nest deeper.",
    "fields": "An operation selects at most {most:,} fields, each counted as often as its fragments are spread.",
    "aliases": "An operation has at most {most} aliases, each counted as often as its fragments are spread.",
    "directives": "An operation has at most {most} directives, each counted as often as its fragments are spread.",
}


@dataclass(slots=True)
class _Written:
    """A definition as it is written: its own size, and each fragment it spreads with the place where."""

    size: Size = Size()
    spreads: list[tuple[str, int, int]] = field(default_factory=list)


def violations(document: DocumentNode) -> list[GraphQLError]:
    """Return what is too large in a document, one error per kind; empty: nothing is."""
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    largest = largest_size(document)
    messages = [
        sentence.format(most=getattr(LARGEST, kind))
        for kind, sentence in _SENTENCES.items()
        if getattr(largest, kind) > getattr(LARGEST, kind)
    ]
    if len(operations) > MOST_OPERATIONS:
        messages.append(f"A document has at most {MOST_OPERATIONS} operations; this one has {len(operations)}.")
    if _has_a_long_number(document):
        messages.append(f"A number has at most {MOST_DIGITS} characters.")
    return [GraphQLError(message) for message in messages]


def _has_a_long_number(document: DocumentNode) -> bool:
    token = document.loc.start_token if document.loc else None
    while token is not None:
        if token.kind in (TokenKind.INT, TokenKind.FLOAT) and len(token.value or "") > MOST_DIGITS:
            return True
        token = token.next
    return False


def largest_size(document: DocumentNode) -> Size:
    """Return the largest number of each kind that any operation or fragment comes to."""
    written = [
        (one, _written(one))
        for one in document.definitions
        if isinstance(one, OperationDefinitionNode | FragmentDefinitionNode)
    ]
    fragments = {one.name.value: found for one, found in written if isinstance(one, FragmentDefinitionNode)}
    sizes = _sizes(fragments)
    all_sizes = [_with_spreads(found, sizes) for _, found in written]
    names = _SENTENCES.keys()
    return Size(**{name: max((getattr(size, name) for size in all_sizes), default=0) for name in names})


def _written(definition: OperationDefinitionNode | FragmentDefinitionNode) -> _Written:
    found = _Written(Size(directives=len(definition.directives or ()) + _of_variables(definition.variable_definitions)))
    depth = nesting = fields = aliases = directives = 0
    for node, its_depth, its_nesting in _selections(definition.selection_set, _step(definition)):
        nesting, directives = max(nesting, its_nesting), directives + len(node.directives or ())
        if isinstance(node, FieldNode):
            depth, fields, aliases = max(depth, its_depth), fields + 1, aliases + (node.alias is not None)
        elif isinstance(node, FragmentSpreadNode):
            found.spreads.append((node.name.value, its_depth - 1, its_nesting))
    found.size = found.size.beside(Size(depth, nesting, fields, aliases, directives))
    return found


def _of_variables(definitions: Sequence[VariableDefinitionNode] | None) -> int:
    return sum(len(one.directives or ()) for one in definitions or ())


def _step(definition: OperationDefinitionNode | FragmentDefinitionNode) -> int:
    """Return by how much each field goes deeper: not at all in the schema's description of itself.

    What tools ask of it nests deep, and a rule of GraphQL bounds it.
    """
    if not isinstance(definition, FragmentDefinitionNode):
        return 1
    return 0 if definition.type_condition.name.value.startswith("__") else 1


def _selections(
    top: SelectionSetNode, step: int
) -> Iterator[tuple[FieldNode | FragmentSpreadNode | InlineFragmentNode, int, int]]:
    """Yield every selection with the depth of fields and of selections at which it stands, from 1."""
    waiting = [(top, 1, 1, step)]
    while waiting:
        selection_set, depth, nesting, step = waiting.pop()
        for node in selection_set.selections:
            assert isinstance(node, FieldNode | FragmentSpreadNode | InlineFragmentNode)
            yield node, depth, nesting
            if isinstance(node, FragmentSpreadNode) or node.selection_set is None:
                continue
            if isinstance(node, InlineFragmentNode):
                waiting.append((node.selection_set, depth, nesting + 1, step))
                continue
            below = 0 if node.name.value in _INTROSPECTION else step
            waiting.append((node.selection_set, depth + below, nesting + 1, below))


def _sizes(fragments: Mapping[str, _Written]) -> Mapping[str, Size]:
    """Return the size of each fragment. In a circle, the spread that closes it counts as nothing."""
    sizes: dict[str, Size] = {}
    begun: set[str] = set()
    waiting = list(fragments)
    while waiting:
        name = waiting[-1]
        missing = [] if name in begun else [one for one, _, _ in fragments[name].spreads if one in fragments]
        missing = [one for one in missing if one not in begun]
        begun.add(name)
        if missing:
            waiting += missing
        else:
            waiting.pop()
            if name not in sizes:
                sizes[name] = _with_spreads(fragments[name], sizes)
    return sizes


def _with_spreads(written: _Written, sizes: Mapping[str, Size]) -> Size:
    total = written.size
    for name, depth, nesting in written.spreads:
        total = total.beside(sizes.get(name, Size()), depth, nesting)
    return total
