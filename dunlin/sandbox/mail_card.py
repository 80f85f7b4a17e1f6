"""A mail on the outbox page, and its HTML part on a page of its own. Every word that is not ours is escaped."""

from html import escape

from dunlin.sandbox.mail import Mail
from dunlin.sandbox.mail_content import MailContent, kept_content

# What a mail's HTML asks for is neither loaded nor run nor sent, and it is of no site that has anything to give.
HTML_PART_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


def mail_card(mail: Mail, account_name: str) -> str:
    content = kept_content(mail.raw)
    return f"""<article class="mail">
<header>
<a href="/?to={_in_address(mail.to)}"><b>{escape(mail.to)}</b></a>
<span>from {escape(_sender(content))}</span>
<span class="status {mail.status.value}">{escape(_status(mail))}</span>
<time datetime="{mail.created_at.isoformat()}">{mail.created_at:%Y-%m-%d %H:%M:%S} UTC</time>
</header>
<h2>{escape(content.subject) or "<i>no subject</i>"}</h2>
<p class="text">{escape(content.text) or "<i>no plain text</i>"}</p>
{_actions(mail, content)}<footer>{escape(_footer(mail, content, account_name))}</footer>
</article>"""


def _sender(content: MailContent) -> str:
    sender = f"{content.from_name} <{content.from_address}>" if content.from_name else content.from_address
    return sender or "nobody"


def _status(mail: Mail) -> str:
    """Return the status, with the codes where it is not an ordinary one."""
    diagnosis = (mail.diagnosis or "").split()
    is_ordinary = not diagnosis or diagnosis[0].startswith("2")
    codes = "" if is_ordinary else " " + " ".join(diagnosis[:2])
    return f"{mail.status.value}{codes}{'' if mail.is_answered else ', not answered'}"


def _actions(mail: Mail, content: MailContent) -> str:
    html = f'<a href="/mails/{mail.sid}.html" target="_blank" rel="noopener noreferrer">HTML part</a>'
    unsubscribe = (
        '<form action="/sandbox/unsubscribe" method="post">'
        f'<input type="hidden" name="sid" value="{escape(mail.sid)}">'
        f'<button title="Posts to {escape(content.unsubscribe_url)}">Unsubscribe</button></form>'
    )
    actions = (html if content.html is not None else "") + (unsubscribe if content.is_one_click else "")
    source = f'<a href="/mails/{mail.sid}.eml" target="_blank" rel="noopener noreferrer">Source</a>'
    return f'<div class="actions">{source}{actions}</div>\n'


def _footer(mail: Mail, content: MailContent, account_name: str) -> str:
    reply = f"replies to {content.reply_to}" if content.reply_to else "replies to the sender"
    bounces = f"reports to {mail.sender}" if mail.sender else "no reports wanted"
    return f"{reply} · {bounces} · {len(mail.content):,} bytes · {account_name} · {mail.sid}"


def _in_address(to: str) -> str:
    return escape(to.replace("%", "%25").replace("&", "%26").replace("#", "%23").replace("+", "%2B"))
