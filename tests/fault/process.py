"""The nursery, `python -m tests.fault.process`: forks the processes of the ring, with everything imported already.

It reads an `Order` per line, and writes a line when a process has been started, has stopped and has ended. Each
process runs what production runs, `work(settings, times)` or `serve(settings, times)`. When nobody reads any more,
all of them end.
"""

import json
import os
import selectors
import signal
import sys
from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path

from dunlin.api.server import serve
from dunlin.commands.ground import run
from dunlin.domain.rules.texts import Filling
from dunlin.domain.rules.writing import Draft, Wording, write
from dunlin.domain.rules.zones import zones_of_number
from dunlin.jobs.worker import work
from dunlin.runtime.settings import read_settings
from dunlin.sandbox.app import run as run_carrier
from dunlin.sandbox.behaviour import Behaviour
from tests.fault.broken import VARIANTS
from tests.fault.clock import set_clock_ahead
from tests.fault.ground import prepare
from tests.fault.halting import halt_at
from tests.fault.order import Order, Role


def _warm_up() -> None:
    """Do once what is slow the first time, so that those who are killed all the time get to do something."""
    filling = Filling("A", "B", Decimal(1), "EUR", date(2026, 1, 15), "C")
    write(Draft({"en": Wording("Dear {{ customer.name }}, {{ amount }} is due.")}, "en", "en", filling))
    zones_of_number("+447700900001")


def main() -> None:
    _warm_up()
    children: set[int] = set()
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
    selector.register(woken, selectors.EVENT_READ)
    unread = b""
    try:
        while True:
            for key, _ in selector.select():
                part = os.read(key.fd, 65_536)
                if key.fd == woken:
                    _report_changes(children)
                elif not part:
                    return
                else:
                    *lines, unread = (unread + part).split(b"\n")
                    for line in lines:
                        children.add(_start(Order.from_json(line.decode())))
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)


def _start(order: Order) -> int:
    if child := os.fork():
        _say(started=child)
        return child
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _speak_to(order.log)
        _become(order)
        os._exit(0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
        os._exit(1)


def _speak_to(log: Path) -> None:
    with Path(os.devnull).open("rb") as nothing, log.open("ab") as file:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def _become(order: Order) -> None:
    os.environ.update(order.environment)
    for name in order.broken:
        VARIANTS[name]()
    if order.clock_ahead_s:
        set_clock_ahead(order.clock_ahead_s)
    if order.halt is not None:
        halt_at(order.halt)
    match order.role:
        case Role.WORKER:
            run(lambda: work(read_settings(), order.times))
        case Role.API:
            run(lambda: serve(read_settings(), order.times))
        case Role.CARRIER:
            given = order.arguments
            behaviour = Behaviour.model_validate(given["behaviour"])
            run_carrier(
                "127.0.0.1",
                given["port"],
                Path(given["accounts"]),
                Path(given["ledger"]),
                behaviour,
                smtp_port=given["smtp_port"],
                reports_to=given["reports_to"],
            )
        case Role.GROUND:
            run(lambda: prepare(read_settings(), order.times, **order.arguments))


def _report_changes(children: set[int]) -> None:
    with suppress(ChildProcessError):
        while (change := os.waitpid(-1, os.WNOHANG | os.WUNTRACED))[0]:
            child, status = change
            if os.WIFSTOPPED(status):
                _say(stopped=child)
            else:
                children.discard(child)
                _say(ended=child, code=os.waitstatus_to_exitcode(status))


def _say(**what: int) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
