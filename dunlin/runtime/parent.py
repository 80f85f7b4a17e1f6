"""Parents and children: whom we start ends with us, and whom our children leave behind is ours to bury."""

import ctypes
import os
import signal
import sys

DIES_WITH_PARENT = "DUNLIN_DIES_WITH_PARENT"

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def die_with_parent() -> None:
    """Ask the system to end this process with its parent, where it was started so and the system can (Linux)."""
    parent = os.environ.get(DIES_WITH_PARENT)
    if parent is None or sys.platform != "linux":
        return
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it has ended already
        sys.exit(1)


def adopt_orphans() -> None:
    """Become the parent of what our children leave behind, so that it can be waited for (Linux).

    A server that detaches itself falls to the system's first process, and in a container that often buries
    nobody: the server would stay in the process list for ever.
    """
    if sys.platform == "linux":
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
