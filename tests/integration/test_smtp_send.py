"""E-mail to servers on this machine: a real one, and one that misbehaves on demand."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from math import inf

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from dunlin.channels.smtp import SmtpChannel
from dunlin.channels.smtp_connect import Network
from dunlin.channels.smtp_transport import SmtpTransport
from dunlin.domain.carrier import (
    Accepted,
    Answer,
    Fault,
    Letter,
    Message,
    Refused,
    Sender,
    SenderKind,
    SmtpCredentials,
    Throttled,
    TwilioCredentials,
    Unknown,
    Unreached,
)
from dunlin.domain.times import boot_time
from tests.mail_server import Authority, Behaviour, Loopback, MailServer, Talk, after, hang_up, say_nothing

CORRELATION = "C0rrelat1on-of_43-characters-0123456789abcd"
SENDER = Sender(SenderKind.EMAIL_ADDRESS, "billing@acme.example")
LETTER = Letter("Invoice 7 is due", "en", "Acme Inc.", None, 4711)
LONG = timedelta(seconds=20)
SHORT = timedelta(milliseconds=400)
NAME = "mail.example.com"


def message_to(port: int, host: str = "127.0.0.1", begin_by: float = inf) -> Message:
    return Message(
        credentials=SmtpCredentials(host, port),
        sender=SENDER,
        to="bob@example.org",
        text="Invoice 7 is due.\n.\nPay by Friday.",
        correlation=CORRELATION,
        begin_by=begin_by,
        letter=LETTER,
    )


@asynccontextmanager
async def mailing(
    connect: timedelta = LONG,
    answer: timedelta = LONG,
    *,
    network: Network | None = None,
    tls: ssl.SSLContext | None = None,
    idle: timedelta = LONG,
    together: int = 100,
    bounces: str | None = "bounces@dunlin.example",
) -> AsyncIterator[SmtpChannel]:
    """Give a channel that trusts this machine, if it comes to it by its address."""
    transport = SmtpTransport(
        connect, answer, ("127.0.0.1",), tls, network=network, idle=idle, together=together, own_name="dunlin.example"
    )
    async with transport:
        yield SmtpChannel("https://dunlin.example", transport, bounces)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  a server has no event for each of these
            await asyncio.sleep(0.005)


class Mailbox:
    """Keeps what a real mail server was given."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        return "250 2.0.0 Taken"


@asynccontextmanager
async def real_server(mailbox: Mailbox, *, utf8: bool = False) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(mailbox, loop=loop, enable_SMTPUTF8=utf8), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_mail_arrives_at_a_real_server_as_it_was_written() -> None:
    mailbox = Mailbox()
    async with real_server(mailbox) as port, mailing() as channel:
        answer = await channel.send(message_to(port))

    assert isinstance(answer, Accepted)
    [envelope] = mailbox.envelopes
    assert envelope.mail_from == f"bounces+{CORRELATION}@dunlin.example"
    assert envelope.rcpt_tos == ["bob@example.org"]
    assert isinstance(envelope.content, bytes)
    mail = message_from_bytes(envelope.content, policy=default)
    assert mail["Message-ID"] == f"<{answer.provider_message_id}@acme.example>"
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert plain.get_content().replace("\r\n", "\n") == "Invoice 7 is due.\n.\nPay by Friday.\n"


async def test_without_an_address_for_bounces_the_sender_gets_them() -> None:
    mailbox = Mailbox()
    async with real_server(mailbox) as port, mailing(bounces=None) as channel:
        await channel.send(message_to(port))

    assert mailbox.envelopes[0].mail_from == SENDER.value


async def test_an_address_in_another_script_goes_to_a_server_that_takes_it() -> None:
    mailbox = Mailbox()
    async with real_server(mailbox, utf8=True) as port, mailing() as channel:
        answer = await channel.send(replace(message_to(port), to="bjørn@exämple.org"))

    assert isinstance(answer, Accepted)
    assert mailbox.envelopes[0].rcpt_tos == ["bjørn@xn--exmple-cua.org"]


async def test_an_address_in_another_script_is_refused_where_the_server_takes_none() -> None:
    mailbox = Mailbox()
    async with real_server(mailbox) as port, mailing() as channel:
        answer = await channel.send(replace(message_to(port), to="bjørn@example.org"))

    assert isinstance(answer, Refused)
    assert (answer.error_code, answer.fault) == (553, Fault.INVALID_ADDRESS)
    assert mailbox.envelopes == []


GREYLISTED = timedelta(minutes=5)
REFUSALS = [
    pytest.param("MAIL", "550 5.7.1 Not you", Fault.SENDER, None, id="sender"),
    pytest.param("MAIL", "553 5.1.8 Domain of sender", Fault.SENDER, None, id="sender-domain"),
    pytest.param("MAIL", "530 5.7.0 Authentication required", Fault.CREDENTIALS, None, id="login-wanted"),
    pytest.param("MAIL", "552 Too large", Fault.CONTENT, None, id="too-large-at-once"),
    pytest.param("MAIL", "552 5.3.4 Too large", Fault.CONTENT, None, id="too-large-with-code"),
    pytest.param("MAIL", "550 5.4.5 Daily user sending limit exceeded", Fault.LIMIT, timedelta(hours=1), id="limit"),
    pytest.param("RCPT", "550 5.1.1 bob@example.org unknown", Fault.INVALID_ADDRESS, None, id="unknown"),
    pytest.param("RCPT", "550 5.1.2 No such domain", Fault.INVALID_ADDRESS, None, id="unknown-domain"),
    pytest.param("RCPT", "550-5.1.1 two\r\n550 5.1.1 lines", Fault.INVALID_ADDRESS, None, id="two-lines"),
    pytest.param("RCPT", "552 5.2.2 Over quota", Fault.UNREACHABLE, timedelta(days=1), id="full"),
    pytest.param("RCPT", "452 4.2.2 Over quota", Fault.UNREACHABLE, timedelta(days=1), id="full-for-now"),
    pytest.param("RCPT", "550 5.2.1 Closed", Fault.INVALID_ADDRESS, None, id="closed"),
    pytest.param("RCPT", "550 5.7.1 Blocked", Fault.RECIPIENT, None, id="blocked"),
    pytest.param("RCPT", "550 5.7.1 Message quota exceeded", Fault.LIMIT, timedelta(hours=1), id="quota-words"),
    pytest.param("RCPT", "550 5.4.5 Daily sending limit", Fault.LIMIT, timedelta(hours=1), id="limit-at-recipient"),
    pytest.param("RCPT", "550 User unknown", Fault.INVALID_ADDRESS, None, id="bare-550"),
    pytest.param("RCPT", "551 Moved", Fault.INVALID_ADDRESS, None, id="bare-551"),
    pytest.param("RCPT", "553 Not allowed", Fault.INVALID_ADDRESS, None, id="bare-553"),
    pytest.param("RCPT", "552 Full", Fault.UNREACHABLE, timedelta(days=1), id="bare-552"),
    pytest.param("RCPT", "554 No", Fault.RECIPIENT, None, id="bare-554"),
    pytest.param("RCPT", "503 5.5.1 Bad sequence", Fault.OTHER, None, id="protocol"),
    pytest.param("DATA", "554 5.5.1 No", Fault.CONTENT, None, id="content-not-wanted"),
    pytest.param("DATA", "550 5.1.1 Unknown after all", Fault.INVALID_ADDRESS, None, id="unknown-late"),
    pytest.param("message", "554 Spam", Fault.CONTENT, None, id="spam"),
    pytest.param("message", "550 5.7.1 Spam", Fault.CONTENT, None, id="spam-with-code"),
    pytest.param("message", "552 5.3.4 Too large", Fault.CONTENT, None, id="too-large-at-the-end"),
    pytest.param("message", "550 5.1.1 Unknown", Fault.INVALID_ADDRESS, None, id="unknown-at-the-end"),
    pytest.param("message", "550 5.4.5 Daily limit", Fault.LIMIT, timedelta(hours=1), id="limit-at-the-end"),
]


@pytest.mark.parametrize(("stage", "reply", "fault", "lasts"), REFUSALS)
async def test_a_refusal_says_whom_it_is_about_and_leaves_the_connection_usable(
    stage: str, reply: str, fault: Fault, lasts: timedelta | None
) -> None:
    async with MailServer({stage: reply}).serving() as server, mailing() as channel:
        answer = await channel.send(message_to(server.port))
        assert server.taken == []
        server.behaviour[stage] = MailServer().behaviour[stage]
        again = await channel.send(message_to(server.port))

    assert isinstance(answer, Refused)
    assert (answer.error_code, answer.fault, answer.retry_after) == (int(reply[:3]), fault, lasts)
    assert isinstance(again, Accepted)
    assert (len(server.taken), len(server.talks)) == (1, 1)


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "message", "greeting", "AUTH"])
async def test_no_reason_repeats_what_a_server_says(stage: str) -> None:
    words = "550 5.1.1 <bob@example.org> from secret.internal"
    behaviour: dict[str, Behaviour] = {"EHLO": "250-x\r\n250 AUTH PLAIN", stage: words}
    async with MailServer(behaviour).serving() as server, mailing() as channel:
        message = message_to(server.port)
        answer = await channel.send(replace(message, credentials=SmtpCredentials("127.0.0.1", server.port, "u", "p")))

    assert isinstance(answer, Refused | Unreached)
    assert "550 5.1.1" in answer.reason
    assert "bob" not in answer.reason
    assert "secret" not in answer.reason


@pytest.mark.parametrize(
    ("stage", "reply", "wait"),
    [
        pytest.param("greeting", "421 Too many connections", None, id="too-many-connections"),
        pytest.param("greeting", "450 Later", None, id="not-now"),
        pytest.param("MAIL", "421 4.3.2 Closing", None, id="closing-at-the-sender"),
        pytest.param("MAIL", "451 4.3.0 Later", GREYLISTED, id="sender-later"),
        pytest.param("RCPT", "450 4.7.1 Greylisted", GREYLISTED, id="greylisted"),
        pytest.param("RCPT", "451 Later", GREYLISTED, id="bare-451"),
        pytest.param("RCPT", "421 Closing", None, id="closing-at-the-recipient"),
        pytest.param("DATA", "451 4.3.0 Later", GREYLISTED, id="content-later"),
        pytest.param("message", "451 4.3.0 Later", GREYLISTED, id="later-at-the-end"),
        pytest.param("message", "421 4.3.0 Closing", None, id="closing-at-the-end"),
    ],
)
async def test_who_is_asked_to_come_later_has_sent_nothing(stage: str, reply: str, wait: timedelta | None) -> None:
    async with MailServer({stage: reply}).serving() as server, mailing() as channel:
        answer = await channel.send(message_to(server.port))

    assert answer == Throttled(wait)
    assert server.taken == []


@pytest.mark.parametrize("stage", ["greeting", "EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(hang_up, id="gone"),
        pytest.param(say_nothing, id="silent"),
        pytest.param("What do you mean?", id="garbage"),
        pytest.param("299 Fine, I suppose", id="no-such-consent"),
        pytest.param("250-" + "x" * 200_000, id="a-line-without-end"),
        pytest.param("250-more\r\n" * 20_000, id="a-reply-without-end"),
    ],
)
async def test_what_goes_wrong_before_the_content_is_unreached(stage: str, behaviour: Behaviour) -> None:
    async with MailServer({stage: behaviour}).serving() as server, mailing(SHORT, SHORT) as channel:
        answer = await channel.send(message_to(server.port))
        await until(lambda: server.open == 0)

    assert isinstance(answer, Unreached)
    assert server.seen == []


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(hang_up, id="gone"),
        pytest.param(say_nothing, id="silent"),
        pytest.param("What do you mean?", id="garbage"),
        pytest.param("354 More", id="as-if-nothing-had-been-said"),
        pytest.param("199 Hm", id="no-such-code"),
        pytest.param("250-more\r\n" * 20_000, id="a-reply-without-end"),
    ],
)
async def test_no_clear_answer_to_the_content_leaves_a_doubt_and_no_second_try(behaviour: Behaviour) -> None:
    async with MailServer({"message": behaviour}).serving() as server, mailing(answer=SHORT) as channel:
        answer = await channel.send(message_to(server.port))
        await until(lambda: server.open == 0)

    assert isinstance(answer, Unknown)
    assert (len(server.seen), server.verbs.count("DATA")) == (1, 1)


async def test_a_server_gone_in_the_middle_of_the_content_leaves_a_doubt() -> None:
    async def read_little(talk: Talk) -> None:
        await talk.say("354 Go ahead")
        await talk.reader.readexactly(10)
        talk.hang_up()

    async with MailServer({"DATA": read_little}).serving() as server, mailing() as channel:
        answer = await channel.send(replace(message_to(server.port), text="x\n" * 100_000))

    assert isinstance(answer, Unknown)
    assert server.verbs.count("DATA") == 1


async def test_a_server_that_answers_before_it_has_read_is_believed() -> None:
    async def promise(talk: Talk) -> None:
        await talk.say("354 Go ahead\r\n250 Taken")

    async with MailServer({"DATA": promise}).serving() as server, mailing() as channel:
        answer = await channel.send(message_to(server.port))

    assert isinstance(answer, Accepted | Unknown)


async def test_where_nobody_listens_nothing_is_sent() -> None:
    async with MailServer().serving() as server:
        port = server.port
    async with mailing() as channel:
        answer = await channel.send(message_to(port))

    assert answer == Unreached("The mail server could not be reached.")


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(replace(message_to(9), credentials=TwilioCredentials("AC1", "x")), id="keys-of-another-carrier"),
        pytest.param(replace(message_to(9), letter=None), id="no-letter"),
    ],
)
async def test_what_is_no_mail_is_not_sent(message: Message) -> None:
    async with mailing() as channel:
        assert isinstance(await channel.send(message), Unreached)


async def test_a_transport_that_is_not_open_sends_nothing() -> None:
    async with MailServer().serving() as server:
        channel = SmtpChannel("https://dunlin.example", SmtpTransport(LONG, LONG, ("127.0.0.1",)), None)
        assert isinstance(await channel.send(message_to(server.port)), Unreached)
        assert server.talks == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param({"to": "bob"}, Fault.INVALID_ADDRESS, id="recipient"),
        pytest.param(
            {"to": "bob@example.org>\r\nRCPT TO:<eve@example.org"}, Fault.INVALID_ADDRESS, id="two-recipients"
        ),
        pytest.param({"sender": Sender(SenderKind.EMAIL_ADDRESS, "a b@x.example")}, Fault.SENDER, id="sender"),
        pytest.param({"letter": replace(LETTER, reply_to="x")}, Fault.CONTENT, id="reply-to"),
    ],
)
async def test_an_address_that_is_none_is_refused_without_a_word_to_the_server(
    change: dict[str, object], fault: Fault
) -> None:
    async with MailServer().serving() as server, mailing() as channel:
        answer = await channel.send(replace(message_to(server.port), **change))  # type: ignore[arg-type]

    assert isinstance(answer, Refused)
    assert answer.fault is fault
    assert server.talks == []


# The time to begin.


async def test_too_late_is_not_begun() -> None:
    async with MailServer().serving() as server, mailing() as channel:
        answer = await channel.send(message_to(server.port, begin_by=boot_time() - 1))
        await until(lambda: server.open == 0 or "MAIL" not in server.verbs)

    assert isinstance(answer, Unreached)
    assert "MAIL" not in server.verbs


@pytest.mark.parametrize("stage", ["greeting", "EHLO", "MAIL", "RCPT", "DATA"])
async def test_a_server_that_is_too_slow_at_any_stage_gets_no_content(stage: str) -> None:
    late = asyncio.Event()
    slow = after(late, str(MailServer().behaviour[stage]))
    async with MailServer({stage: slow}).serving() as server, mailing() as channel:
        answer = await channel.send(message_to(server.port, begin_by=boot_time() + 0.2))
        late.set()
        await until(lambda: server.open == 0 or stage in ("greeting", "EHLO"))

    assert isinstance(answer, Unreached)
    assert server.seen == []


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
async def test_the_clock_is_looked_at_right_before_the_content(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that stood still while the server answered finds the answer and its time-out together."""
    passed = 0.0
    monkeypatch.setattr("dunlin.channels.smtp_handover.boot_time", lambda: boot_time() + passed)
    usual = str(MailServer().behaviour[stage])

    async def answer_late(talk: Talk) -> None:
        nonlocal passed
        passed = 60.0
        await talk.say(usual)

    async with MailServer({stage: answer_late}).serving() as server, mailing() as channel:
        answer = await channel.send(message_to(server.port, begin_by=boot_time() + 30))
        passed = 0.0
        server.behaviour[stage] = usual
        again = await channel.send(message_to(server.port, begin_by=boot_time() + 30))

    assert isinstance(answer, Unreached)
    assert isinstance(again, Accepted)
    assert len(server.seen) == 1
    # After DATA there is no way back but the end of the connection.
    assert ("RSET" in server.verbs, len(server.talks)) == ((False, 2) if stage == "DATA" else (True, 1))


async def test_a_connection_that_comes_too_late_serves_the_next() -> None:
    late = asyncio.Event()
    async with MailServer({"greeting": after(late, "220 Here I am")}).serving() as server, mailing() as channel:
        first = await channel.send(message_to(server.port, begin_by=boot_time() + 0.1))
        late.set()
        second = await channel.send(message_to(server.port, begin_by=boot_time() + 10))

    assert isinstance(first, Unreached)
    assert isinstance(second, Accepted)
    assert (len(server.talks), len(server.taken)) == (1, 1)


# Connections.


async def test_a_connection_is_used_again() -> None:
    async with MailServer().serving() as server, mailing() as channel:
        for _ in range(5):
            assert isinstance(await channel.send(message_to(server.port)), Accepted)

    assert (len(server.talks), len(server.taken), server.verbs.count("EHLO")) == (1, 5, 1)


async def test_accounts_do_not_share_connections() -> None:
    async with MailServer({"EHLO": "250-x\r\n250 AUTH PLAIN"}).serving() as server, mailing() as channel:
        for name in ("ada", "bob", "ada"):
            keys = SmtpCredentials("127.0.0.1", server.port, name, "secret")
            assert isinstance(await channel.send(replace(message_to(server.port), credentials=keys)), Accepted)

    assert [talk.verbs.count("MAIL") for talk in server.talks] == [2, 1]


async def test_after_a_hundred_mails_a_connection_is_closed_in_good_order() -> None:
    async with MailServer().serving() as server, mailing() as channel:
        for _ in range(101):
            assert isinstance(await channel.send(message_to(server.port)), Accepted)
        assert [talk.verbs.count("MAIL") for talk in server.talks] == [100, 1]
        await until(lambda: server.talks[0].verbs[-1] == "QUIT")


async def test_an_idle_connection_is_closed_in_good_order() -> None:
    async with MailServer().serving() as server, mailing(idle=timedelta(milliseconds=50)) as channel:
        await channel.send(message_to(server.port))
        await until(lambda: server.open == 0)
        assert server.verbs[-1] == "QUIT"
        assert isinstance(await channel.send(message_to(server.port)), Accepted)

    assert len(server.taken) == 2


async def test_at_its_end_a_transport_says_goodbye_and_waits_for_nobody_long() -> None:
    async with MailServer({"QUIT": say_nothing}).serving() as server:
        async with mailing() as channel:
            await channel.send(message_to(server.port))
            began = boot_time()
        assert boot_time() - began < 5
        await until(lambda: server.open == 0)

    assert server.verbs[-1] == "QUIT"


async def test_many_at_once_share_eight_connections_and_each_arrives_once() -> None:
    async with MailServer().serving() as server, mailing() as channel:
        answers = await asyncio.gather(*(channel.send(_numbered(server.port, number)) for number in range(200)))

    assert all(isinstance(answer, Accepted) for answer in answers)
    assert server.most_open == 8
    mails = [message_from_bytes(content, policy=default)["Message-ID"] for content in server.taken]
    assert len(set(mails)) == len(mails) == 200


def _numbered(port: int, number: int) -> Message:
    return replace(message_to(port), letter=replace(LETTER, reminder_id=number + 1))


async def test_accounts_together_keep_to_a_bound_and_idle_ones_make_room() -> None:
    async with MailServer({"EHLO": "250-x\r\n250 AUTH PLAIN"}).serving() as server, mailing(together=3) as channel:
        keys = [SmtpCredentials("127.0.0.1", server.port, f"user{number}", "secret") for number in range(10)]
        answers = await asyncio.gather(
            *(channel.send(replace(message_to(server.port), credentials=one)) for one in keys * 5)
        )

    assert all(isinstance(answer, Accepted) for answer in answers)
    assert len(server.taken) == 50


async def test_who_waits_for_others_of_the_account_has_not_failed() -> None:
    late = asyncio.Event()
    async with MailServer({"message": after(late, "250 Taken")}).serving() as server, mailing() as channel:
        under_way = [asyncio.create_task(channel.send(message_to(server.port))) for _ in range(8)]
        await until(lambda: len(server.seen) == 8)
        ninth = await channel.send(message_to(server.port, begin_by=boot_time() + 0.1))
        late.set()
        answers = await asyncio.gather(*under_way)

    assert ninth == Throttled(None)
    assert all(isinstance(answer, Accepted) for answer in answers)
    assert len(server.seen) == 8


@pytest.mark.parametrize("end", ["closed", "reset", "said-421"])
async def test_a_connection_that_died_while_idle_is_replaced(end: str) -> None:
    async with MailServer().serving() as server, mailing() as channel:
        await channel.send(message_to(server.port))
        talk = server.talks[0]
        if end == "said-421":
            await talk.say("421 4.4.2 Idle for too long")
        talk.hang_up() if end == "reset" else talk.writer.close()
        again = await channel.send(message_to(server.port))

    assert isinstance(again, Accepted)
    assert (len(server.taken), len(server.talks)) == (2, 2)


@pytest.mark.parametrize("death", [hang_up, "421 4.4.2 Idle for too long"], ids=["gone", "closing"])
async def test_a_connection_that_turns_out_dead_at_the_sender_is_replaced_once(death: Behaviour) -> None:
    async with MailServer().serving() as server, mailing() as channel:
        await channel.send(message_to(server.port))
        server.behaviour["MAIL"] = _once(death, server)
        again = await channel.send(message_to(server.port))
        server.behaviour["MAIL"] = death
        at_last = await channel.send(message_to(server.port))

    assert isinstance(again, Accepted)
    assert isinstance(at_last, Unreached | Throttled)
    assert (len(server.taken), len(server.talks)) == (2, 3)


def _once(death: Behaviour, server: MailServer) -> Behaviour:
    async def die(talk: Talk) -> None:
        server.behaviour["MAIL"] = "250 Ok"
        if isinstance(death, str):
            await talk.say(death)
        else:
            await death(talk)

    return die


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "message"])
async def test_a_send_that_is_canceled_leaves_no_connection_behind(stage: str) -> None:
    async with MailServer({stage: say_nothing}).serving() as server, mailing() as channel:
        sending = asyncio.create_task(channel.send(message_to(server.port)))
        await until(lambda: bool(server.seen) if stage == "message" else stage in server.verbs)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await until(lambda: server.open == 0)
        server.behaviour[stage] = MailServer().behaviour[stage]
        again = await channel.send(message_to(server.port))

    assert isinstance(again, Accepted)
    assert (len(server.taken), len(server.talks)) == (1, 2)


async def test_who_is_canceled_while_waiting_takes_no_connection_away() -> None:
    async with MailServer().serving() as server, mailing() as channel:
        for _ in range(20):
            sending = [asyncio.create_task(channel.send(message_to(server.port))) for _ in range(20)]
            await asyncio.sleep(0)
            for task in sending[::2]:
                task.cancel()
            answers = await asyncio.gather(*sending, return_exceptions=True)
            assert all(isinstance(answer, Accepted) for answer in answers[1::2])

    assert server.most_open <= 8


# Encryption, and which servers may be used.


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


STARTTLS: dict[str, Behaviour] = {"EHLO": "250-mail.example.com\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN"}
PUBLIC = SmtpCredentials(NAME, 587, "ada", "secret")


async def send_by_name(
    server: MailServer, authority: Authority, credentials: SmtpCredentials = PUBLIC, network: Loopback | None = None
) -> Answer:
    network = network or Loopback(server.port)
    async with mailing(network=network, tls=authority.trust()) as channel:
        return await channel.send(replace(message_to(587), credentials=credentials))


@pytest.mark.parametrize("port", [25, 587, 2525])
async def test_a_public_server_is_spoken_to_encrypted_from_before_the_login(authority: Authority, port: int) -> None:
    async with MailServer(STARTTLS, authority.server(NAME)).serving() as server:
        answer = await send_by_name(server, authority, replace(PUBLIC, port=port))

    assert isinstance(answer, Accepted)
    assert server.verbs[:4] == ["EHLO", "STARTTLS", "EHLO", "AUTH"]


async def test_on_its_port_encryption_comes_first_of_all(authority: Authority) -> None:
    async with MailServer({"EHLO": "250 AUTH PLAIN"}, authority.server(NAME), at_once=True).serving() as server:
        behaviour = "250-x\r\n250 AUTH PLAIN"
        server.behaviour["EHLO"] = behaviour
        answer = await send_by_name(server, authority, replace(PUBLIC, port=465))

    assert isinstance(answer, Accepted)
    assert server.verbs[:2] == ["EHLO", "AUTH"]


@pytest.mark.parametrize("port", [465, 587])
@pytest.mark.parametrize(
    ("name", "begins", "ends", "reason"),
    [
        pytest.param(NAME, -3, -1, "The mail server's certificate has expired.", id="expired"),
        pytest.param(NAME, 1, 2, "The mail server's certificate is not valid yet.", id="not-yet-valid"),
        pytest.param("other.example", -1, 1, "The mail server's certificate is for another name.", id="other-name"),
        pytest.param(None, -1, 1, "not from an authority that is trusted here", id="unknown-authority"),
    ],
)
async def test_a_wrong_certificate_is_named_and_nothing_is_said(
    authority: Authority, name: str | None, begins: int, ends: int, reason: str, port: int
) -> None:
    tls = authority.server(name, begins=begins, ends=ends) if name else Authority().server(NAME)
    async with MailServer(STARTTLS, tls, at_once=port == 465).serving() as server:
        answer = await send_by_name(server, authority, replace(PUBLIC, port=port))

    assert isinstance(answer, Refused)
    assert answer.fault is Fault.CREDENTIALS
    assert reason in answer.reason
    assert not {"AUTH", "MAIL"} & set(server.verbs)


@pytest.mark.parametrize("keys", [PUBLIC, SmtpCredentials(NAME, 587)], ids=["with-login", "without-login"])
async def test_without_encryption_a_public_server_learns_neither_keys_nor_mails(
    authority: Authority, keys: SmtpCredentials
) -> None:
    async with MailServer({"EHLO": "250-x\r\n250 AUTH PLAIN"}).serving() as server:
        answer = await send_by_name(server, authority, keys)

    assert answer == Refused(0, Fault.CREDENTIALS, "The mail server offers no encryption (STARTTLS).")
    assert server.verbs == ["EHLO"]


@pytest.mark.parametrize("reply", ["454 4.7.0 Not now", "502 No"])
async def test_a_server_that_withdraws_its_encryption_learns_nothing(authority: Authority, reply: str) -> None:
    async with MailServer(STARTTLS | {"STARTTLS": reply}).serving() as server:
        answer = await send_by_name(server, authority)

    assert isinstance(answer, Throttled | Unreached)
    assert server.verbs == ["EHLO", "STARTTLS"]


async def test_what_is_slipped_in_before_the_encryption_is_not_believed(authority: Authority) -> None:
    async def slip_in(talk: Talk) -> None:
        await talk.say("220 Go ahead\r\n250-evil\r\n250 AUTH LOGIN")
        await talk.encrypt(authority.server(NAME))

    async with MailServer(STARTTLS | {"STARTTLS": slip_in}).serving() as server:
        server.behaviour["AUTH"] = "535 5.7.8 No"
        answer = await send_by_name(server, authority)

    assert isinstance(answer, Refused | Unreached)
    assert server.taken == []


async def test_encryption_that_fails_is_unreached(authority: Authority) -> None:
    async def talk_on(talk: Talk) -> None:
        await talk.say("220 Go ahead\r\nbut in clear, please")

    async with (
        MailServer(STARTTLS | {"STARTTLS": talk_on}).serving() as server,
        mailing(SHORT, network=Loopback(server.port), tls=authority.trust()) as channel,
    ):
        answer = await channel.send(replace(message_to(587), credentials=PUBLIC))

    assert isinstance(answer, Unreached)
    assert "AUTH" not in server.verbs


async def test_a_server_of_our_own_network_needs_no_encryption_but_is_given_it_where_it_offers_it() -> None:
    async with (
        MailServer(STARTTLS, Authority().server("whatever.internal")).serving() as server,
        mailing() as channel,
    ):
        answer = await channel.send(message_to(server.port))

    assert isinstance(answer, Accepted)
    assert "STARTTLS" in server.verbs


@pytest.mark.parametrize(
    "addresses",
    [["10.0.0.5"], ["127.0.0.1"], ["::1"], ["8.8.4.4", "192.168.1.1"], ["::ffff:10.0.0.5"], ["64:ff9b::a00:5"]],
    ids=lambda addresses: "-".join(addresses),
)
async def test_a_name_of_a_private_address_is_not_connected_to(authority: Authority, addresses: list[str]) -> None:
    async with MailServer(STARTTLS, authority.server(NAME)).serving() as server:
        network = Loopback(server.port, addresses)
        answer = await send_by_name(server, authority, network=network)

    assert isinstance(answer, Refused)
    assert answer.fault is Fault.CREDENTIALS
    assert network.dialed == []


@pytest.mark.parametrize("port", [22, 80, 5432, 26])
async def test_another_port_of_a_public_host_is_not_connected_to(authority: Authority, port: int) -> None:
    async with MailServer(STARTTLS, authority.server(NAME)).serving() as server:
        network = Loopback(server.port)
        answer = await send_by_name(server, authority, replace(PUBLIC, port=port), network)

    assert answer == Refused(0, Fault.CREDENTIALS, "The port should be 587, 465, 2525 or 25.")
    assert network.dialed == []


async def test_the_address_that_was_looked_at_is_the_one_that_is_connected_to(authority: Authority) -> None:
    async with MailServer(STARTTLS, authority.server(NAME)).serving() as server:
        network = Loopback(server.port, ["8.8.4.4", "2a00:1450:4001:80b::200e"])
        await send_by_name(server, authority, network=network)

    assert network.dialed == ["8.8.4.4", "2a00:1450:4001:80b::200e"]


@pytest.mark.parametrize("reply", ["535 5.7.8 Wrong", "534 5.7.9 App password needed", "530 5.7.0 No", "550 No"])
async def test_a_refused_login_is_a_matter_of_the_keys(reply: str) -> None:
    async with (
        MailServer({"EHLO": "250-x\r\n250 AUTH PLAIN LOGIN", "AUTH": reply}).serving() as server,
        mailing() as channel,
    ):
        keys = SmtpCredentials("127.0.0.1", server.port, "ada", "wrong")
        answer = await channel.send(replace(message_to(server.port), credentials=keys))

    assert isinstance(answer, Refused)
    assert (answer.error_code, answer.fault) == (int(reply[:3]), Fault.CREDENTIALS)
    assert "MAIL" not in server.verbs


async def test_a_server_that_closes_after_a_wrong_password_has_still_said_so() -> None:
    async def refuse_and_go(talk: Talk) -> None:
        await talk.say("535 5.7.8 Wrong")
        talk.writer.close()

    async with (
        MailServer({"EHLO": "250-x\r\n250 AUTH PLAIN LOGIN", "AUTH": refuse_and_go}).serving() as server,
        mailing() as channel,
    ):
        keys = SmtpCredentials("127.0.0.1", server.port, "ada", "wrong")
        answer = await channel.send(replace(message_to(server.port), credentials=keys))

    assert isinstance(answer, Refused)
    assert (answer.error_code, answer.fault) == (535, Fault.CREDENTIALS)


async def test_a_login_that_is_refused_for_now_is_tried_again_later() -> None:
    async with (
        MailServer({"EHLO": "250-x\r\n250 AUTH PLAIN", "AUTH": "454 4.7.0 Later"}).serving() as server,
        mailing() as channel,
    ):
        keys = SmtpCredentials("127.0.0.1", server.port, "ada", "right")
        answer = await channel.send(replace(message_to(server.port), credentials=keys))

    assert answer == Throttled(GREYLISTED)
