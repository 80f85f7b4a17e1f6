"""Mails on the page on which a developer reads what was sent."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, web

from dunlin.sandbox.account import Account
from dunlin.sandbox.app import serving_with_mail
from dunlin.sandbox.behaviour import Behaviour
from dunlin.sandbox.world import World
from tests.mail import a_client, a_mail

ACCOUNT = Account(sid="AC" + "a" * 32, auth_token="a" * 32, friendly_name="Acme & <Co>")
EVIL = "<script>alert('ž')</script>"
ESCAPED = "&lt;script&gt;alert(&#x27;ž&#x27;)&lt;/script&gt;"
ONE_CLICK = "List-Unsubscribe=One-Click"


class Door:
    """Where people unsubscribe."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.address = ""

    async def take(self, request: web.Request) -> web.Response:
        self.asked.append((request.content_type, await request.text()))
        if request.path == "/elsewhere":
            return web.Response(status=302, headers={"Location": "/unsubscribe"})
        page = f"<html><style>p {{ color: red }}</style><title>Done</title><p>You are <b>out</b> &lt;{EVIL}</p>"
        return web.Response(text=page, content_type="text/html")


@pytest.fixture(scope="module")
async def door() -> AsyncIterator[Door]:
    door = Door()
    app = web.Application()
    app.router.add_post("/{path}", door.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    door.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield door
    await runner.cleanup()


@pytest.fixture(scope="module")
async def http(door: Door) -> AsyncIterator[ClientSession]:
    """A sandbox that has taken some mails."""
    world = World([ACCOUNT], Behaviour(sent_delay_s=0, delivered_delay_s=0))
    mails = [
        a_mail("plain@example.com", "Just text"),
        a_mail("evil@example.com", EVIL, Subject=f"Subject {EVIL}", Reply_To="o@x.example"),
        a_mail("html@example.com"),
        a_mail("once@example.com", List_Unsubscribe=f"<mailto:x@y.example>, <{door.address}/unsubscribe?t=1&u=2>"),
        a_mail("elsewhere@example.com", List_Unsubscribe=f"<{door.address}/elsewhere>"),
        a_mail("away@example.com", List_Unsubscribe="<https://dunlin.example.com/unsubscribe>"),
        a_mail("gone@example.com", List_Unsubscribe="<http://127.0.0.1:9/unsubscribe>"),
        a_mail("by-mail@example.com", List_Unsubscribe="<mailto:x@y.example>"),
        a_mail("bounce@example.com"),
    ]
    mails[1].replace_header("From", f'"{EVIL}" <evil@x.example>')
    mails[2].add_alternative(f"<p style='color:red'>Hé</p>{EVIL}<img src='https://track.example/1.png'>", "html")
    for mail in mails[3:8]:
        mail["List-Unsubscribe-Post"] = ONE_CLICK
    async with serving_with_mail(world) as addresses, ClientSession(addresses.web) as session:
        async with a_client(addresses.smtp, ACCOUNT) as client:
            for mail in mails:
                await client.send_message(mail, sender="bounces@acme.example")
            await client.send_message(mails[0], sender='"<b>"@x.example', recipients=['"<i>"@quoted.example'])
        yield session


async def page(http: ClientSession, to: str = "") -> str:
    async with http.get("/", params={"to": to}) as answer:
        assert answer.status == 200
        return await answer.text()


async def entry(http: ClientSession, to: str) -> dict[str, Any]:
    async with http.get("/outbox.json", params={"to": to}) as answer:
        (found,) = (await answer.json())["messages"]
        return dict(found)


async def test_a_mail_is_shown_with_all_that_its_reader_would_see(http: ClientSession) -> None:
    html = await page(http, "plain@example.com")
    for part in ("plain@example.com", "from Acme &lt;billing@acme.example&gt;", "A reminder", "Just text"):
        assert part in html
    assert "reports to bounces@acme.example" in html
    assert "HTML part" not in html
    assert "<button>Unsubscribe" not in html


async def test_a_bounce_is_shown_with_its_codes(http: ClientSession) -> None:
    assert "bounced 550 5.1.1</span>" in await page(http, "bounce@example.com")


async def test_nothing_that_a_mail_says_becomes_part_of_the_page(http: ClientSession) -> None:
    html = await page(http)
    assert EVIL not in html
    assert html.count(ESCAPED) == 3
    assert "<i>&quot;" not in html
    assert "&quot;&lt;i&gt;&quot;@quoted.example" in html
    assert "&quot;&lt;b&gt;&quot;@x.example" in html
    assert not re.search(r'(src|href|action)="(?!/|data:,)', html)


async def test_the_html_part_opens_on_a_page_of_its_own_that_loads_and_runs_nothing(http: ClientSession) -> None:
    mail = await entry(http, "html@example.com")
    address = f"/mails/{mail['sid']}.html"
    assert f'<a href="{address}" target="_blank" rel="noopener noreferrer">' in await page(http, "html@example.com")
    async with http.get(address) as answer:
        html = await answer.text()
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
    assert "<p style='color:red'>Hé</p>" in html
    assert policy == {
        "sandbox": "",
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_source_of_a_mail_is_shown_as_text(http: ClientSession) -> None:
    mail = await entry(http, "evil@example.com")
    async with http.get(f"/mails/{mail['sid']}.eml") as answer:
        assert answer.content_type == "text/plain"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert "Reply-To: o@x.example" in await answer.text()


async def test_a_mail_that_there_is_not_or_without_html_is_not_found(http: ClientSession) -> None:
    mail = await entry(http, "plain@example.com")
    for address in (f"/mails/{mail['sid']}.html", "/mails/EM1.html", "/mails/EM1.eml"):
        async with http.get(address) as answer:
            assert answer.status == 404


async def test_unsubscribing_posts_what_a_mail_program_posts_and_shows_what_came_back(
    http: ClientSession, door: Door
) -> None:
    door.asked.clear()
    sid = (await entry(http, "once@example.com"))["sid"]
    assert f'<input type="hidden" name="sid" value="{sid}">' in await page(http, "once@example.com")
    async with http.post("/sandbox/unsubscribe", data={"sid": sid}, headers={"Accept": "text/html"}) as answer:
        html = await answer.text()
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert door.asked == [("application/x-www-form-urlencoded", ONE_CLICK)]
    assert f"{door.address}/unsubscribe?t=1&amp;u=2" in html
    assert '<p class="text">You are out &lt;</p>' in html
    assert ">200</span>" in html


@pytest.mark.parametrize(
    ("to", "status", "word"),
    [
        pytest.param("elsewhere@example.com", 200, '"status":302', id="a redirect is shown and not followed"),
        pytest.param("gone@example.com", 200, "no answer", id="nobody there"),
        pytest.param("away@example.com", 400, "only addresses of this machine", id="an address of elsewhere"),
        pytest.param("by-mail@example.com", 400, "with a web address", id="an address of mail alone"),
        pytest.param("plain@example.com", 400, "List-Unsubscribe", id="no way to unsubscribe"),
    ],
)
async def test_unsubscribing_asks_nobody_but_the_address_in_the_mail(
    to: str, status: int, word: str, http: ClientSession, door: Door
) -> None:
    door.asked.clear()
    sid = (await entry(http, to))["sid"]
    async with http.post("/sandbox/unsubscribe", data={"sid": sid}) as answer:
        assert (answer.status, word in await answer.text()) == (status, True)
    assert len(door.asked) == (1 if to.startswith("elsewhere") else 0)


async def test_pages_of_other_sites_cannot_unsubscribe_anybody(http: ClientSession, door: Door) -> None:
    door.asked.clear()
    sid = (await entry(http, "once@example.com"))["sid"]
    headers = {"Sec-Fetch-Site": "cross-site"}
    async with http.post("/sandbox/unsubscribe", data={"sid": sid}, headers=headers) as answer:
        assert answer.status == 403
    assert door.asked == []
