# Strawberry describes an enum where it meets it first, so ours are described before anything else is imported.
from dunlin.api.types import enums as enums
