"""What tests arrange with: each builder makes one thing that is good in every respect not asked about."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from dunlin.domain.actions.connect_integration import connect_integration
from dunlin.domain.actions.create_organization import store_organization
from dunlin.domain.actions.open_cases import open_cases
from dunlin.domain.actions.receive_text import InboundAddress, receive_text
from dunlin.domain.actions.record_payment import record_payment
from dunlin.domain.audit import Actor
from dunlin.domain.carrier import TextReceived
from dunlin.domain.choices import (
    ActorKind,
    CaseOrigin,
    CommunicationMethod,
    IntegrationKind,
    Permission,
    ReturnOutcome,
    Weekday,
)
from dunlin.domain.rules.caps import NO_LIMITS, Limits
from dunlin.domain.rules.case_input import NewCase, NewCustomer
from dunlin.domain.rules.payment import NewPayment
from dunlin.domain.rules.schedule import SendWindow
from dunlin.domain.store import rows
from dunlin.domain.tables import (
    Account,
    BankImport,
    BankImportLine,
    CollectionCase,
    CollectionCycle,
    CollectionStep,
    CreditorAccount,
    Integration,
    Organization,
    StepTexts,
)
from dunlin.domain.viewer import Viewer, issue_token
from dunlin.runtime.wiring import Services

ALL_DAY = SendWindow("00:00", "24:00", frozenset(Weekday))
ALL_PERMISSIONS = frozenset(Permission)
SMS = CommunicationMethod.SMS
EMAIL = CommunicationMethod.EMAIL
NONE = CommunicationMethod.NONE
PHONE = "+447700900001"  # reserved for fiction
LONG_AGO = date(2026, 1, 15)
NOW = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)  # a Wednesday


async def an_account(name: str = "Owner") -> Account:
    return await Account.create(name=name)


async def an_organization(
    account: Account | None = None,
    *,
    name: str = "Waterworks",
    country: str = "BE",
    time_zone: str = "Europe/Brussels",
    language: str = "nl",
    window: SendWindow = ALL_DAY,
    skip_holidays: bool = False,
    limits: Limits = NO_LIMITS,
) -> Organization:
    owner = account or await an_account()
    return await store_organization(
        account_id=owner.id,
        name=name,
        country=country,
        time_zone=time_zone,
        default_language=language,
        window=window,
        skip_holidays=skip_holidays,
        limits=limits,
    )


async def a_cycle(
    organization: Organization,
    methods: Sequence[CommunicationMethod] = (SMS,),
    *,
    days: Sequence[int] | None = None,
    texts: dict[str, str] | None = None,
) -> CollectionCycle:
    """A cycle with one step per method, a week apart. A step may be SMS although SMS is not connected."""
    cycle = await CollectionCycle.create(organization_id=organization.id, name="Invoices")
    for position, method in enumerate(methods, start=1):
        stored = await StepTexts.create(
            organization_id=organization.id,
            sms=texts or {"en": "Dear {{ customer.name }}, {{ amount }} is due."},
            email={"en": {"subject": "Invoice {{ reference }}", "body": "Dear {{ customer.name }},\n\nplease pay."}},
        )
        await CollectionStep.create(
            organization_id=organization.id,
            cycle_id=cycle.id,
            position=position,
            name=f"Step {position}",
            trigger_days=days[position - 1] if days else 7,
            communication_method=method,
            texts_id=stored.id,
        )
    return cycle


def a_viewer(
    account: Account | Organization, permissions: frozenset[Permission] = ALL_PERMISSIONS, *, only: int | None = None
) -> Viewer:
    """A viewer of a whole account, given as itself or by one of its organizations; or of one organization only."""
    account_id = account.account_id if isinstance(account, Organization) else account.id
    return Viewer(
        actor=Actor(ActorKind.TOKEN, "1", "Tester", "192.0.2.1"),
        account_id=account_id,
        organization_ids=None if only is None else frozenset({only}),
        permissions=permissions,
        expires_at=None,
    )


async def a_token(
    services: Services,
    account: Account | Organization,
    permissions: frozenset[Permission] = ALL_PERMISSIONS,
    *,
    expires_at: datetime | None = None,
    only: int | None = None,
) -> str:
    return await issue_token(
        account_id=account.account_id if isinstance(account, Organization) else account.id,
        organization_ids=None if only is None else [only],
        name="Tester",
        permissions=permissions,
        expires_at=expires_at,
        key=services.settings.secret_keys[0],
    )


def a_new_case(
    reference: str = "INV-1",
    *,
    customer: str = "C-1",
    name: str = "Ada Reyes",
    phone: str | None = PHONE,
    email: str | None = None,
    language: str | None = "en",
    amount: str = "84.50",
    due_on: date = LONG_AGO,
    return_reason_code: str | None = None,
) -> NewCase:
    return NewCase(
        external_reference=reference,
        origin=CaseOrigin.DIRECT_DEBIT_RETURN if return_reason_code else CaseOrigin.OVERDUE_INVOICE,
        return_reason_code=return_reason_code,
        customer=NewCustomer(customer, name, language, phone, email),
        amount=Decimal(amount),
        currency="EUR",
        due_on=due_on,
    )


async def connect_sms(services: Services, organization: Organization, *, now: datetime = NOW) -> Integration:
    """Connect SMS with the sandbox's account."""
    return await _connect(services, organization, IntegrationKind.SMS, now)


async def connect_email(services: Services, organization: Organization, *, now: datetime = NOW) -> Integration:
    """Connect e-mail with the sandbox's mail server."""
    return await _connect(services, organization, IntegrationKind.EMAIL, now)


async def _connect(services: Services, organization: Organization, kind: IntegrationKind, now: datetime) -> Integration:
    return await connect_integration(
        services.store,
        a_viewer(organization),
        services.channels,
        services.vault,
        organization_id=organization.id,
        kind=kind,
        account=services.default_accounts[kind],
        now=now,
    )


async def a_collecting_organization(
    services: Services, account: Account | None = None, *, name: str = "Waterworks"
) -> tuple[Organization, CollectionCycle]:
    """An organization with SMS connected and a cycle of one SMS step."""
    organization = await an_organization(account, name=name)
    await connect_sms(services, organization)
    return organization, await a_cycle(organization)


async def open_one(
    services: Services, cycle: CollectionCycle, case: NewCase | None = None, *, now: datetime = NOW
) -> CollectionCase:
    organization = await Organization.get(id=cycle.organization_id)
    opened = await open_cases(
        services.store,
        a_viewer(organization),
        organization_id=organization.id,
        cycle_id=cycle.id,
        cases=[case or a_new_case()],
        now=now,
    )
    return opened[0]


async def pay(services: Services, case: CollectionCase, amount: str = "1.00") -> CollectionCase:
    return await record_payment(
        services.store,
        a_viewer(await case.organization),
        case_id=case.id,
        payment=NewPayment(Decimal(amount), case.currency, None, "BANK-1"),
        idempotency_key=None,
        now=NOW,
    )


async def a_received_text(
    services: Services, organization: Organization, body: str = "I have paid", *, sender: str = PHONE, number: int = 1
) -> None:
    """A text that came in for an organization, and has been checked; `number` makes it another one."""
    integration = await Integration.get(organization_id=organization.id, kind=IntegrationKind.SMS)
    address = InboundAddress(integration.id, organization.id, [])
    received = TextReceived("AC1", f"SM{number:032x}", sender, ("+15005550006",), body, None)
    await receive_text(services.store, address, received, NOW)


async def an_import(case: CollectionCase) -> BankImport:
    """The report of a bank's file that opened a case, of an organization whose account is known."""
    of = case.organization_id
    await CreditorAccount.create(organization_id=of, account="BE68539007547034", key="BE68539007547034")
    made = await BankImport.create(
        organization_id=of,
        cycle_id=case.cycle_id,
        format="camt.054.001.08",
        message_id="MSG-1",
        digest="0" * 64,
        file_name="debits.xml",
        imported_by="Tester",
        started_at=NOW,
        completed_at=NOW,
        opened=1,
    )
    await BankImportLine.create(
        organization_id=of,
        bank_import_id=made.id,
        number=1,
        line=8,
        outcome=ReturnOutcome.OPENED,
        end_to_end_id="E2E-1",
        amount=Decimal("84.50"),
        currency="EUR",
        dated_on=LONG_AGO,
        case_id=case.id,
    )
    return made


async def everything_stored() -> dict[str, list[str]]:
    """Every row of every table but for when a token was used, to see that nothing has changed."""
    tables = [row["tablename"] for row in await rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    contents = " UNION ALL ".join(
        f"SELECT '{name}' AS name, (to_jsonb(t) - 'last_used_at')::text AS content FROM \"{name}\" t" for name in tables
    )
    stored: dict[str, list[str]] = {name: [] for name in sorted(tables)}
    for row in await rows(f"{contents} ORDER BY content"):
        stored[row["name"]].append(row["content"])
    return stored


async def multiplied(table: str, times: int, **changed: str) -> None:
    """Add so many copies of each row of a table, with columns changed, as SQL about its number `n`."""
    columns = "".join(f", '{column}', {value}" for column, value in changed.items())
    await rows(
        f"INSERT INTO {table} SELECT copy.* FROM generate_series(1, {times}) n CROSS JOIN {table} t"
        f" CROSS JOIN LATERAL jsonb_populate_record(t, jsonb_build_object("
        f"'number of the copy', n, 'id', nextval(pg_get_serial_sequence('{table}', 'id')){columns})) copy ORDER BY n"
    )
