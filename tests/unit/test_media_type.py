"""Which media type an answer has, by the client's Accept header."""

import pytest

from dunlin.api.transport.media_type import MediaType, acceptable, is_json

NEW, OLD = MediaType.GRAPHQL, MediaType.JSON


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        pytest.param(None, OLD, id="no-header"),
        pytest.param("", OLD, id="empty"),
        pytest.param("*/*", OLD, id="anything"),
        pytest.param("application/*", OLD, id="any-application"),
        pytest.param("application/json", OLD, id="old"),
        pytest.param("application/graphql-response+json", NEW, id="new"),
        pytest.param("APPLICATION/GraphQL-Response+JSON", NEW, id="letters"),
        pytest.param("application/graphql-response+json; charset=utf-8", NEW, id="charset"),
        pytest.param('application/graphql-response+json;charset="UTF-8"', NEW, id="quoted"),
        pytest.param("application/graphql-response+json, application/json;q=0.9", NEW, id="as-recommended"),
        pytest.param("application/json, application/graphql-response+json", OLD, id="equal-so-by-order"),
        pytest.param("application/graphql-response+json, application/json", NEW, id="equal-so-by-order-2"),
        pytest.param("application/json;q=0.4, application/graphql-response+json;q=0.5", NEW, id="by-quality"),
        pytest.param("application/graphql-response+json, */*;q=0.1", NEW, id="else-anything"),
        pytest.param("*/*, application/json;q=0", NEW, id="anything-but-old"),
        pytest.param("*/*, application/graphql-response+json", OLD, id="both-alike"),
        pytest.param("*/*;q=0.5, application/graphql-response+json", NEW, id="specific-is-better"),
        pytest.param("text/event-stream, application/graphql-response+json, application/json", NEW, id="urql"),
        pytest.param("text/html, image/png", None, id="a-page"),
        pytest.param("application/json;q=0", None, id="refused-by-quality"),
        pytest.param("application/json; charset=utf-16", None, id="another-charset"),
        pytest.param("application/json;q=2", None, id="no-quality"),
        pytest.param("application/json;q=nan", None, id="no-number"),
        pytest.param("garbage", None, id="garbage"),
        pytest.param(",,;;=,", None, id="punctuation"),
        pytest.param("text/html," * 10_000 + "application/json", None, id="behind-too-many"),
    ],
)
def test_the_answer_has_the_type_that_the_client_prefers(accept: str | None, chosen: MediaType | None) -> None:
    assert acceptable(accept) is chosen


@pytest.mark.parametrize(
    ("content_type", "is_taken"),
    [
        ("application/json", True),
        ("Application/Json; Charset=UTF-8", True),
        ("application/json; charset=latin-1", False),
        ("application/graphql-response+json", False),
        ("text/plain", False),
        (None, False),
    ],
)
def test_a_body_is_json_in_utf_8(content_type: str | None, *, is_taken: bool) -> None:
    assert is_json(content_type) is is_taken
