"""Halting a worker at a named point of a reminder's way, by a signal that it sends itself."""

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any, ParamSpec, TypeVar

from aiohttp import ClientSession, TraceConfig, TraceRequestChunkSentParams

from dunlin.channels import twilio_transport
from dunlin.channels.twilio import TwilioChannel
from dunlin.domain.actions.deliver import claim_reminders, mark_sending
from dunlin.domain.actions.record import record_answers
from dunlin.jobs import answer_recorder, deliverer
from tests.fault.order import Halt, Stage
from tests.fault.switch import switch

P = ParamSpec("P")
T = TypeVar("T")

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
            switch(deliverer, "claim_reminders", _then(claim_reminders, pass_by, if_any=True))
        case Stage.MARKED:
            switch(deliverer, "mark_sending", _then(mark_sending, pass_by, if_any=True))
        case Stage.POSTED:
            _after_posting(pass_by)
        case Stage.ANSWERED:
            switch(TwilioChannel, "send", _then(TwilioChannel.send, pass_by))
        case Stage.RECORDED:
            switch(answer_recorder, "record_answers", _then(record_answers, pass_by))


def _then(work: Callable[P, Awaitable[T]], pass_by: Callable[[], None], *, if_any: bool = False) -> Callable[P, Any]:
    @functools.wraps(work)
    async def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        result = await work(*args, **kwargs)
        if not if_any or (isinstance(result, Sequence) and result):
            pass_by()
        return result

    return wrapped


def _after_posting(pass_by: Callable[[], None]) -> None:
    async def sent(_: ClientSession, __: SimpleNamespace, params: TraceRequestChunkSentParams) -> None:
        if params.method == "POST":
            asyncio.get_running_loop().call_later(_ON_ITS_WAY_S, pass_by)

    trace = TraceConfig()
    trace.on_request_chunk_sent.append(sent)
    switch(twilio_transport, "ClientSession", functools.partial(ClientSession, trace_configs=[trace]))
