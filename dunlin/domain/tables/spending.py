"""What organizations spend on texts."""

from tortoise import fields

from dunlin.domain.tables.account import OfOrganization


class MonthlySpending(OfOrganization):
    """What was spent in a month, and what is reserved for texts whose fate is not known: the sums of the attempts.

    `month` is its first day on the organization's calendar. Locked last but for the delivery sequence.
    """

    month = fields.DateField()
    currency = fields.CharField(max_length=3)
    reserved = fields.DecimalField(max_digits=20, decimal_places=10)
    spent = fields.DecimalField(max_digits=20, decimal_places=10)

    class Meta:
        table = "monthly_spending"
        unique_together = (("organization_id", "month", "currency"),)
