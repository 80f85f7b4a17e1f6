import pytest

from dunlin.domain.choices import CommunicationMethod
from dunlin.domain.errors import Problem, ProblemCode
from dunlin.domain.rules.step_input import (
    check_email_texts,
    check_has_text,
    check_name,
    check_sms_texts,
    check_trigger_days,
)
from dunlin.domain.rules.texts import MAX_LENGTH, PLACEHOLDERS

NAMES = {
    "a name": ("First reminder", True),
    "a name in other letters": ("Первое напоминание", True),
    "200 characters": ("a" * 200, True),
    "201 characters": ("a" * 201, False),
    "nothing": ("", False),
    "spaces only": ("   ", False),
    "two lines": ("First\nreminder", False),
    "a control character": ("First\x00", False),
}


@pytest.mark.parametrize(("name", "is_good"), NAMES.values(), ids=NAMES.keys())
def test_a_name_has_1_to_200_printable_characters(name: str, is_good: bool) -> None:
    problem = Problem(ProblemCode.INVALID, "A name has 1 to 200 printable characters.", ("name",))

    assert check_name(name) == ([] if is_good else [problem])


@pytest.mark.parametrize(("days", "is_good"), [(0, True), (3650, True), (-1, False), (3651, False)])
def test_trigger_days_are_0_to_ten_years(days: int, is_good: bool) -> None:
    problem = Problem(ProblemCode.INVALID, "Trigger days are 0 to 3650.", ("triggerDays",))

    assert check_trigger_days(days) == ([] if is_good else [problem])


GOOD_TEXTS = {
    "a text without placeholders": "Please pay.",
    "every placeholder": " ".join(f"{{{{ {name} }}}}" for name in PLACEHOLDERS),
    "several lines": "Dear customer,\r\nplease pay.\n",
    "as long as may be": "a" * MAX_LENGTH,
    "another script": "Будь ласка, сплатіть {{ amount }}",
    "a condition": "{% if customer.name == 'Ada' %}Dear Ada{% else %}Dear customer{% endif %}",
}


@pytest.mark.parametrize("text", GOOD_TEXTS.values(), ids=GOOD_TEXTS.keys())
def test_a_text_may_be(text: str) -> None:
    assert check_sms_texts([("en", text)]) == []


BAD_TEXTS = {
    "nothing": ("", ProblemCode.REQUIRED, "A text may not be empty."),
    "spaces and lines only": (" \n ", ProblemCode.REQUIRED, "A text may not be empty."),
    "too long": (
        "a" * (MAX_LENGTH + 1),
        ProblemCode.TEXT_TOO_LONG,
        "A text has at most 456 characters; this one has 457.",
    ),
    "with a tab": ("Dear\tcustomer", ProblemCode.INVALID, "A text may not hold control characters."),
    "with a null character": ("Dear\x00", ProblemCode.INVALID, "A text may not hold control characters."),
    "with a delete character": ("Dear\x7f", ProblemCode.INVALID, "A text may not hold control characters."),
    "with an unknown placeholder": (
        "{{ customer.nam }} {{ sum }}",
        ProblemCode.UNKNOWN_PLACEHOLDER,
        "Unknown: customer.nam, sum. A text may name customer.name, organization.name, amount, due_date, reference,"
        " reaction, payment_link.",
    ),
    "with an open placeholder": (
        "Dear {{ customer.name",
        ProblemCode.INVALID,
        "The text is not a valid template: expected '}}', found end of file.",
    ),
    "with a loop": (
        "{% for x in customer %}{% endfor %}",
        ProblemCode.INVALID,
        "The text is not a valid template: unexpected tag 'for'.",
    ),
    "with a filter that is not allowed": (
        "{{ amount | times: 2 }}",
        ProblemCode.INVALID,
        "The text is not a valid template: unknown filter 'times'.",
    ),
    "with sums on amounts, which are written out": (
        "{% if amount > 5 %}Dear{% endif %}",
        ProblemCode.INVALID,
        "The text is not a valid template: '<' and '>' are not supported between 'int' and 'str'.",
    ),
}


@pytest.mark.parametrize(("text", "code", "message"), BAD_TEXTS.values(), ids=BAD_TEXTS.keys())
def test_a_text_may_not_be(text: str, code: ProblemCode, message: str) -> None:
    assert check_sms_texts([("en", text)]) == [Problem(code, message, ("smsTexts", "0", "text"))]


def test_every_bad_text_is_reported_at_its_place() -> None:
    problems = check_sms_texts([("en", ""), ("nl", "Beste"), ("fr", "{{ somme }}")])

    assert [(problem.code, problem.path) for problem in problems] == [
        (ProblemCode.REQUIRED, ("smsTexts", "0", "text")),
        (ProblemCode.UNKNOWN_PLACEHOLDER, ("smsTexts", "2", "text")),
    ]


def test_a_language_has_one_text_and_each_further_one_is_a_duplicate() -> None:
    problems = check_sms_texts([("en", "Dear"), ("nl", "Beste"), ("en", "Hello"), ("en", "")])

    assert [(problem.code, problem.message, problem.path) for problem in problems] == [
        (ProblemCode.DUPLICATE, "There are two texts in en.", ("smsTexts", "2", "language")),
        (ProblemCode.DUPLICATE, "There are two texts in en.", ("smsTexts", "3", "language")),
        (ProblemCode.REQUIRED, "A text may not be empty.", ("smsTexts", "3", "text")),
    ]


def test_no_texts_have_no_problems_until_the_step_is_sms() -> None:
    assert check_sms_texts([]) == []
    assert check_has_text(CommunicationMethod.SMS, sms=[("en", "Dear")], email=[]) == []
    assert check_has_text(CommunicationMethod.NONE, sms=[], email=[]) == []
    assert check_has_text(CommunicationMethod.SMS, sms=[], email=[("en", "Dear", "Ada")]) == [
        Problem(ProblemCode.REQUIRED, "An SMS step needs a text in at least one language.", ("smsTexts",))
    ]


MAILS = {
    "an empty subject": (("en", " ", "Dear"), ProblemCode.REQUIRED, "A subject may not be empty.", "subject"),
    "an empty body": (("en", "Invoice", ""), ProblemCode.REQUIRED, "A body may not be empty.", "body"),
    "a subject of two lines": (
        ("en", "Invoice\r\nBcc: all@example.com", "Dear"),
        ProblemCode.INVALID,
        "A subject is one line of printable characters.",
        "subject",
    ),
    "a long subject": (
        ("en", "x" * 201, "Dear"),
        ProblemCode.TEXT_TOO_LONG,
        "A subject has at most 200 characters; this one has 201.",
        "subject",
    ),
    "a long body": (
        ("en", "Invoice", "x" * 10_001),
        ProblemCode.TEXT_TOO_LONG,
        "A body has at most 10000 characters; this one has 10001.",
        "body",
    ),
    "a body with a control character": (
        ("en", "Invoice", "Dear\x07"),
        ProblemCode.INVALID,
        "A body may not hold control characters.",
        "body",
    ),
}


@pytest.mark.parametrize(("mail", "code", "message", "field"), MAILS.values(), ids=MAILS.keys())
def test_an_e_mail_may_not_have(mail: tuple[str, str, str], code: ProblemCode, message: str, field: str) -> None:
    assert check_email_texts([mail]) == [Problem(code, message, ("emailTexts", "0", field))]


def test_an_e_mail_names_what_texts_may_name_and_nothing_else() -> None:
    good = ("en", "{{ reference }}", "Dear {{ customer.name }},\n\n{{ amount }} by {{ due_date }}.")
    (problem,) = check_email_texts([("en", "{{ nickname }}", "Dear")])

    assert check_email_texts([good]) == []
    assert (problem.code, problem.path) == (ProblemCode.UNKNOWN_PLACEHOLDER, ("emailTexts", "0", "subject"))


def test_two_e_mails_in_one_language_are_named() -> None:
    (problem,) = check_email_texts([("en", "Invoice", "Dear"), ("en", "Invoice", "Dear")])

    assert (problem.code, problem.path) == (ProblemCode.DUPLICATE, ("emailTexts", "1", "language"))


def test_an_e_mail_step_needs_an_e_mail_whatever_texts_it_has() -> None:
    (problem,) = check_has_text(CommunicationMethod.EMAIL, sms=[("en", "Dear")], email=[])

    assert (problem.code, problem.path) == (ProblemCode.REQUIRED, ("emailTexts",))
