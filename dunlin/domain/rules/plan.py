"""What becomes of a step that is due: a reminder, or nothing with the reason in plain words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dunlin.domain.choices import CommunicationMethod, IntegrationStatus
from dunlin.domain.rules.schedule import SendWindow, next_opening
from dunlin.domain.rules.segments import Encoded, encode
from dunlin.domain.rules.texts import BadText, Filling, choose_language, render


@dataclass(frozen=True, slots=True)
class DueStep:
    """Everything that decides about one due step."""

    communication_method: CommunicationMethod
    integration_status: IntegrationStatus | None  # of the step's method; None where it has none
    never_because: str | None  # why nothing may ever be sent
    phone: str | None
    opted_out: bool
    texts: Mapping[str, str]
    customer_language: str | None
    default_language: str
    filling: Filling
    window: SendWindow
    zone: ZoneInfo
    reset_reason: str | None  # why the method was set to NONE, if a disconnect did it


@dataclass(frozen=True, slots=True)
class Remind:
    to: str
    text: str
    language: str
    encoded: Encoded
    scheduled_for: datetime


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing is sent. `needs_attention`: a person should look at the case."""

    reason: str
    needs_attention: bool = True


def decide(step: DueStep, now: datetime) -> Remind | Skip:
    """Return what becomes of `step` at `now`."""
    if step.never_because is not None:
        return Skip(step.never_because)
    if step.communication_method is CommunicationMethod.NONE:
        return Skip(step.reset_reason or "This step has no communication method.", needs_attention=False)
    if step.integration_status in (None, IntegrationStatus.DISCONNECTED):
        return Skip(f"{step.communication_method} is not connected.", needs_attention=False)
    if step.opted_out:
        return Skip("The customer has opted out of SMS.")
    if step.phone is None:
        return Skip("The customer has no phone number.")
    language = choose_language(step.texts, step.customer_language, step.default_language)
    if language is None:
        wanted = step.customer_language or step.default_language
        return Skip(f"The step has no text in {wanted} nor in {step.default_language}.")
    return _remind(step, step.phone, language, now)


def _remind(step: DueStep, to: str, language: str, now: datetime) -> Remind | Skip:
    try:
        text = render(step.texts[language], step.filling, language)
    except BadText as error:
        return Skip(f"The text in {language} cannot be sent. {error}")
    if not text:
        return Skip(f"The text in {language} is empty once filled in.")
    return Remind(to, text, language, encode(text), next_opening(now, step.window, step.zone))
