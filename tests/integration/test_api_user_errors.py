"""What is wrong with an input is told as userErrors, each with the path of the field that is to blame."""

from collections.abc import Iterator
from copy import deepcopy

import httpx
import pytest
from graphql import GraphQLInputObjectType, GraphQLInputType, GraphQLList, get_named_type, get_nullable_type

from tests.build import everything_stored
from tests.client import JSON, mutate, problems
from tests.integration.test_api_refusals import GOOD, Ids, filled
from tests.integration.test_api_refusals import ground as ground  # the fixtures
from tests.integration.test_api_refusals import ids as ids
from tests.introspection import OBJECTS

Path = tuple[str | int, ...]


def leaves(kind: GraphQLInputType, given: object, *path: str | int) -> Iterator[tuple[Path, str]]:
    """Yield each value that stands in `given`, an input of this type, with the name of its type; of lists, "[...]"."""
    inner = get_nullable_type(kind)
    if isinstance(inner, GraphQLList):
        yield path, f"[{get_named_type(inner).name}]"
        assert isinstance(given, list)
        for place, one in enumerate(given):
            yield from leaves(inner.of_type, one, *path, place)
    elif isinstance(inner, GraphQLInputObjectType):
        assert isinstance(given, dict)
        for name, value in given.items():
            yield from leaves(inner.fields[name].type, value, *path, name)
    else:
        yield path, get_named_type(inner).name


# What no field of a type takes.
SPOILED: dict[str, list[object]] = {
    "String": ["x" * 5_001],
    "Int": [-1, 2**31 - 1],
    "Decimal": ["-1", "0.00001"],
    "Date": ["0001-01-01", "9999-12-31"],
}
# The lists that may not be empty, or that have a most.
LISTS: dict[str, list[object]] = {
    "[OpenCaseInput]": [[], [GOOD["openCollectionCases"]["cases"][0]] * 1_001],
    "[MandateInput]": [[], [GOOD["registerMandates"]["mandates"][0]] * 1_001],
    "[StepInput]": [[], [{"name": "Wait", "triggerDays": 3}] * 51],
    "[Weekday]": [[]],
    "[Permission]": [[]],
    "[ID]": [[], ["T3JnYW5pemF0aW9uOjE="] * 101],
    "[LocalizedTextInput]": [[]],
}
# A step without a method needs no texts.
TAKEN = {("addStep", "step.smsTexts", 0), ("createCollectionCycle", "steps.0.smsTexts", 0)}
# The carrier does not say which of the two it does not know.
BLAMED_ON = {"twilio.authToken": "twilio.accountSid"}
# What the good inputs of the other tests leave out.
MORE: dict[str, JSON] = {
    "editStep": {"expectedVersion": 1, "triggerDays": 5, "communicationMethod": "SMS", "applyToOpenCases": True},
    "disconnectIntegration": {"impactToken": "x"},
    "createToken": {"days": 30},
    "optOutCustomer": {"kind": "SMS"},
    "optInCustomer": {"kind": "SMS"},
}
NOT_HERE = {
    "addStep.step.communicationMethod": "a method that is not connected is tried in test_cycles.py",
    "connectIntegration.twilio.apiKeySid": "tested with its secret in test_api_connect.py",
    "connectIntegration.twilio.apiKeySecret": "tested with its SID in test_api_connect.py",
    "connectIntegration.twilio.sender.messagingServiceSid": "one of three; tested in test_api_connect.py",
    "connectIntegration.twilio.sender.alphanumeric": "one of three; tested in test_api_connect.py",
    "openCollectionCases.cases.0.isRefund": "true and false are good",
    "connectIntegration.replyTo": "for e-mail only; tested in test_email.py",
    **{
        f"connectIntegration.smtp.{name}": "instead of twilio; tested in test_email.py and test_smtp_check.py"
        for name in ("host", "port", "username", "password", "fromAddress")
    },
    **{
        f"{place}.emailTexts.0.{name}": "tested in test_rules_step_input.py and test_email.py"
        for place in ("addStep.step", "editStep", "createCollectionCycle.steps.0")
        for name in ("language", "subject", "body")
    },
}
GIVEN = {mutation: {**GOOD[mutation], **MORE.get(mutation, {})} for mutation in GOOD}


def test_every_field_of_every_input_is_spoiled_here() -> None:
    kinds = {mutation: field.args["input"].type for mutation, field in OBJECTS["Mutation"].fields.items()}
    declared = {f"{mutation}.{path}" for mutation, kind in kinds.items() for path in fields_of(kind)}
    given = {
        f"{mutation}.{'.'.join('0' if isinstance(one, int) else one for one in path)}"
        for mutation, kind in kinds.items()
        for path, name in leaves(kind, GIVEN[mutation])
        if not name.startswith("[")
    }

    assert declared - given == NOT_HERE.keys(), "Give it in GOOD or MORE, or say in NOT_HERE why not."


def fields_of(kind: GraphQLInputType, *path: str) -> Iterator[str]:
    """Yield the path of each value of an input type, the first entries of its lists."""
    inner = get_nullable_type(kind)
    if isinstance(inner, GraphQLList):
        yield from fields_of(inner.of_type, *path, "0")
    elif isinstance(inner, GraphQLInputObjectType):
        for name, field in inner.fields.items():
            yield from fields_of(field.type, *path, name)
    else:
        yield ".".join(path)


def cases() -> Iterator[tuple[str, Path, object]]:
    for mutation, given in GIVEN.items():
        kind = OBJECTS["Mutation"].fields[mutation].args["input"].type
        for path, name in leaves(kind, given):
            for value in (SPOILED | LISTS).get(name, []):
                size = len(value) if isinstance(value, list) else value
                if (mutation, ".".join(map(str, path)), size) not in TAKEN:
                    yield mutation, path, value


def spoil(given: JSON, path: Path, value: object) -> JSON:
    spoiled = deepcopy(given)
    part = spoiled
    for key in path[:-1]:
        part = part[key]  # type: ignore[index]
    part[path[-1]] = value  # type: ignore[index]
    return spoiled


def shown(value: object) -> str:
    return str(value)[:12] if not isinstance(value, list) else f"{len(value)} entries"


@pytest.mark.parametrize(
    ("mutation", "path", "value"),
    [pytest.param(*case, id=f"{case[0]}.{'.'.join(map(str, case[1]))}: {shown(case[2])}") for case in cases()],
)
async def test_what_a_field_does_not_take_is_refused_under_its_path_and_nothing_changes(
    http: httpx.AsyncClient, ids: Ids, mutation: str, path: Path, value: object
) -> None:
    given = spoil(filled(mutation, ids, **MORE.get(mutation, {})), path, value)
    before = await everything_stored()

    payload = await mutate(http, ids["$token"], mutation, "", given)

    plain = ".".join(map(str, path))
    where = BLAMED_ON.get(plain, plain)
    assert [one for _, one in problems(payload) if one == where or one.startswith(f"{where}.")] != [], payload
    assert await everything_stored() == before
