"""What names a direct debit: its mandate, and its end-to-end id. ISO 20022 gives each at most 35 characters."""

MAX_LENGTH = 35
MAX_MANDATES = 20  # of one customer in one call


def folded(reference: str) -> str:
    """Return what a mandate is found by. Banks do not keep its capitals, and the SEPA rulebook lets them."""
    return reference.casefold()
