"""The page behind an e-mail's unsubscribe address, in the e-mail's language. It loads nothing from anywhere."""

from dataclasses import dataclass
from html import escape

from starlette.responses import HTMLResponse, Response

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class _Words:
    """`question` and `done` take the organization's name."""

    question: str
    button: str
    done: str


_WORDS = {
    "en": _Words("Stop e-mails from {}?", "Stop them", "You get no more e-mails from {}."),
    "nl": _Words("Geen e-mails meer van {}?", "Stoppen", "U krijgt geen e-mails meer van {}."),
    "fr": _Words("Ne plus recevoir d'e-mails de {} ?", "Arrêter", "Vous ne recevrez plus d'e-mails de {}."),
    "de": _Words("Keine E-Mails mehr von {}?", "Abbestellen", "Sie erhalten keine E-Mails mehr von {}."),
    "es": _Words("¿No recibir más correos de {}?", "Cancelar", "Ya no recibirá correos de {}."),
    "it": _Words("Non ricevere più e-mail da {}?", "Annulla", "Non riceverà più e-mail da {}."),
    "pt": _Words("Não receber mais e-mails de {}?", "Cancelar", "Não receberá mais e-mails de {}."),
    "da": _Words("Stop e-mails fra {}?", "Stop", "Du får ikke flere e-mails fra {}."),
    "sv": _Words("Sluta få e-post från {}?", "Sluta", "Du får ingen mer e-post från {}."),
    "no": _Words("Stoppe e-post fra {}?", "Stopp", "Du får ikke mer e-post fra {}."),
    "fi": _Words("Lopetetaanko sähköpostit: {}?", "Lopeta", "Et saa enää sähköposteja: {}."),
    "pl": _Words("Zrezygnować z e-maili od: {}?", "Zrezygnuj", "Nie będzie więcej e-maili od: {}."),
    "et": _Words("Lõpetada e-kirjad: {}?", "Lõpeta", "Te ei saa enam e-kirju: {}."),
}


def question_page(organization_name: str, language: str) -> Response:
    words = _words(language)
    button = f'<form method="post"><button>{escape(words.button)}</button></form>'
    return _page(language, words.question.format(organization_name), button)


def done_page(organization_name: str, language: str) -> Response:
    return _page(language, _words(language).done.format(organization_name))


def unknown_page() -> Response:
    return _page("en", "This address is not known here.", status=404)


def _words(language: str) -> _Words:
    return _WORDS.get(language.split("-")[0], _WORDS["en"])


def _page(language: str, sentence: str, form: str = "", status: int = 200) -> Response:
    lang = language.split("-")[0] if language.split("-")[0] in _WORDS else "en"
    html = f"""<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{escape(sentence)}</title>
</head>
<body>
<h1>{escape(sentence)}</h1>
{form}
</body>
</html>
"""
    return HTMLResponse(html, status, headers=_HEADERS)
