"""What a carrier's refusal, or its report of a failure, means beyond the one reminder."""

from dataclasses import dataclass
from typing import assert_never

from dunlin.domain.carrier import Fault
from dunlin.domain.choices import PhoneProblemKind


@dataclass(frozen=True, slots=True)
class Consequence:
    """`blocks`: nothing more goes out until somebody connects again. `holds`: nothing goes out for as long as the
    carrier says. `marks`: what is wrong with the address, until it is corrected. `may_pass`: the same message may go
    later. `is_ours`: we asked for something wrong, or do not know the carrier's code.
    """

    blocks: bool = False
    holds: bool = False
    marks: PhoneProblemKind | None = None
    opts_out: bool = False
    may_pass: bool = False
    is_ours: bool = False

    @property
    def touches_account(self) -> bool:
        return self.blocks or self.holds


def consequence_of(fault: Fault) -> Consequence:
    match fault:
        case Fault.CREDENTIALS | Fault.SENDER:
            return Consequence(blocks=True)
        case Fault.LIMIT:
            return Consequence(holds=True, may_pass=True)
        case Fault.INVALID_NUMBER | Fault.INVALID_ADDRESS:
            return Consequence(marks=PhoneProblemKind.INVALID)
        case Fault.LANDLINE:
            return Consequence(marks=PhoneProblemKind.LANDLINE)
        case Fault.OPTED_OUT:
            return Consequence(opts_out=True)
        case Fault.UNREACHABLE | Fault.TEMPORARY:
            return Consequence(may_pass=True)
        case Fault.RECIPIENT | Fault.COUNTRY | Fault.CONTENT | Fault.DISPUTABLE | Fault.OTHER:
            return Consequence()
        case Fault.OURS | Fault.UNLISTED:
            return Consequence(is_ours=True)
        case _ as never:
            assert_never(never)
