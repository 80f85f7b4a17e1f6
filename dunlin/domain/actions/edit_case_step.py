"""Choose another method for one pending step of one case."""

from dunlin.domain.actions.methods import require_available
from dunlin.domain.choices import AuditAction, CaseState, CaseStepState, CommunicationMethod, Permission
from dunlin.domain.errors import ProblemCode, Refusal, not_found, refuse
from dunlin.domain.idempotency import Once, RowOf, by_key
from dunlin.domain.rules import step_input
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import CaseStep, CollectionCase, StepTexts
from dunlin.domain.viewer import Viewer


async def edit_case_step(
    store: Store, viewer: Viewer, *, case_step_id: int, method: CommunicationMethod, once: Once | None = None
) -> CaseStep:
    """Return the step with its new method.

    Refuses with NOT_FOUND, CASE_CLOSED, WRONG_STATE (no longer pending), METHOD_UNAVAILABLE, or REQUIRED where the
    step has no text to send.
    """
    viewer.require(Permission.COLLECT)
    found = await viewer.visible(CaseStep.filter(id=case_step_id)).first()
    if found is None:
        raise not_found("case step", "caseStepId")

    async def edit(transaction: Transaction) -> CaseStep:
        await hold_integrations(transaction, found.organization_id)
        case = await CollectionCase.select_for_update(no_key=True).get(id=found.case_id)
        step = await CaseStep.select_for_update(no_key=True).get(id=found.id)
        if case.state is CaseState.CLOSED:
            raise refuse(ProblemCode.CASE_CLOSED, "The case is closed.", "caseStepId")
        if step.state is not CaseStepState.PENDING:
            message = f"The step is {step.state}: only a PENDING one can be changed."
            raise refuse(ProblemCode.WRONG_STATE, message, "caseStepId")
        await require_available(transaction, step.organization_id, method)
        if method is not CommunicationMethod.NONE:
            texts = await StepTexts.get(id=step.texts_id)
            if problems := step_input.check_has_text(method, sms=texts.sms, email=texts.email):
                raise Refusal(problems)
        before = {"communicationMethod": step.communication_method}
        step.communication_method = method
        step.skipped_reason = None
        await step.save(update_fields=["communication_method", "skipped_reason"])
        transaction.audit(
            viewer,
            AuditAction.CASE_STEP_EDITED,
            ("CaseStep", step.id),
            organization_id=step.organization_id,
            before=before,
            after={"communicationMethod": method},
        )
        return step

    content = {"caseStep": found.id, "method": method}
    answer = RowOf(CaseStep)
    return await store.transact(by_key(viewer, found.organization_id, once, "editCaseStep", content, edit, answer))
