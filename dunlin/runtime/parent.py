"""A process that another one started for its own use ends when that one ends, however it ends."""

import ctypes
import os
import signal
import sys

DIES_WITH_PARENT = "DUNLIN_DIES_WITH_PARENT"

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the system to end this process with its parent, where it was started so and the system can (Linux)."""
    parent = os.environ.get(DIES_WITH_PARENT)
    if parent is None or sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it has ended already
        sys.exit(1)
