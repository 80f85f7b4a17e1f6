"""Which methods a step may use."""

from dunlin.domain.choices import CommunicationMethod
from dunlin.domain.errors import ProblemCode, refuse
from dunlin.domain.rules.recipient import kind_of, words_of
from dunlin.domain.store import Transaction


async def require_available(
    transaction: Transaction, organization_id: int, method: CommunicationMethod, *path: str
) -> None:
    """Refuse a method whose integration is not connected. The caller holds the integrations until commit."""
    if method is CommunicationMethod.NONE:
        return
    connected = await transaction.rows(
        "SELECT 1 FROM integration WHERE organization_id = $1 AND kind = $2 AND connection_id IS NOT NULL",
        organization_id,
        method.value,
    )
    if not connected:
        name = words_of(kind_of(method)).name
        message = f"{name} is not connected for this organization. Connect it, or choose another method."
        raise refuse(ProblemCode.METHOD_UNAVAILABLE, message, *path, "communicationMethod")
