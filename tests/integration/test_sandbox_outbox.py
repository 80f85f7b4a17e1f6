"""The page on which a developer reads the texts."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, encode_basic_auth

from dunlin.sandbox.account import Account
from dunlin.sandbox.app import serving
from dunlin.sandbox.behaviour import Behaviour
from dunlin.sandbox.world import World

ACCOUNT = Account(sid="AC" + "a" * 32, auth_token="a" * 32, friendly_name="Acme & <Co>")
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT.sid}/Messages.json"
BASIC = {"Authorization": encode_basic_auth(ACCOUNT.sid, ACCOUNT.auth_token)}


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[ClientSession]:
    """A sandbox that has taken three texts."""
    texts = (
        ("+37255500001", "First"),
        ("+37255500002", "Second"),
        ("+447700900999", "<script>alert('ž')</script>"),
    )
    world = World([ACCOUNT], Behaviour(sent_delay_s=3600))
    async with serving(world) as base_url, ClientSession(base_url) as session:
        for to, body in texts:
            form = {"To": to, "From": "+15005550006", "Body": body}
            async with session.post(MESSAGES, data=form, headers=BASIC) as answer:
                assert answer.status == 201
        yield session


async def page(client: ClientSession, query: str = "") -> str:
    async with client.get(f"/{query}") as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
        return await answer.text()


async def test_the_outbox_says_that_its_texts_went_nowhere(client: ClientSession) -> None:
    assert "These texts and mails went nowhere" in await page(client)


async def test_the_outbox_shows_texts_escaped_and_newest_first(client: ClientSession) -> None:
    html = await page(client)
    assert "&lt;script&gt;alert(&#x27;ž&#x27;)&lt;/script&gt;" in html
    assert "Acme &amp; &lt;Co&gt;" in html
    assert html.index("alert(") < html.index("Second") < html.index("First")


async def test_the_outbox_allows_its_own_style_and_script_and_nothing_else(client: ClientSession) -> None:
    async with client.get("/") as answer:
        policy, html = answer.headers["Content-Security-Policy"], await answer.text()
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r'(src|href|action)="(?!/|data:,)', html)


@pytest.mark.parametrize("query", ["?to=%2B37255500002", "?to=+37255500002", "?to=5500002"])
async def test_the_outbox_can_be_filtered_by_digits_of_the_number(query: str, client: ClientSession) -> None:
    html = await page(client, query)
    assert "Second" in html
    assert "First" not in html


async def test_a_filter_that_fits_nothing_says_so_escaped(client: ClientSession) -> None:
    html = await page(client, '?to="><script>x')
    assert "No text or mail to &quot;&gt;&lt;script&gt;x yet." in html


async def test_the_outbox_is_readable_as_json(client: ClientSession) -> None:
    async with client.get("/outbox.json", params={"to": "3725550000"}) as answer:
        messages = (await answer.json())["messages"]
    assert [(message["to"], message["body"]) for message in messages] == [
        ("+37255500002", "Second"),
        ("+37255500001", "First"),
    ]
