"""Add an organization with its cards: every integration that exists, disconnected."""

from dunlin.domain.choices import AuditAction, IntegrationKind, Permission, Weekday
from dunlin.domain.errors import ProblemCode, Refusal, refuse
from dunlin.domain.rules.caps import FIRST_LIMITS, Limits
from dunlin.domain.rules.organization_input import NewOrganization, check_organization
from dunlin.domain.rules.schedule import SendWindow
from dunlin.domain.store import Store, Transaction
from dunlin.domain.tables import DeliverySequence, Integration, Organization, SmsPrice
from dunlin.domain.viewer import Viewer

# Inside what is customary in Europe, and inside Regulation F's 8 to 21 in the United States.
FIRST_WINDOW = SendWindow("08:00", "20:00", frozenset(Weekday) - {Weekday.SUNDAY})


async def create_organization(store: Store, viewer: Viewer, given: NewOrganization) -> Organization:
    """Return a new organization of the viewer's account.

    Refuses with WRONG_STATE (the viewer is of some organizations only), DUPLICATE or what is wrong with a field.
    """
    viewer.require(Permission.ADMIN)
    if viewer.organization_ids is not None:
        message = "You are of some organizations only: a new one is made by an ADMIN of the whole account."
        raise refuse(ProblemCode.WRONG_STATE, message)
    if problems := check_organization(given):
        raise Refusal(problems)

    async def create(transaction: Transaction) -> Organization:
        await require_new_name(transaction, viewer.account_id, given.name.strip())
        organization = await store_organization(
            account_id=viewer.account_id,
            name=given.name.strip(),
            country=given.country,
            time_zone=given.time_zone,
            default_language=given.default_language,
            window=FIRST_WINDOW,
        )
        transaction.audit(
            viewer,
            AuditAction.ORGANIZATION_CREATED,
            ("Organization", organization.id),
            organization_id=organization.id,
            after={
                "name": organization.name,
                "country": organization.country,
                "timeZone": organization.time_zone,
                "defaultLanguage": organization.default_language,
            },
        )
        return organization

    return await store.transact(create)


async def require_new_name(transaction: Transaction, account_id: int, name: str) -> None:
    """Refuse a name that an open organization of the account bears. The account is held until commit."""
    await transaction.rows("SELECT id FROM account WHERE id = $1 FOR NO KEY UPDATE", account_id)
    if await Organization.filter(account_id=account_id, name=name, closed_at__isnull=True).exists():
        raise refuse(ProblemCode.DUPLICATE, f"There is an organization {name!r} already.", "name")


async def store_organization(
    *,
    account_id: int,
    name: str,
    country: str,
    time_zone: str,
    default_language: str,
    window: SendWindow,
    skip_holidays: bool = True,
    limits: Limits = FIRST_LIMITS,
) -> Organization:
    """Return the new organization. Call it inside a transaction of the caller's."""
    organization = await Organization.create(
        account_id=account_id,
        name=name,
        country=country,
        time_zone=time_zone,
        default_language=default_language,
        window_start=window.start,
        window_end=window.end,
        window_days=[day.value for day in Weekday if day in window.days],
        skip_holidays=skip_holidays,
        minimum_gap_hours=limits.minimum_gap_hours,
        maximum_per_week=limits.maximum_per_week,
    )
    await DeliverySequence.create(organization_id=organization.id)
    await SmsPrice.create(organization_id=organization.id, country=country)
    for kind in IntegrationKind:
        await Integration.create(organization_id=organization.id, kind=kind)
    return organization
