"""Who the benches text as, and what. Nothing else is imported, for the processes beside Dunlin start sooner without."""

from dunlin.domain.carrier import TwilioCredentials

CREDENTIALS = TwilioCredentials("AC" + "be" * 16, "0" * 32)
SENDER = "+15005550006"
TEXT = "Dear Ada Reyes, 84.50 euro was due on January 15, 2026."
PUBLIC_URL = "http://bench.invalid"  # what callbacks are signed for; nothing is ever sent there
