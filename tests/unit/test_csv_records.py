import csv
import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunlin.runtime.csv_records import LONGEST, Record, Unreadable, UnreadableFile, check_encoding, read_records

Row = tuple[int, int, Sequence[str] | str]


def records(content: bytes) -> list[Record]:
    return list(read_records(io.BytesIO(content)))


def rows(content: str | bytes) -> list[Row]:
    """Each record as (row, line, its fields or how the reason begins)."""
    found = records(content.encode() if isinstance(content, str) else content)
    return [
        (one.number, one.line, one.fields.reason[:32] if isinstance(one.fields, Unreadable) else one.fields)
        for one in found
    ]


QUOTES, CUT_OFF = "Its quotes do not fit. A value w", "It opens quotes that are not clo"
LONG = "x" * LONGEST
READ = {
    "commas": ("a,b\n1,2\n", [(1, 1, ["a", "b"]), (2, 2, ["1", "2"])]),
    "semicolons": ("a;b\n1,5;2\n", [(1, 1, ["a", "b"]), (2, 2, ["1,5", "2"])]),
    "one column": ("a\n1\n", [(1, 1, ["a"]), (2, 2, ["1"])]),
    "a byte order mark": ("\ufeffa,b\n", [(1, 1, ["a", "b"])]),
    "lines of Windows": ("a,b\r\n1,2\r\n", [(1, 1, ["a", "b"]), (2, 2, ["1", "2"])]),
    "no line end at the end": ("a,b\n1,2", [(1, 1, ["a", "b"]), (2, 2, ["1", "2"])]),
    "quotes": ('a,b\n"1,5","so ""it"" is"\n', [(1, 1, ["a", "b"]), (2, 2, ["1,5", 'so "it" is'])]),
    "a value of two lines": (
        'a,b\n"1\n2",3\n4,5\n',
        [(1, 1, ["a", "b"]), (2, 2, ["1\n2", "3"]), (3, 4, ["4", "5"])],
    ),
    "empty rows": ("a,b\n\n,\n \n1,2\n", [(1, 1, ["a", "b"]), (5, 5, ["1", "2"])]),
    "quotes in the middle of a value": ('a,b\n1,5" pipe\n', [(1, 1, ["a", "b"]), (2, 2, ["1", '5" pipe'])]),
    "something behind the quotes": (
        'a,b\n"1"x,2\n3,4\n',
        [(1, 1, ["a", "b"]), (2, 2, QUOTES), (3, 3, ["3", "4"])],
    ),
    "a file that is cut off within quotes": (
        'a,b\n1,2\n3,"4',
        [(1, 1, ["a", "b"]), (2, 2, ["1", "2"]), (3, 3, CUT_OFF)],
    ),
    "quotes that are never closed hide no other row": (
        'a,b\n"1,2\n3,4\n5,6\n',
        [(1, 1, ["a", "b"]), (2, 2, CUT_OFF), (3, 3, ["3", "4"]), (4, 4, ["5", "6"])],
    ),
    "quotes that are not closed for long": (
        f'a,b\n"1,2\n{LONG[:40_000]},\n{LONG[:40_000]},\n',
        [(1, 1, ["a", "b"]), (2, 2, CUT_OFF), (3, 3, [LONG[:40_000], ""]), (4, 4, [LONG[:40_000], ""])],
    ),
    "a huge field": (
        f"a,b\n1,{LONG * 3}\n3,4\n",
        [(1, 1, ["a", "b"]), (2, 2, "The line is longer than 65,536 b"), (3, 3, ["3", "4"])],
    ),
    "a huge field at the end of the file": (
        f"a,b\n1,{LONG * 2}",
        [(1, 1, ["a", "b"]), (2, 2, "The line is longer than 65,536 b")],
    ),
    "NUL": ("a,b\n1,\0\n", [(1, 1, ["a", "b"]), (2, 2, ["1", "\0"])]),
}


@pytest.mark.parametrize(("content", "expected"), READ.values(), ids=READ.keys())
def test_records_are_read_with_their_places(content: str, expected: list[Row]) -> None:
    assert rows(content) == expected


REFUSED = {
    "an empty file": (b"", "The file is empty."),
    "a byte order mark alone": (b"\xef\xbb\xbf", "The file is empty."),
    "both separators": (b"a,b;c\n", "Separate the columns by one of them."),
    "lines of old Macs": (b"a,b\r1,2\r", "Its lines end with CR alone."),
    "a header without end": (b"x" * (LONGEST + 1), "The line is longer than"),
    "UTF-16 without its mark": ("a,b\n".encode("utf-16-le"), "Save the file as UTF-8, not as UTF-16."),
}


@pytest.mark.parametrize(("content", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_file_whose_first_line_cannot_be_read_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(UnreadableFile) as refused:
        records(content)

    assert said in str(refused.value)


OTHER = {
    "Latin-1": ("a,b\n1,Zoë\n".encode("latin-1"), "Line 2, byte 5 is not UTF-8."),
    "Latin-1 at the very end": (b"a\nZo\xeb", "Line 2, byte 3 is not UTF-8."),
    "a character that is cut off": ("a\nZoë".encode()[:-1], "Line 2, byte 3 is not UTF-8."),
    "a character cut off by a line end": (b"a\nZo\xc3\n", "Line 2, byte 3 is not UTF-8."),
    "far behind": (b"x" * (1 << 20) + "ë".encode() * 5 + b"\xff", "Line 1, byte 1048587 is not UTF-8."),
    "a character across the blocks": (b"x" * ((1 << 20) - 1) + b"\xc3x", "Line 1, byte 1048576 is not UTF-8."),
    "UTF-16": ("a,b\n".encode("utf-16"), "The file is UTF-16."),
}


@pytest.mark.parametrize(("content", "said"), OTHER.values(), ids=OTHER.keys())
def test_another_encoding_is_refused_with_the_place(content: bytes, said: str) -> None:
    with pytest.raises(UnreadableFile) as refused:
        check_encoding(io.BytesIO(content))

    assert str(refused.value).startswith(said)


def test_utf_8_is_accepted_and_the_file_stands_at_its_beginning_again() -> None:
    file = io.BytesIO(b"x" * ((1 << 20) - 1) + "ë文\U0001f600\n".encode() * 3)

    check_encoding(file)

    assert file.tell() == 0


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=8)


@given(
    st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=8),
    st.sampled_from(",;"),
    st.sampled_from(["\n", "\r\n"]),
)
def test_whatever_is_written_with_quotes_is_read_as_it_was(table: list[list[str]], separator: str, end: str) -> None:
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=separator, lineterminator=end)
    writer.writerows([["a", "b"], *table])

    found = [one.fields for one in records(written.getvalue().encode())]

    assert found == [["a", "b"], *(row for row in table if any(field.strip() for field in row))]


@given(st.text(st.sampled_from('ab",;\n \r\0é'), max_size=60))
def test_whatever_stands_in_a_file_its_lines_are_told_in_order(content: str) -> None:
    found = records(f"a,b\n{content}".encode())

    assert [one.line for one in found] == sorted({one.line for one in found})
    assert [one.number for one in found] == sorted({one.number for one in found})
