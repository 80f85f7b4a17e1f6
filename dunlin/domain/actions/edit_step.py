"""Edit a step of a collection cycle: its name, days, method and texts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from dunlin.domain.actions.methods import require_available
from dunlin.domain.choices import AuditAction, CommunicationMethod, Permission
from dunlin.domain.errors import Problem, ProblemCode, Refusal, not_found, refuse
from dunlin.domain.idempotency import Once, RowOf, by_key
from dunlin.domain.rules import step_input
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import CollectionStep, StepTexts
from dunlin.domain.viewer import Viewer


@dataclass(frozen=True, slots=True)
class StepEdit:
    """What to change; None leaves a field as it is. Texts replace all texts of their kind.

    `sms_texts` are (language, text), `email_texts` (language, subject, body).
    """

    name: str | None = None
    trigger_days: int | None = None
    communication_method: CommunicationMethod | None = None
    sms_texts: list[tuple[str, str]] | None = None
    email_texts: list[tuple[str, str, str]] | None = None


async def edit_step(
    store: Store,
    viewer: Viewer,
    *,
    step_id: int,
    expected_version: int | None,
    edit: StepEdit,
    apply_to_open_cases: bool,
    once: Once | None = None,
) -> CollectionStep:
    """Return the edited step, its version grown by one.

    Refuses with NOT_FOUND, STALE_VERSION, METHOD_UNAVAILABLE, IDEMPOTENCY_KEY_REUSED or what is wrong with a field.
    """
    viewer.require(Permission.CONFIGURE)
    step = await viewer.visible(CollectionStep.filter(id=step_id)).first()
    if step is None:
        raise not_found("step", "stepId")
    _require_usable(edit)
    content = {"step": step.id, "version": expected_version, "openCases": apply_to_open_cases, **asdict(edit)}

    async def apply(transaction: Transaction) -> CollectionStep:
        await hold_integrations(transaction, step.organization_id)
        if edit.communication_method is not None:
            await require_available(transaction, step.organization_id, edit.communication_method)
        locked = await CollectionStep.select_for_update().get_or_none(id=step.id)
        if locked is None:
            raise not_found("step", "stepId")
        if expected_version is not None and locked.version != expected_version:
            message = f"The step has been edited meanwhile: it is at version {locked.version}."
            raise refuse(ProblemCode.STALE_VERSION, message, "expectedVersion", found=locked)
        moved = 0 if edit.trigger_days is None else edit.trigger_days - locked.trigger_days
        before = await told(locked)
        await _change(locked, edit)
        after = {**await told(locked), "appliedToOpenCases": apply_to_open_cases}
        tell_of_step(transaction, viewer, AuditAction.STEP_EDITED, locked, before=before, after=after)
        if apply_to_open_cases:
            await _follow(transaction, locked, moved)
        return locked

    answer = RowOf(CollectionStep)
    return await store.transact(by_key(viewer, step.organization_id, once, "editStep", content, apply, answer))


async def told(step: CollectionStep) -> dict[str, object]:
    """Return what the audit trail is told of a step."""
    texts = await StepTexts.get(id=step.texts_id)
    return {
        "name": step.name,
        "position": step.position,
        "triggerDays": step.trigger_days,
        "communicationMethod": step.communication_method,
        "smsTexts": texts.sms,
        "emailTexts": texts.email,
    }


def tell_of_step(
    transaction: Transaction,
    viewer: Viewer,
    action: AuditAction,
    step: CollectionStep,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    subject = ("CollectionStep", step.id)
    transaction.audit(viewer, action, subject, organization_id=step.organization_id, before=before, after=after)


def _require_usable(edit: StepEdit) -> None:
    problems: list[Problem] = []
    if edit.name is not None:
        problems += step_input.check_name(edit.name)
    if edit.trigger_days is not None:
        problems += step_input.check_trigger_days(edit.trigger_days)
    if edit.sms_texts is not None:
        problems += step_input.check_sms_texts(edit.sms_texts)
    if edit.email_texts is not None:
        problems += step_input.check_email_texts(edit.email_texts)
    if problems:
        raise Refusal(problems)


async def _change(step: CollectionStep, edit: StepEdit) -> None:
    texts = await StepTexts.get(id=step.texts_id)
    sms = texts.sms if edit.sms_texts is None else dict(edit.sms_texts)
    email = texts.email if edit.email_texts is None else step_input.by_language(edit.email_texts)
    if (sms, email) != (texts.sms, texts.email):
        texts = await StepTexts.create(organization_id=step.organization_id, sms=sms, email=email)
        step.texts_id = texts.id
    if edit.name is not None:
        step.name = edit.name.strip()
    if edit.trigger_days is not None:
        step.trigger_days = edit.trigger_days
    if edit.communication_method is not None:
        step.communication_method = edit.communication_method
    if problems := step_input.check_has_text(step.communication_method, sms=sms, email=email):
        raise Refusal(problems)
    step.version += 1
    await step.save()


async def _follow(transaction: Transaction, step: CollectionStep, moved: int) -> None:
    """Let the pending copies in open cases follow; later steps of those cases move by as many days."""
    await transaction.rows(_HOLD_CASES, step.id)
    copies = await transaction.rows(
        "UPDATE case_step SET name = $2, trigger_days = $3, communication_method = $4, texts_id = $5,"
        " skipped_reason = NULL WHERE step_id = $1 AND state = 'PENDING' RETURNING case_id",
        step.id,
        step.name,
        step.trigger_days,
        step.communication_method.value,
        step.texts_id,
    )
    if not moved or not copies:
        return
    case_ids = [row["case_id"] for row in copies]
    await transaction.rows(_MOVE_LATER_STEPS, case_ids, step.position, moved)
    await transaction.rows(_REFRESH_NEXT_ACTION, case_ids)
    transaction.plans_due = True


# Cases before their steps, as everywhere: so planning and editing never wait for each other in a circle.
_HOLD_CASES = """
SELECT id FROM collection_case
WHERE id IN (SELECT case_id FROM case_step WHERE step_id = $1 AND state = 'PENDING') ORDER BY id FOR NO KEY UPDATE
"""

# Days are added on the organization's calendar, so that a clock change moves no step to another hour.
_MOVE_LATER_STEPS = """
UPDATE case_step s
SET due_at = ((s.due_at AT TIME ZONE o.time_zone) + $3 * interval '1 day') AT TIME ZONE o.time_zone
FROM organization o
WHERE o.id = s.organization_id AND s.case_id = ANY($1) AND s.position >= $2 AND s.state = 'PENDING'
"""

_REFRESH_NEXT_ACTION = """
UPDATE collection_case c SET next_action_at = next.due_at
FROM (SELECT DISTINCT ON (case_id) case_id, due_at FROM case_step
      WHERE case_id = ANY($1) AND state = 'PENDING' ORDER BY case_id, position) next
WHERE c.id = next.case_id AND c.state = 'ACTIVE'
"""
