from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from dunlin.sandbox.ledger import MAIL_KEPT_IN_MEMORY, Ledger
from dunlin.sandbox.mail import Mail, MailStatus
from dunlin.sandbox.message import Message, Status

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def a_message(number: int) -> Message:
    return Message(
        sid=f"SM{number:032}",
        account_sid="AC" + "a" * 32,
        to="+3725550001",
        sender="+15005550006",
        service_sid=None,
        body=f"Line one\nline two {number} \U0001f600",
        status=Status.QUEUED,
        num_segments=1,
        created_at=NOW,
        updated_at=NOW,
        callback_url="https://hooks.example.com/status?rid=1#rc=5",
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "outbox.jsonl"


Open = Callable[..., Ledger]


@pytest.fixture
def ledger_at() -> Iterator[Open]:
    with ExitStack() as opened:
        yield lambda path, kept=10: opened.enter_context(closing(Ledger(path, kept)))


def test_a_restart_finds_every_message_with_its_last_status(path: Path, ledger_at: Open) -> None:
    ledger = ledger_at(path)
    old = a_message(1)
    new = replace(old, status=Status.DELIVERED, price=Decimal("-0.00830"), sent_at=NOW)
    ledger.add(old)
    ledger.add(a_message(2))
    ledger.change(old, new)
    assert list(ledger_at(path).newest_first()) == [a_message(2), new]


def test_every_change_is_a_line_with_what_changed(path: Path, ledger_at: Open) -> None:
    ledger = ledger_at(path)
    ledger.add(a_message(1))
    ledger.change(a_message(1), replace(a_message(1), status=Status.SENT))
    assert path.read_text().splitlines()[1] == f'{{"sid":"SM{1:032}","status":"sent"}}'


def test_a_deleted_message_stays_away_after_a_restart(path: Path, ledger_at: Open) -> None:
    ledger = ledger_at(path)
    ledger.add(a_message(1))
    ledger.delete(a_message(1))
    assert list(ledger.newest_first()) == list(ledger_at(path).newest_first()) == []


def test_only_the_newest_messages_stay_in_memory_and_all_in_the_file(path: Path, ledger_at: Open) -> None:
    ledger = ledger_at(path, kept=2)
    for number in (1, 2, 3):
        ledger.add(a_message(number))
    assert [message.sid[-1] for message in ledger.newest_first()] == ["3", "2"]
    assert [message.sid[-1] for message in ledger_at(path, kept=2).newest_first()] == ["3", "2"]
    assert len(path.read_text().splitlines()) == 3


def test_a_change_to_a_message_that_left_the_memory_is_written_all_the_same(path: Path, ledger_at: Open) -> None:
    ledger = ledger_at(path, kept=1)
    ledger.add(a_message(1))
    ledger.add(a_message(2))
    ledger.change(a_message(1), replace(a_message(1), status=Status.SENT))
    assert ledger.find(a_message(1).sid) is None
    assert ledger_at(path).find(a_message(1).sid) == replace(a_message(1), status=Status.SENT)


@pytest.mark.parametrize(
    "rest", ['{"sid": "SM', "[1]\n", "5\n", '{"sid": ["SM"]}\n', "\n", '{"sid": "SM", "to": 1, "body": 2}\n']
)
def test_a_line_that_a_crash_left_torn_is_skipped(rest: str, path: Path, ledger_at: Open) -> None:
    ledger = ledger_at(path)
    ledger.add(a_message(1))
    with path.open("a") as file:
        file.write(rest)
    again = ledger_at(path)
    again.add(a_message(2))
    assert [message.sid[-1] for message in ledger_at(path).newest_first()] == ["2", "1"]


def test_a_ledger_without_a_path_lives_in_memory() -> None:
    ledger = Ledger(None)
    ledger.add(a_message(1))
    assert ledger.find(a_message(1).sid) == a_message(1)


def a_mail(number: int, content: str = "Subject: Grüße\r\n\r\n") -> Mail:
    return Mail(
        sid=f"EM{number:032}",
        account_sid="AC" + "a" * 32,
        sender="bounces+1@acme.example",
        to="ann@example.com",
        content=content,
        status=MailStatus.TAKEN,
        created_at=NOW + timedelta(seconds=number),
        updated_at=NOW,
    )


def test_a_restart_finds_texts_and_mails_each_with_its_last_status(path: Path, ledger_at: Open) -> None:
    ledger = ledger_at(path)
    bounced = replace(a_mail(1), status=MailStatus.BOUNCED, diagnosis="550 5.1.1 No", is_answered=False)
    ledger.add(a_message(1))
    ledger.add_mail(a_mail(1))
    ledger.add_mail(a_mail(2))
    ledger.change_mail(a_mail(1), bounced)
    again = ledger_at(path)
    assert list(again.newest_first()) == [a_message(1)]
    assert list(again.mails_newest_first()) == [a_mail(2), bounced]
    assert list(again.everything_newest_first()) == [a_mail(2), bounced, a_message(1)]
    assert again.find_mail(a_mail(1).sid) == bounced
    assert again.find(a_mail(1).sid) is None


def test_a_file_from_before_there_were_mails_is_read(path: Path, ledger_at: Open) -> None:
    path.parent.mkdir()
    path.write_text(
        '{"sid":"SM1","account_sid":"AC1","to":"+3725550001","sender":"+15005550006","service_sid":null,"body":"Old",'
        '"status":"queued","num_segments":1,"created_at":"2026-11-22T12:00:00Z","updated_at":"2026-11-22T12:00:00Z",'
        '"callback_url":null,"validity_s":36000,"send_at":null,"sent_at":null,"price":null,"error_code":null}\n'
        '{"sid":"SM1","status":"sent"}\n'
    )
    ledger = ledger_at(path)
    (message,) = ledger.newest_first()
    assert (message.body, message.status) == ("Old", Status.SENT)
    ledger.add_mail(a_mail(1))
    assert len(list(ledger_at(path).everything_newest_first())) == 2


def test_a_mails_line_says_what_it_is(path: Path, ledger_at: Open) -> None:
    ledger = ledger_at(path)
    ledger.add_mail(a_mail(1))
    ledger.change_mail(a_mail(1), replace(a_mail(1), status=MailStatus.DELIVERED))
    first, second = path.read_text().splitlines()
    assert first.startswith('{"kind":"mail","sid":"EM')
    assert second == f'{{"sid":"EM{1:032}","status":"delivered"}}'


def test_large_mails_leave_the_memory_before_there_are_many_and_take_no_text_with_them(
    path: Path, ledger_at: Open
) -> None:
    ledger = ledger_at(path, kept=100)
    ledger.add(a_message(1))
    for number in range(3):
        ledger.add_mail(a_mail(number, "x" * (MAIL_KEPT_IN_MEMORY // 2)))
    for kept in (ledger, ledger_at(path, kept=100)):
        assert [mail.sid[-1] for mail in kept.mails_newest_first()] == ["2", "1"]
        assert list(kept.newest_first()) == [a_message(1)]
