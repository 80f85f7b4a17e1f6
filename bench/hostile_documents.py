"""Documents that are written to cost much, of 10 kB at most: some are refused, some run as dear as they may be."""

from collections.abc import Mapping

_ORGANIZATION = 'organization(id: "ORGANIZATION")'
_TOKENS = 1_990


def _many(part: str, tokens: int, *, of: int = _TOKENS, longest: int = 9_800) -> str:
    """Repeat a part, with its place for {i}, until all of it has so many tokens or characters."""
    parts: list[str] = []
    for place in range(of // tokens):
        parts.append(part.replace("{i}", str(place)))
        longest -= len(parts[-1].replace("ORGANIZATION", "x" * 24)) + 1
        if longest < 0:
            return " ".join(parts[:-1])
    return " ".join(parts)


def _chain(link: str, end: str, length: int) -> str:
    links = [link.replace("{i}", f"F{i}").replace("{j}", f"F{i + 1}") for i in range(length)]
    return " ".join(["{ ...F0 }", *links, end.replace("{i}", f"F{length}")])


_NAMED = "nodes { organization { %s } }"
_PAGES = "reminders(first: 100) { nodes { organization { reminders(first: 30) { nodes { id text status } } } } }"
_BIG = "case { number customer { name phone language } } events { id status }"

REFUSED: Mapping[str, str] = {
    "fan-out of fragments": _chain(
        "fragment {i} on Query { ...{j} ...{j} }", "fragment {i} on Query { viewer { id } }", 150
    ),
    "fan-out of fields": _chain(
        "fragment {i} on Query { ...{j} a: node(id: 1) { ...{j} } }", "fragment {i} on Query { viewer { id } }", 80
    ),
    "aliases": "{ viewer { " + _many("a{i}: name", 3) + " } }",
    "one field, over and over": "{ viewer { " + _many("name", 1) + " } }",
    "fields to merge": "{ " + _many("viewer { name id }", 5) + " }",
    "deep fields to merge": "{ " + _many(f"{_ORGANIZATION} {{ {_NAMED % 'name'} }}", 14) + " }",
    "valid fields to merge": "{ " + _many(f"{_ORGANIZATION} {{ name }}", 9, of=1_900) + " }",
    "fields of fragments to merge": "{ " + _many("...{ viewer { id } }", 7) + " }",
    "deep": "{ node(id: 1) " * 180 + "{ id }" + "}" * 180,
    "deeper": "{ a " * 2_400,
    "directives": "{ viewer { " + _many("name @skip(if: false)", 7) + " } }",
    "directives of one field": "{ viewer { name " + _many("@skip(if: false)", 6) + " } }",
    "unknown directives": "{ viewer { name " + _many("@skp{i}", 2) + " } }",
    "operations": _many("query A{i} { viewer { id } }", 8),
    "variables": "query (" + _many("$v{i}: Int = 1", 6) + ") { viewer { id } }",
    "variables of unknown types": "query (" + _many("$v{i}: CollectionCaseFilte", 4) + ") { viewer { id } }",
    "uses of a variable": "query ($id: ID!) { " + _many("organization(id: $id) { id }", 10) + " }",
    "operations that share a fragment": " ".join(f"query A{i} {{ ...F }}" for i in range(10))
    + " fragment F on Query { "
    + _many("organization(id: $id) { id }", 10, of=1_900)
    + " }",
    "a huge string": '{ node(id: "' + "x" * 9_700 + '") { id } }',
    "a huge block string": '{ node(id: """' + "\n  x" * 2_400 + '""") { id } }',
    "escapes": '{ node(id: "' + "\\u0061" * 1_600 + '") { id } }',
    "a huge number": "{ organizations(first: " + "9" * 9_700 + ") { nodes { id } } }",
    "a huge float": "{ node(id: 0." + "9" * 9_700 + ") { id } }",
    "a huge name": "{ " + "x" * 9_700 + " }",
    "a huge list": "{ nodes(ids: [" + _many("1", 1) + "]) { id } }",
    "a list of the wrong things": "{ nodes(ids: [" + _many("ACTIVE", 1) + "]) { id } }",
    "a deep list": "{ nodes(ids: " + "[" * 190 + "]" * 190 + ") { id } }",
    "a deep object": "{ node(id: " + "{ a: " * 190 + "1" + "}" * 190 + ") { id } }",
    "a wide object": "mutation { openCollectionCases(input: {"
    + _many("externalReferenc{i}: 1", 3)
    + "}) { userErrors { code } } }",
    "a list of objects": "mutation { openCollectionCases(input: {cases: ["
    + _many("{dueO{i}: 1}", 5)
    + "]}) { userErrors { code } } }",
    "a list of enums": "{ "
    + _ORGANIZATION
    + " { collectionCases(filter: {states: ["
    + _many("ACTIV{i}", 1)
    + "]}) { nodes { id } } } }",
    "comments": "{ viewer { id } }" + "\n#" * 4_800,
    "long comments": "{ viewer { id } } #" + "x" * 9_700,
    "commas": "{ viewer { id } }" + "," * 9_700,
    "unknown fields": "{ viewer { " + _many("permission{i}", 1, of=990) + " } }",
    "unknown arguments": "{ organizations(" + _many("firs{i}: 1", 3) + ") { nodes { id } } }",
    "unknown types": "{ viewer { " + _many("... on CollectionCaseConnectio { id }", 6) + " } }",
    "three unknown types": "{ viewer { ... on CollectionCaseConnectio { id } ... on InboundTextConnectin { id }"
    " ... on DisconnectIntegrationPayloa { id } } }",
    "unknown fragments": "{ " + _many("...F{i}", 2) + " }",
    "unused fragments": "{ viewer { id } } " + _many("fragment F{i} on Query { viewer { id } }", 10),
    "fragments in a circle": _chain(
        "fragment {i} on Query { ...{j} viewer { id } }", "fragment {i} on Query { ...F0 }", 150
    ),
    "fragments that spread all others": "{ ...F0 } "
    + " ".join(f"fragment F{i} on Query {{ {' '.join(f'...F{j}' for j in range(30))} }}" for i in range(30)),
    "inline fragments": "{ " + "... { " * 190 + "viewer { id }" + "}" * 190 + " }",
    "types of types": "{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }",
    "the schema, over and over": "{ " + _many("a{i}: __schema { types { fields { type { name } } } }", 17) + " }",
    "definitions of types": _many("type A{i} { a: Int }", 7),
    "no document": "\ufeff" + "}" * 9_000,
}

_A_PAGE = f"reminders(first: 100) {{ nodes {{ id text to status {_BIG} }} }}"


def _aliased(part: str, times: int) -> str:
    return " ".join(f"a{place}: {part}" for place in range(times))


def _of_organization(selection: str) -> str:
    return f"{{ {_ORGANIZATION} {{ {selection} }} }}"


_PREVIEW = (
    'previewSms(input: {organizationId: "ORGANIZATION", text: "{{ customer.name }}"}) { segments worst { segments } }'
)
_TYPES = (
    "__schema { types { name description fields { name description args { name description type { name ofType { name }"
    " } } type { name ofType { name } } } enumValues { name description } } }"
)

ALLOWED: Mapping[str, str] = {
    "the schema": f"{{ {_TYPES} }}",
    "the schema, forty times": f"{{ {_aliased('__schema { types { name description } }', 40)} }}",
    "a page of pages": _of_organization(_PAGES),
    "the largest page": _of_organization(_A_PAGE),
    "the largest page, again and again": _of_organization(_aliased(_A_PAGE, 5)),
    "all fields that merge": _of_organization(f"reminders(first: 100) {{ {_many('nodes { id text }', 5, of=200)} }}"),
    "leaves": _of_organization(f"reminders(first: 100) {{ nodes {{ {_aliased('text', 45)} }} }}"),
    "counts": _of_organization(_aliased("collectionCases { totalCount }", 45)),
    "forecasts": _of_organization(_aliased("forecast(days: 60) { isComplete }", 9)),
    "impacts": _of_organization(_aliased("integration(kind: SMS) { disconnectImpact { cases } }", 45)),
    "previews": f"{{ {_aliased(_PREVIEW, 45)} }}",
    "traces": _of_organization("collectionCases(first: 15) { nodes { steps { decisionTrace { name } } } }"),
    "costs of texts": _of_organization(
        "collectionCycles(first: 10) { nodes { steps { smsCosts { language usual { segments } } } } }"
    ),
}

HOSTILE: Mapping[str, str] = {**REFUSED, **ALLOWED}
