"""Halting a worker at a named point of a reminder's way, by a signal that it sends itself."""

import asyncio
import functools
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from aiohttp import ClientSession, TraceConfig, TraceRequestChunkSentParams

from dunlin.channels import twilio_transport
from dunlin.channels.twilio import TwilioChannel
from dunlin.jobs import answer_recorder, deliverer
from tests.fault.order import Halt, Stage
from tests.fault.switch import switch

HALTED = b"halts here\n"  # what it says last
_ON_ITS_WAY_S = 0.005  # from the call that writes a request to its last byte in the socket


def halt_at(halt: Halt) -> None:
    """Have this process halt there."""
    left = [halt.passage]

    def pass_by() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.write(2, HALTED)
            os.kill(os.getpid(), halt.signal)

    match halt.stage:
        case Stage.CLAIMED:
            _pass_after(deliverer, "claim_reminders", pass_by, if_any=bool)
        case Stage.MARKED:
            _pass_after(deliverer, "mark_sending", pass_by, if_any=lambda marked: bool(marked.handovers))
        case Stage.POSTED:
            _after_posting(pass_by)
        case Stage.ANSWERED:
            _pass_after(TwilioChannel, "send", pass_by)
        case Stage.RECORDED:
            _pass_after(answer_recorder, "record_answers", pass_by)


def _pass_after(
    where: object, name: str, pass_by: Callable[[], None], *, if_any: Callable[[Any], bool] = lambda result: True
) -> None:
    """Pass by whenever what is under `name` has returned; with `if_any`, only where it returned something."""
    work = getattr(where, name)

    @functools.wraps(work)
    async def wrapped(*args: object, **kwargs: object) -> object:
        result = await work(*args, **kwargs)
        if if_any(result):
            pass_by()
        return result

    switch(where, name, wrapped)


def _after_posting(pass_by: Callable[[], None]) -> None:
    async def sent(_: ClientSession, __: SimpleNamespace, params: TraceRequestChunkSentParams) -> None:
        if params.method == "POST":
            asyncio.get_running_loop().call_later(_ON_ITS_WAY_S, pass_by)

    trace = TraceConfig()
    trace.on_request_chunk_sent.append(sent)
    switch(twilio_transport, "ClientSession", functools.partial(ClientSession, trace_configs=[trace]))
