"""The outbox as HTML. It loads nothing from anywhere, and every word in it that is not ours is escaped."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape

from dunlin.sandbox.account import Account
from dunlin.sandbox.inbound_text import InboundText
from dunlin.sandbox.mail import Mail
from dunlin.sandbox.mail_card import mail_card
from dunlin.sandbox.message import Message, Status
from dunlin.sandbox.segment import is_gsm7
from dunlin.sandbox.unsubscribe import Outcome

_STYLE = """
:root { color-scheme: light dark;
  --line: #d9dee3; --soft: #5c6772; --card: #fff; --back: #f4f6f8; --ink: #16202a }
@media (prefers-color-scheme: dark) {
  :root { --line: #33404c; --soft: #9aa7b4; --card: #1c2630; --back: #121920; --ink: #e8edf2 }
}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 52rem; padding: 1.5rem 1rem 4rem;
  background: var(--back); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
h1 { margin: 0; font-size: 1.4rem }
.notice { margin: .25rem 0 1.25rem; color: var(--soft) }
form { display: flex; gap: .5rem; margin-bottom: 1.25rem }
form.answer { margin: .6rem 0 0; font-size: .85rem }
input, button { padding: .4rem .7rem; border: 1px solid var(--line); border-radius: .4rem; font: inherit;
  background: var(--card); color: inherit }
input { flex: 1; min-width: 0 }
article { margin-bottom: .8rem; padding: .8rem 1rem; border: 1px solid var(--line); border-radius: .6rem;
  background: var(--card) }
header { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: baseline }
header time { margin-left: auto; color: var(--soft); font-size: .85rem }
a { color: inherit }
h2 { margin: .5rem 0 0; font-size: 1rem }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; align-items: center; margin-bottom: .5rem; font-size: .85rem }
.actions form { margin: 0 }
.text { margin: .5rem 0; white-space: pre-wrap; overflow-wrap: anywhere }
footer { color: var(--soft); font-size: .85rem }
.answers { margin: .5rem 0; padding-left: 1.2rem; white-space: pre-wrap; overflow-wrap: anywhere }
.status { padding: 0 .5rem; border-radius: 1rem; font-size: .85rem; background: #64748b; color: #fff }
.status.delivered { background: #15803d } .status.sent, .status.taken { background: #1d4ed8 }
.status.delayed { background: #a16207 }
.status.undelivered, .status.failed, .status.bounced { background: #b91c1c }
"""

# Replaces the list alone, so that a filter being typed survives, and not while an answer is being typed.
_SCRIPT = """
const isTyping = () => [...document.querySelectorAll('main input[name=body]')]
  .some(input => input.value || input === document.activeElement)
setInterval(async () => {
  if (isTyping()) return
  try {
    const answer = await fetch(location.href)
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
    if (!isTyping()) document.querySelector('main').replaceWith(page.querySelector('main'))
  } catch { /* the sandbox is down: keep what is shown and try again */ }
}, 3000)
"""


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; connect-src 'self'; "
    "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def outbox_page(
    entries: Sequence[Message | Mail], to: str, accounts: Mapping[str, Account], received: Sequence[InboundText]
) -> str:
    """Return the page that shows texts and mails in this order, filtered by `to` already.

    What a number has sent back stands at its newest message.
    """
    newest = {entry.to: entry.sid for entry in reversed(entries)}
    cards = "\n".join(
        mail_card(entry, _account_name(entry, accounts))
        if isinstance(entry, Mail)
        else _card(
            entry,
            accounts,
            [text for text in received if text.sender == entry.to and newest[entry.to] == entry.sid],
        )
        for entry in entries
    )
    nothing = f"No text or mail to {escape(to)} yet." if to else "No texts and no mails yet."
    return _page(f"""<h1>Sandbox outbox</h1>
<p class="notice">These texts and mails went nowhere. Nobody received them, and nobody paid for them.</p>
<form action="/" method="get">
<input name="to" value="{escape(to)}" placeholder="Digits of a number, or part of an address" aria-label="To">
<button>Filter</button>
</form>
<main>
{cards or f"<p>{nothing}</p>"}
</main>
<script>{_SCRIPT}</script>""")


def unsubscribe_page(to: str, url: str, outcome: Outcome) -> str:
    """Return what came of unsubscribing `to` at `url`."""
    if outcome.status is None:
        status, text = "failed", outcome.error
    else:
        status, text = "delivered" if outcome.status // 100 == 2 else "failed", outcome.words
    return _page(f"""<h1>Unsubscribe {escape(to)}</h1>
<p class="notice">Posted <code>List-Unsubscribe=One-Click</code> to {escape(url)}</p>
<main><article>
<header>What came back: <span class="status {status}">{outcome.status or "no answer"}</span></header>
<p class="text">{escape(text)}</p>
</article></main>
<p><a href="/">Back to the outbox</a></p>""")


def _page(body: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sandbox outbox</title>
<link rel="icon" href="data:,">
<style>{_STYLE}</style>
</head>
<body>
{body}
</body>
</html>
"""


def _card(message: Message, accounts: Mapping[str, Account], answers: Sequence[InboundText]) -> str:
    to, number = escape(message.to), escape(message.to.lstrip("+"))
    sender = escape(message.sender or f"service {message.service_sid}")
    time = f"{message.created_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"""<article>
<header>
<a href="/?to={number}"><b>{to}</b></a>
<span>from {sender}</span>
<span class="status {message.status.value}">{_status(message)}</span>
<time datetime="{message.created_at.isoformat()}">{time}</time>
</header>
<p class="text">{escape(message.body) or "<i>redacted</i>"}</p>
<footer>{escape(_footer(message, accounts))}</footer>
{_answers(answers)}{_answer_form(message)}
</article>"""


def _answers(answers: Sequence[InboundText]) -> str:
    if not answers:
        return ""
    entries = "".join(f"<li>{escape(text.body)}</li>" for text in answers)
    return f'<ul class="answers" aria-label="Answers">{entries}</ul>'


def _answer_form(message: Message) -> str:
    """Return the form for acting as the recipient; nothing for a sender that cannot be answered."""
    if not (message.sender or "").lstrip("+").isdigit():
        return ""
    return (
        '<form class="answer" action="/sandbox/inbound" method="post">'
        f'<input type="hidden" name="reply_to" value="{escape(message.sid)}">'
        '<input name="body" required maxlength="1600" autocomplete="off" aria-label="Answer"'
        ' placeholder="Answer as the recipient, for example STOP">'
        "<button>Answer</button></form>"
    )


def _status(message: Message) -> str:
    return f"{message.status.value} {message.error_code}" if message.error_code else message.status.value


def _footer(message: Message, accounts: Mapping[str, Account]) -> str:
    segments = f"{message.num_segments} segment{'' if message.num_segments == 1 else 's'}"
    if message.status in (Status.ACCEPTED, Status.SCHEDULED):
        segments = "not counted yet"
    encoding = "GSM-7" if is_gsm7(message.body) else "UCS-2"
    return f"{segments}, {encoding} · {_account_name(message, accounts)} · {message.sid}"


def _account_name(entry: Message | Mail, accounts: Mapping[str, Account]) -> str:
    account = accounts.get(entry.account_sid)
    return account.friendly_name if account else "unknown account"
