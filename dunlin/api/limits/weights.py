"""What the schema's fields cost. `tests/unit/test_limits_weights.py` fails where a list is missing here.

A point is what it takes to show an object with an id: a tenth of a millisecond or two. Any other field is a tenth of
that, and so is an object without an id. What asks the database by itself, or computes much, has its weight below.
"""

from collections.abc import Mapping

# Unit of all sums: a hundredth of a point.
POINT = 100
OBJECT = POINT
FIELD = 10
# Introspection reads what lies in memory, a tenth as dear as a field.
DESCRIBED = 1

MUTATION = 10 * POINT
PAGE = 2 * POINT

# How many entries a list is taken to have that has no pages: what is usual in a large organization, not the most.
LISTS: Mapping[str, int] = {
    "ApiToken.permissions": 4,
    "ApiToken.organizations": 5,
    "AuditEntry.changes": 5,
    "CaseStep.decisionTrace": 20,
    "CollectionCase.steps": 6,
    "CollectionCycle.steps": 6,
    "CollectionStep.emailTexts": 4,
    "CollectionStep.smsTexts": 4,
    "CollectionStep.smsCosts": 4,
    "Customer.possibleTimeZones": 5,
    "DisconnectImpact.consequences": 5,
    "Forecast.days": 60,
    "ForecastDay.sending": 2,
    "ForecastDay.notSending": 4,
    "ForecastSending.estimatedCosts": 2,
    "Organization.integrations": 2,
    "Organization.creditorAccounts": 3,
    "Organization.availableCommunicationMethods": 3,
    "Organization.returnReasons": 40,
    "Reminder.events": 5,
    "SendingPolicy.days": 7,
    "SmsPreview.offendingCharacters": 10,
    "SmsPreview.unknownPlaceholders": 5,
    "SmsPricing.prices": 50,
    "SmsTextCost.offendingCharacters": 10,
    "SmsTextCost.reasons": 5,
    "Spending.reserved": 2,
    "Spending.spent": 2,
    "UserError.path": 3,
    "Viewer.permissions": 4,
    # What the schema says of itself
    "__Schema.types": 160,
    "__Schema.directives": 6,
    "__Type.fields": 8,
    "__Type.interfaces": 1,
    "__Type.possibleTypes": 2,
    "__Type.enumValues": 3,
    "__Type.inputFields": 2,
    "__Field.args": 1,
    "__Directive.args": 1,
    "__Directive.locations": 3,
}

# Lists of every payload, and what nothing else can be: small by their nature.
LISTS_BY_NAME: Mapping[str, int] = {"userErrors": 3}

# Beyond what their type costs, in points.
WEIGHTS: Mapping[str, int] = {
    "CaseStep.decisionTrace": 1,
    "CollectionCaseConnection.totalCount": 50,
    "CollectionStep.smsCosts": 20,
    "Customer.smsOptOut": 1,
    "Integration.disconnectImpact": 50,
    "Integration.pricing": 5,
    "Mutation.closeOrganization": 200,
    "Mutation.connectIntegration": 100,
    "Mutation.disconnectIntegration": 200,
    "Mutation.importBankFile": 500,
    "Organization.forecast": 500,
    "Organization.returnReasons": 5,
    "Organization.spending": 5,
    "Query.previewSms": 30,
    "ReminderConnection.totalCount": 50,
    "Subscription.deliveryStatus": 10,
}

# Lists whose length the caller gives: the path of the list in the arguments, and the most that there may be.
GIVEN: Mapping[str, tuple[tuple[str, ...], int]] = {
    "Query.nodes": (("ids",), 100),
    "Mutation.openCollectionCases": (("input", "cases"), 1_000),
    "Mutation.registerMandates": (("input", "mandates"), 1_000),
}

# Fields that repeat as often as the field that leads to their type says, beside those of connections.
ENTRIES = frozenset({"OpenCollectionCasesPayload.cases", "RegisterMandatesPayload.mandates"})

# Asking what is left costs nothing: who has nothing left may ask.
FREE = frozenset({"Query.rateLimit", "Query.__typename"})
