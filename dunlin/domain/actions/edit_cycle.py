"""Make collection cycles, and add and remove their steps. Open cases keep the copies that they have."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from dunlin.domain.actions.edit_step import tell_of_step, told
from dunlin.domain.actions.methods import require_available
from dunlin.domain.choices import AuditAction, CommunicationMethod, Permission
from dunlin.domain.errors import Problem, ProblemCode, Refusal, not_found
from dunlin.domain.idempotency import Once, RowOf, by_key
from dunlin.domain.rules import step_input
from dunlin.domain.rules.step_input import NewStep
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import CollectionCycle, CollectionStep
from dunlin.domain.viewer import Viewer

MAX_STEPS = 50


async def create_cycle(
    store: Store,
    viewer: Viewer,
    *,
    organization_id: int,
    name: str,
    steps: list[NewStep],
    once: Once | None = None,
) -> CollectionCycle:
    """Return a new cycle. Refuses with NOT_FOUND, METHOD_UNAVAILABLE, or what is wrong with a field or the key."""
    viewer.require(Permission.CONFIGURE)
    organization = await viewer.organization(organization_id, "organizationId")
    problems = step_input.check_name(name) + _check_count(len(steps), "steps")
    for place, step in enumerate(steps):
        problems += step_input.under(step_input.check_step(step), "steps", str(place))
    if problems:
        raise Refusal(problems)

    async def create(transaction: Transaction) -> CollectionCycle:
        await hold_integrations(transaction, organization.id)
        cycle = await CollectionCycle.create(organization_id=organization.id, name=name.strip())
        transaction.audit(
            viewer,
            AuditAction.CYCLE_CREATED,
            ("CollectionCycle", cycle.id),
            organization_id=organization.id,
            after={"name": cycle.name, "steps": [step.name.strip() for step in steps]},
        )
        chosen: dict[CommunicationMethod, str] = {}
        for place, step in enumerate(steps):
            chosen.setdefault(step.communication_method, str(place))
        for method, where in chosen.items():
            await require_available(transaction, organization.id, method, "steps", where)
        await _insert(transaction, cycle, 1, steps)
        return cycle

    content = {"organization": organization.id, "name": name, "steps": [asdict(step) for step in steps]}
    answer = RowOf(CollectionCycle)
    return await store.transact(by_key(viewer, organization.id, once, "createCollectionCycle", content, create, answer))


async def add_step(
    store: Store, viewer: Viewer, *, cycle_id: int, position: int | None, step: NewStep, once: Once | None = None
) -> CollectionStep:
    """Return the new step: at `position`, counted from 1, before the step that stood there; or at the end."""
    viewer.require(Permission.CONFIGURE)
    found = await viewer.visible(CollectionCycle.filter(id=cycle_id)).first()
    if found is None:
        raise not_found("collection cycle", "cycleId")
    if problems := step_input.under(step_input.check_step(step), "step"):
        raise Refusal(problems)

    async def add(transaction: Transaction) -> CollectionStep:
        await hold_integrations(transaction, found.organization_id)
        cycle = await CollectionCycle.select_for_update().get(id=found.id)
        count = await CollectionStep.filter(cycle_id=cycle.id).count()
        place = count + 1 if position is None else position
        if problems := _check_count(count + 1, "cycleId") + _check_position(place, count + 1):
            raise Refusal(problems)
        await require_available(transaction, cycle.organization_id, step.communication_method, "step")
        await _shift(transaction, cycle.id, place, 1)
        (added,) = await _insert(transaction, cycle, place, [step])
        tell_of_step(transaction, viewer, AuditAction.STEP_ADDED, added, after=await told(added))
        return added

    content = {"cycle": found.id, "position": position, "step": asdict(step)}
    answer = RowOf(CollectionStep)
    return await store.transact(by_key(viewer, found.organization_id, once, "addStep", content, add, answer))


async def remove_step(store: Store, viewer: Viewer, *, step_id: int) -> CollectionCycle:
    """Return the cycle without the step; those after it move up."""
    viewer.require(Permission.CONFIGURE)
    found = await viewer.visible(CollectionStep.filter(id=step_id)).first()
    if found is None:
        raise not_found("step", "stepId")

    async def remove(transaction: Transaction) -> CollectionCycle:
        await hold_integrations(transaction, found.organization_id)
        cycle = await CollectionCycle.select_for_update().get(id=found.cycle_id)
        step = await CollectionStep.select_for_update().get_or_none(id=found.id)
        if step is None:
            raise not_found("step", "stepId")
        tell_of_step(transaction, viewer, AuditAction.STEP_REMOVED, step, before=await told(step))
        await step.delete()
        await _shift(transaction, cycle.id, step.position, -1)
        return cycle

    return await store.transact(remove)


async def _insert(
    transaction: Transaction, cycle: CollectionCycle, first: int, steps: Sequence[NewStep]
) -> list[CollectionStep]:
    """Store steps, each with its texts, at the positions from `first` on."""
    texts = await transaction.rows(
        _INSERT_TEXTS,
        cycle.organization_id,
        [json.dumps(dict(step.sms_texts)) for step in steps],
        [json.dumps(step_input.by_language(step.email_texts)) for step in steps],
    )
    await transaction.rows(
        _INSERT_STEPS,
        cycle.organization_id,
        cycle.id,
        list(range(first, first + len(steps))),
        [step.name.strip() for step in steps],
        [step.trigger_days for step in steps],
        [step.communication_method.value for step in steps],
        sorted(row["id"] for row in texts),
    )
    return await CollectionStep.filter(cycle_id=cycle.id, position__gte=first, position__lt=first + len(steps))


async def _shift(transaction: Transaction, cycle_id: int, start: int, by: int) -> None:
    """Move the steps from `start` on. By way of negative places: each step's place is unique at every moment."""
    await transaction.rows(
        "UPDATE collection_step SET position = -(position + $3) WHERE cycle_id = $1 AND position >= $2",
        cycle_id,
        start,
        by,
    )
    await transaction.rows(
        "UPDATE collection_step SET position = -position WHERE cycle_id = $1 AND position < 0", cycle_id
    )


def _check_count(count: int, *path: str) -> list[Problem]:
    if 1 <= count <= MAX_STEPS:
        return []
    return [Problem(ProblemCode.INVALID, f"A cycle has 1 to {MAX_STEPS} steps.", path)]


def _check_position(position: int, last: int) -> list[Problem]:
    if 1 <= position <= last:
        return []
    return [Problem(ProblemCode.INVALID, f"The new step's position is 1 to {last}.", ("position",))]


# Numbers are given in the order of the texts, so that sorted they belong to the steps one by one.
_INSERT_TEXTS = """
INSERT INTO step_texts (organization_id, sms, email)
SELECT $1, t.sms::jsonb, t.email::jsonb
FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS t(sms, email, place) ORDER BY t.place RETURNING id
"""

_INSERT_STEPS = """
INSERT INTO collection_step (organization_id, cycle_id, position, name, trigger_days, communication_method, texts_id,
  version)
SELECT $1, $2, t.*, 1 FROM unnest($3::int[], $4::text[], $5::int[], $6::text[], $7::bigint[]) AS t
"""
