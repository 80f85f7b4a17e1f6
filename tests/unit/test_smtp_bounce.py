from collections.abc import Sequence
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunlin.channels.smtp_bounce import read_bounces
from dunlin.channels.smtp_letter import message_id
from dunlin.domain.carrier import Bounce, Fault, StatusReport
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.consequence import consequence_of

CORRELATION = "C0rrelat1on-of_43-characters-0123456789abcd"
OURS = f"<{message_id(4711, CORRELATION)}@acme.example>"
NO_SUCH_USER = """\
Final-Recipient: rfc822; bob@example.org
Original-Recipient: rfc822;bob@example.org
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.example.org
Diagnostic-Code: smtp; 550 5.1.1 <bob@example.org>: Recipient address
    rejected: User unknown in virtual mailbox table
"""
RETURNED = f"""\
Return-Path: <bounces+{CORRELATION}@dunlin.example>
From: "Acme" <billing@acme.example>
To: <bob@example.org>
Subject: Invoice 7 is due
Message-ID: {OURS}
List-Unsubscribe: <https://dunlin.example/unsubscribe/{CORRELATION}>
"""


def bounce(
    *fields: str,
    to: str = f"bounces+{CORRELATION}@dunlin.example",
    returned: str = RETURNED,
    returned_kind: str = "text/rfc822-headers",
    status_kind: str = "message/delivery-status",
    extra: str = "",
) -> bytes:
    """Write what Postfix writes, in its shape."""
    groups = "\n".join(["Reporting-MTA: dns; relay.example.com\nX-Postfix-Queue-ID: 4F1\n", *fields])
    return f"""\
Return-Path: <>
{extra}Date: Mon,  2 Mar 2026 08:15:00 +0000 (UTC)
From: MAILER-DAEMON@relay.example.com (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: {to}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="4F1.1772/relay"

This is a MIME-encapsulated message.

--4F1.1772/relay
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--4F1.1772/relay
Content-Description: Delivery report
Content-Type: {status_kind}

{groups}
--4F1.1772/relay
Content-Description: Undelivered Message Headers
Content-Type: {returned_kind}

{returned}
--4F1.1772/relay--
""".encode()


def only(bounces: Sequence[Bounce]) -> StatusReport:
    [found] = bounces
    assert found.correlation == CORRELATION
    return found.report


def fields(action: str = "failed", status: str | None = None, diagnostic: str | None = None) -> str:
    lines = ["Final-Recipient: rfc822; bob@example.org", f"Action: {action}"]
    lines += [f"Status: {status}"] if status is not None else []
    lines += [f"Diagnostic-Code: {diagnostic}"] if diagnostic is not None else []
    return "\n".join(lines) + "\n"


def test_a_bounce_says_which_mail_was_not_delivered_and_why() -> None:
    [found] = read_bounces(bounce(NO_SUCH_USER))

    assert found == Bounce(
        CORRELATION,
        StatusReport(
            account_sid="",
            provider_message_id=message_id(4711, CORRELATION),
            status=ReminderStatus.UNDELIVERED,
            error_code=550,
            reason="The mail server says that this address does not exist (550 5.1.1).",
            fault=Fault.INVALID_ADDRESS,
            state="failed",
        ),
    )


@pytest.mark.parametrize(
    ("status", "diagnostic", "code", "fault"),
    [
        pytest.param("5.1.1", "smtp; 550 5.1.1 Unknown", 550, Fault.INVALID_ADDRESS, id="unknown"),
        pytest.param("5.1.2", None, 550, Fault.INVALID_ADDRESS, id="no-such-domain"),
        pytest.param("5.1.10", "smtp;550 null MX", 550, Fault.INVALID_ADDRESS, id="domain-without-mail"),
        pytest.param("5.2.2", "smtp; 552 5.2.2 Full", 552, Fault.UNREACHABLE, id="full"),
        pytest.param("4.2.2", "smtp; 452 4.2.2 Full", 452, Fault.UNREACHABLE, id="full-till-the-end"),
        pytest.param("5.2.1", "smtp; 550 Closed", 550, Fault.INVALID_ADDRESS, id="closed"),
        pytest.param("5.7.1", "smtp; 554 5.7.1 Spam", 554, Fault.RECIPIENT, id="policy"),
        pytest.param("5.7.26", "smtp; 550 5.7.26 Unauthenticated", 550, Fault.RECIPIENT, id="not-authenticated"),
        pytest.param("5.3.4", None, 550, Fault.CONTENT, id="too-large"),
        pytest.param("5.6.1", None, 550, Fault.CONTENT, id="form"),
        pytest.param("4.4.7", None, 550, Fault.UNREACHABLE, id="expired"),
        pytest.param("4.4.1", "smtp; 421 Not now", 421, Fault.UNREACHABLE, id="no-answer"),
        pytest.param("5.4.4", "X-Postfix; Host not found", 550, Fault.INVALID_ADDRESS, id="host-not-found"),
        pytest.param("5.0.0", "smtp; 550 User unknown", 550, Fault.INVALID_ADDRESS, id="vague-with-a-code"),
        pytest.param("5.0.0", "smtp; 550 5.7.1 No", 550, Fault.RECIPIENT, id="vague-with-a-better-code"),
        pytest.param("5.0.0", None, 550, Fault.OTHER, id="vague"),
        pytest.param(None, None, 550, Fault.OTHER, id="nothing"),
        pytest.param("five", "smtp; no", 550, Fault.OTHER, id="no-codes"),
        pytest.param("5.1.1 (bad destination)", None, 550, Fault.INVALID_ADDRESS, id="comment"),
        pytest.param("5.1.8", None, 550, Fault.RECIPIENT, id="about-the-sender"),
        pytest.param("5.4.5", "smtp; 550 5.4.5 Daily sending quota exceeded", 550, Fault.OTHER, id="limit"),
        pytest.param("5.7.0", "smtp; 530 5.7.0 Authentication required", 530, Fault.RECIPIENT, id="login"),
        pytest.param("2.0.0", "smtp; 999999 what", 550, Fault.OTHER, id="not-a-failure-at-all"),
    ],
)
def test_what_a_bounce_is_about_follows_from_its_codes(
    status: str | None, diagnostic: str | None, code: int, fault: Fault
) -> None:
    report = only(read_bounces(bounce(fields("failed", status, diagnostic))))

    assert (report.status, report.error_code, report.fault) == (ReminderStatus.UNDELIVERED, code, fault)


@given(
    status=st.from_regex(r"\A[245]\.[0-9]{1,2}\.[0-9]{1,3}\Z"),
    code=st.integers(400, 599),
    words=st.sampled_from(["", "daily sending quota exceeded", "authentication required", "bad sender"]),
)
def test_no_bounce_stops_the_account_that_it_comes_back_to(status: str, code: int, words: str) -> None:
    """Anybody who gets an e-mail of ours could write one."""
    report = only(read_bounces(bounce(fields("failed", status, f"smtp; {code} {status} {words}"))))

    assert report.fault is not None
    consequence = consequence_of(report.fault)
    assert not consequence.touches_account
    assert not consequence.is_ours


@pytest.mark.parametrize(
    ("action", "status"),
    [
        ("delivered", ReminderStatus.DELIVERED),
        ("Delivered", ReminderStatus.DELIVERED),
        ("delayed", None),
        ("relayed", None),
        ("expanded", None),
        ("FAILED", ReminderStatus.UNDELIVERED),
        ("failed (bad)", ReminderStatus.UNDELIVERED),
    ],
)
def test_what_has_become_of_a_mail_follows_from_the_action(action: str, status: ReminderStatus | None) -> None:
    report = only(read_bounces(bounce(fields(action, "4.4.1"))))

    assert report.status is status
    assert report.state == action.split()[0].lower()


def test_each_recipient_has_a_report_but_no_two_are_the_same() -> None:
    found = read_bounces(bounce(fields("expanded"), NO_SUCH_USER, fields("failed", "5.2.2"), NO_SUCH_USER))

    assert [(one.report.state, one.report.fault) for one in found] == [
        ("expanded", None),
        ("failed", Fault.INVALID_ADDRESS),
        ("failed", Fault.UNREACHABLE),
    ]


@pytest.mark.parametrize(
    ("to", "extra", "returned"),
    [
        pytest.param(f"<bounces+{CORRELATION}@dunlin.example>", "", "", id="to"),
        pytest.param("x@y.example", f"Delivered-To: bounces+{CORRELATION}@dunlin.example\n", "", id="delivered-to"),
        pytest.param("x@y.example", f"X-Original-To: bounces+{CORRELATION}@dunlin.example\n", "", id="original-to"),
        pytest.param(f"prvs=7=bounces+{CORRELATION}@dunlin.example", "", "", id="signed-by-a-relay"),
        pytest.param("billing@acme.example", "", RETURNED, id="returned-header"),
        pytest.param(
            "billing@acme.example",
            "",
            f"List-Unsubscribe:\n <https://dunlin.example/unsubscribe/{CORRELATION}>\n",
            id="folded-link",
        ),
        pytest.param("x@y.example", "", f"Return-Path: <bounces+{CORRELATION}@dunlin.example>\n", id="returned-path"),
        pytest.param(f"bounces+{CORRELATION.lower()}@dunlin.example", "", RETURNED, id="small-letters"),
    ],
)
def test_the_correlation_is_found_wherever_it_stands(to: str, extra: str, returned: str) -> None:
    assert only(read_bounces(bounce(NO_SUCH_USER, to=to, extra=extra, returned=returned))).error_code == 550


@pytest.mark.parametrize("kind", ["message/rfc822", "message/global", "message/global-headers", "text/rfc822-headers"])
def test_the_mail_or_its_header_may_come_back(kind: str) -> None:
    returned = RETURNED + "\nHello Bob,\n\nplease pay.\n"
    found = read_bounces(bounce(NO_SUCH_USER, to="x@y.example", returned=returned, returned_kind=kind))

    assert only(found).provider_message_id == message_id(4711, CORRELATION)


def test_a_report_in_another_script_is_read() -> None:
    second = fields("failed", "5.2.2")
    found = read_bounces(bounce(NO_SUCH_USER, second, status_kind="message/global-delivery-status"))

    assert [one.report.fault for one in found] == [Fault.INVALID_ADDRESS, Fault.UNREACHABLE]


@pytest.mark.parametrize(
    "returned",
    [
        pytest.param("", id="nothing-returned"),
        pytest.param("Subject: Invoice\n", id="no-message-id"),
        pytest.param("Message-ID: <0100018@email.amazonses.example>\n", id="another-message-id"),
        pytest.param("Message-ID: <4711.0123456789abcdef@acme.example>\n", id="of-another-attempt"),
    ],
)
def test_without_our_message_id_a_report_still_belongs_to_its_attempt(returned: str) -> None:
    assert only(read_bounces(bounce(NO_SUCH_USER, returned=returned))).provider_message_id == ""


AUTO_REPLY = f"""\
From: bob@example.org
To: bounces+{CORRELATION}@dunlin.example
Subject: Out of office
Auto-Submitted: auto-replied
Content-Type: text/plain

I am away. Action: failed. Status: 5.1.1
"""
READ_RECEIPT = f"""\
From: bob@example.org
To: bounces+{CORRELATION}@dunlin.example
Content-Type: multipart/report; report-type=disposition-notification; boundary="b"

--b
Content-Type: message/disposition-notification

Final-Recipient: rfc822;bob@example.org
Disposition: manual-action/MDN-sent-manually; displayed

--b--
"""


def _forwarded() -> bytes:
    inner = bounce(NO_SUCH_USER).decode()
    return (
        f"To: bounces+{CORRELATION}@dunlin.example\nContent-Type: multipart/mixed; boundary=f\n\n"
        f"--f\nContent-Type: text/plain\n\nLook\n--f\nContent-Type: message/rfc822\n\n{inner}\n--f--\n"
    ).encode()


@pytest.mark.parametrize(
    "mail",
    [
        pytest.param(AUTO_REPLY.encode(), id="auto-reply"),
        pytest.param(READ_RECEIPT.encode(), id="read-receipt"),
        pytest.param(bounce(NO_SUCH_USER, to="x@y.example", returned=""), id="no-correlation"),
        pytest.param(bounce(NO_SUCH_USER, to="x+short@y.example", returned=""), id="another-tag"),
        pytest.param(bounce(), id="no-recipient"),
        pytest.param(bounce(fields("exploded", "5.1.1")), id="no-such-action"),
        pytest.param(_forwarded(), id="a-bounce-inside-a-mail"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\0\xff" * 1000, id="garbage"),
    ],
)
def test_other_mails_say_nothing(mail: bytes) -> None:
    assert read_bounces(mail) == ()


def test_a_reason_names_nobody_and_repeats_no_server() -> None:
    report = only(read_bounces(bounce(NO_SUCH_USER)))

    assert report.reason is not None
    assert "bob" not in report.reason
    assert "virtual mailbox" not in report.reason


@given(st.binary(max_size=2000))
def test_garbage_says_nothing(mail: bytes) -> None:
    assert read_bounces(mail) == ()


@given(
    start=st.integers(0, 1800),
    length=st.integers(0, 300),
    junk=st.binary(max_size=60) | st.text(alphabet="-=4F1.1772/relay\r\n:; \t", max_size=60).map(str.encode),
)
def test_a_broken_bounce_says_something_of_its_mail_or_nothing(start: int, length: int, junk: bytes) -> None:
    whole = bounce(NO_SUCH_USER)
    for one in read_bounces(whole[:start] + junk + whole[start + length :]):
        assert one.report.error_code is None or 400 <= one.report.error_code < 600
        assert one.report.state in ("failed", "delayed", "delivered", "relayed", "expanded")


def _nested(depth: int, rest: bytes = b"") -> bytes:
    opening = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(depth))
    return f"To: bounces+{CORRELATION}@x\n{opening}".encode() + rest


@pytest.mark.parametrize(
    "mail",
    [
        pytest.param(_nested(3000), id="deep"),
        pytest.param(_nested(900, b"x\n" * 200_000), id="deep-and-long"),
        pytest.param(_nested(28, b"--c\n" * 100_000), id="many-lines-like-boundaries"),
        pytest.param(b"Content-Type: message/delivery-status\n\n" + b"a:b\n\n" * 100_000, id="many-groups"),
        pytest.param(bounce(*[fields("failed", f"5.1.{n}") for n in range(20_000)]), id="many-recipients"),
        pytest.param(bounce(NO_SUCH_USER, extra=f"To: +{'a' * 1_000_000}\n"), id="long-line"),
        pytest.param(bounce(NO_SUCH_USER, extra="To: +a@\n" * 50_000), id="many-headers"),
        pytest.param(bounce(fields("failed", "5." + "1" * 200_000)), id="long-number"),
        pytest.param(b"Content-Type: message/rfc822\n\n" * 15_000, id="mails-in-mails"),
        pytest.param(b"Content-Type: multipart/report; boundary=b\n\n" + b"--b\n" * 100_000, id="many-parts"),
        pytest.param(b"Content-Type: multipart/report; boundary=b\n\n" + b"--b" * 150_000, id="one-line-of-ends"),
    ],
)
def test_a_mail_that_is_made_to_be_slow_is_read_within_seconds(mail: bytes) -> None:
    began = perf_counter()

    assert len(read_bounces(mail)) <= 20
    assert perf_counter() - began < 10
