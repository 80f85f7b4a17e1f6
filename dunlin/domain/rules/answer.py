"""What a text that came in asks for: no more texts, texts again, help, or something for a person to read.

STOP is read generously, in the languages that we text in and inside sentences, because a refusal counts however it is
worded. START and HELP are read as the carrier reads them: one word and nothing else.

Source of the single words: https://support.twilio.com/hc/en-us/articles/223134027
"""

import re
import unicodedata

from dunlin.domain.choices import InboundTextKind

_START = frozenset({"start", "yes", "unstop"})
_HELP = frozenset({"help", "info"})


def read_answer(text: str) -> InboundTextKind:
    word = text.strip().casefold()
    if word in _START:
        return InboundTextKind.START
    if word in _HELP:
        return InboundTextKind.HELP
    return InboundTextKind.STOP if refuses_texts(text) else InboundTextKind.OTHER


def refuses_texts(text: str) -> bool:
    """Return whether a text says that its sender wants no more texts."""
    text = _ADDRESS.sub(" x ", text)
    words = _plain(text).split()
    if words and all(word in _ALONE or word in _POLITE for word in words) and not _POLITE.issuperset(words):
        return True
    return any(_refuses(_plain(clause)) for clause in _CLAUSE_END.split(text))


def _refuses(clause: str) -> bool:
    words = clause.split()
    if not _STRONG.isdisjoint(words) and all(word in _STRONG or word in _AROUND or word.isdigit() for word in words):
        return True
    return any(phrase.search(clause) for phrase in _PHRASES)


def _plain(text: str) -> str:
    """Return the words of `text` in lower case, without accents and signs, a blank between them."""
    lower = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
    bare = "".join(one for one in unicodedata.normalize("NFD", lower) if not unicodedata.combining(one))
    return " ".join(_WORD.findall(bare))


_WORD = re.compile(r"[a-z0-9]+")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+")
_CLAUSE_END = re.compile(r"[.!?;,:\n()\u2026\u2013\u2014]+|\s-+\s")

# Letters that are no accented ones, and signs that no eye sees.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ß": "ss", "\u200b": "", "\u00ad": "", "\u200d": ""}
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_POLITE = _words(
    "please pls plz thanks thank you kindly ok okay hi hello "  # en
    "aub alsjeblieft alstublieft graag bedankt hallo dank u je "  # nl
    "svp stp merci bonjour s il vous te plait "  # fr
    "bitte danke "  # de
    "por favor gracias hola "  # es
    "per favore grazie ciao "  # it
    "obrigado obrigada ola "  # pt
    "tak venligst hej "  # da
    "tack snalla "  # sv
    "takk vennligst hei "  # no
    "kiitos "  # fi
    "prosze dziekuje dzien dobry "  # pl
    "palun aitah tere"  # et
)

# These mean STOP where the whole text is nothing else, please and thanks aside. The first line is the carrier's.
_ALONE = _words(
    "stop unsubscribe end quit stopall revoke optout cancel "
    "unsub remove "
    "stoppen afmelden uitschrijven ophouden "
    "arret arreter arretez desabonner desinscrire desinscription "
    "stopp abmelden abbestellen aufhoren aufhoeren ende "
    "parar pare paren baja alto basta cancelar detener "
    "annulla ferma fermate smettere disiscrivi cancellami "
    "parem sair remover descadastrar "
    "afmeld frameld stands "
    "stoppa sluta avsluta avregistrera "
    "slutt stoppe stans avslutt avmeld "
    "lopeta lopettakaa peruuta "
    "koniec wypisz rezygnuje zatrzymaj "
    "lopetage lopp loobun"
)

# These mean STOP among nothing but words like those of _AROUND, also where more clauses stand beside them.
_STRONG = _words(
    "stop stopp stopall unsubscribe optout "
    "stoppen afmelden uitschrijven "
    "arretez arreter arrete stoppez desabonnez desinscrivez desabonner desinscrire "
    "abmelden abbestellen "
    "parem paren smettetela smettila smettete "
    "afmeld frameld avregistrera avmeld "
    "sluta slutt stoppa "
    "lopettakaa lopeta lopetage "
    "przestan przestancie przestac wypisz "
    "descadastrar"
)
_AROUND = _POLITE | _words(
    "i want would like to now it this that these those me my us number just immediately enough all already and no so "
    "you sms text texts texting message messages msg "
    "ik wil willen me mij nu dit dat hiermee ermee daarmee berichten bericht meteen onmiddellijk en met "
    "je veux maintenant ca cela moi tout de suite immediatement avec ceci les vos ces messages textos "
    "ich will mochte moechte mich jetzt das damit sofort uns nachrichten und mit diese "
    "ya ahora esto eso me mensajes inmediatamente quiero y con los estos "
    "adesso subito ora questo mi messaggi voglio e con i "
    "ja agora isto isso mensagens imediatamente quero com as estas "
    "nu det dette jer jeg vil gerne mig beskeder med "
    "jag vill det detta mig meddelanden omedelbart med "
    "na dere meg meldinger umiddelbart dette "
    "nyt tama heti viestit tekstiviestit haluan minut minun "
    "teraz to natychmiast juz mnie wiadomosci chce sie "
    "nuud kohe see sonumid mind soovin"
)

_NOT_SO = r"(?<!don t )(?<!dont )(?<!not )(?<!never )(?<!cannot )"
_PAPER = r"(?! (?:me )?(?:the |my |these |your |any )?(?:letter|invoice|bill|mail|email|e mail|post|paper))"
_SOME = r"(?: \w+){0,2}"
_MORE = r"(?: \w+){0,4}"

# Clauses that hold one of these are refusals. Written for plain words: no accents, a blank for an apostrophe.
_PHRASES = [
    re.compile(phrase)
    for phrase in (
        # English
        rf"\b{_NOT_SO}(?:stop|quit|cease){_SOME} (?:texts?|texting|messages?|messaging|sms|spam\w*|remind\w*)\b",
        rf"\b{_NOT_SO}(?:stop|quit|cease){_SOME} (?:sending|contacting|bothering|harassing|writing){_PAPER}\b",
        r"\b(?:do not|don t|dont|never) (?:ever )?(?:text|message|sms|contact|bother|disturb|write)(?: to)? "
        r"(?:me|us|this number|my number|here)\b(?! (?:by|via) (?:phone|mail|e mail|email|post|letter))",
        r"\b(?:do not|don t|dont|never) send(?: me| us)?(?: any)?(?: more)? (?:texts?|messages?|sms|reminders?)\b",
        r"\bno more (?:texts?|messages?|sms|reminders?)\b",
        r"\b(?:do not|don t|dont) want (?:to (?:get|receive) )?(?:any )?(?:more )?(?:your |these )?"
        r"(?:texts?|messages?|sms)\b",
        r"\btake (?:me|my number|this number) off\b",
        r"\b(?:remove|delete) (?:me|my number|my phone number|this number|this phone number)\b",
        r"\bleave me alone\b",
        r"\b(?:opt|opting) (?:me )?out\b",
        r"\bunsubscribe (?:me|us|my number|this number|from (?:this|these|your|the) (?:texts?|messages?|sms|list))\b",
        # Dutch
        rf"\bstop(?:pen)?{_MORE} (?:sms\w*|berichten|berichtjes|appen|herinner\w*|lastig\w*|contacteren)\b",
        rf"\bstop(?:pen)? met{_SOME} (?:sturen|schrijven)\b",
        r"\bgeen (?:enkele )?(?:sms\w*|sms (?:en|jes)|berichten|berichtjes|herinneringen) meer\b"
        r"(?! (?:ontvangen|gekregen|gehad))",
        rf"\b(?:stuur|zend)(?:t)?(?: u)?(?: me| mij| ons)? geen{_SOME} (?:sms\w*|berichten|berichtjes)\b",
        rf"\bniet meer{_SOME} (?:sms\w*|contacteren|storen|lastigvallen|schrijven naar mij)\b",
        r"\b(?:schrijf|meld) (?:me|mij|ons|dit nummer|mijn nummer) (?:uit|af)\b",
        r"\bhaal (?:me|mij|mijn nummer|dit nummer) (?:van|uit|eraf)\b",
        r"\b(?:verwijder|wis) (?:me|mij|mijn (?:telefoon)?nummer|dit nummer)\b",
        r"\blaat (?:me|mij|ons) met rust\b",
        # French
        rf"\b(?:arretez|arrete|arreter|cessez|cesse|cesser|stop|stoppez){_MORE} "
        r"(?:sms|textos?|messages?|envois?|envoyer|contacter|ecrire|harceler|embeter|deranger|rappels?)\b",
        r"\bne (?:m|me|nous) (?:envoyez|envoie|envoyer|ecrivez|ecris|contactez|contacte|derangez|textez) (?:plus|pas)\b"
        r"(?: (?:de |d |ces |vos )?(?:sms|textos?|messages?|rappels?)|$)",
        r"\bne plus (?:m |me |nous )?(?:recevoir|envoyer|contacter|ecrire|deranger)"
        r"(?: (?:de |d |ces |vos )?(?:sms|textos?|messages?|rappels?)|$)",
        r"\bne (?:veux|souhaite|desire|voulons|souhaitons) (?:plus|pas) (?:recevoir )?(?:de |d |ces |vos )?"
        r"(?:sms|textos?|messages?|etre contacte\w*)\b",
        r"^(?:merci |svp )?(?:plus|pas) (?:de|d aucun|aucun) (?:sms|textos?|messages?)\b",
        r"\b(?:desabonnez|desinscrivez|retirez|enlevez|supprimez) (?:moi|nous|mon numero|ce numero)\b",
        r"\bme (?:desabonner|desinscrire)\b",
        r"\b(?:laissez|laisse) moi tranquille\b",
        # German
        rf"\b(?:stopp|stop|stoppen|stoppt|schluss){_SOME} (?:sms|nachrichten|nachricht|texte|erinnerungen)\b",
        r"^(?:bitte )?(?:hor|hoer|hort|hoert|horen|hoeren)(?: sie)?(?: bitte)? (?:damit )?auf(?: damit)?(?: bitte)?$",
        rf"\b(?:hor|hoer|hort|hoert|horen|hoeren|aufhoren|aufhoeren){_SOME}(?: auf)?{_MORE} "
        r"(?:sms|nachrichten|schreiben|schicken|senden|belastigen|belaestigen|kontaktieren)\b",
        r"\bkeine (?:weiteren|weitere) (?:sms|nachrichten|erinnerungen)\b",
        r"\bkeine (?:sms|nachrichten|erinnerungen) mehr\b(?!(?: \w+)? (?:bekommen|erhalten|gekriegt))",
        r"^(?:bitte )?keine (?:sms|nachrichten)(?: bitte)?$",
        rf"\bnicht mehr{_SOME} (?:anschreiben|kontaktieren|texten|simsen|belastigen|belaestigen)\b",
        r"\b(?:schreiben|schreibt|schreib|schicken|schickt|schick|senden|sendet|sende)(?: sie)? (?:mir|uns)"
        r"(?: bitte)? (?:nicht mehr|nichts mehr|keine (?:sms|nachrichten))\b",
        r"\blass(?:en sie|t)? mich (?:bitte )?in ruhe\b",
        r"\b(?:loschen|loeschen|entfernen|streichen)(?: sie)?(?: bitte)? (?:mich|meine (?:telefon|handy)?nummer)\b",
        r"\bmeine (?:telefon|handy)?nummer (?:loschen|loeschen|entfernen)\b",
        # Spanish
        rf"\b(?:deje|dejen|deja|dejad|dejar|pare|paren|para|basta|cesen)(?: ya)? de{_SOME} "
        r"(?:envi\w*|mandar\w*|escribir\w*|molestar\w*|contactar\w*|acosar\w*|sms|mensajes?)\b",
        r"\bno (?:me|nos) (?:envien?|envies|manden?|mandes|escriban?|escribas|contacten?|contactes|molesten?|molestes)"
        r"(?: mas)?(?: (?:sms|mensajes|textos)|$)",
        r"\bno (?:quiero|deseo|queremos)(?: recibir)?(?: mas)?(?: sus| estos)? (?:sms|mensajes|textos)\b",
        r"\b(?:no mas|basta de|ni un mas) (?:sms|mensajes?|textos?)\b",
        r"\b(?:darme|denme|deme|dame|darnos) de baja\b(?! (?:del|de la|de mi|el|la|mi))",
        r"\b(?:borre|borren|elimine|eliminen|quite|quiten) (?:mi|este) (?:numero|telefono)\b",
        r"\b(?:borrenme|eliminenme|quitenme)\b",
        r"\b(?:dejeme|dejenme|dejame) en paz\b",
        # Italian
        rf"\b(?:smett\w+|basta|stop|cessate|finitela|fermate){_MORE} "
        r"(?:sms|messaggi|messaggio|scriver\w*|mandar\w*|inviar\w*|contattar\w*|disturbar\w*)\b",
        r"\bnon (?:inviatemi|mandatemi|scrivetemi|contattatemi|inviarmi|mandarmi|scrivermi|contattarmi)"
        r"(?: piu)?(?: altri)?(?: (?:sms|messaggi)|$)",
        r"\bnon mi (?:mandate|scrivete|contattate|inviate|disturbate) piu\b",
        r"\bnon (?:voglio|desidero|vogliamo) (?:piu )?(?:ricevere )?(?:piu )?(?:altri |questi |i vostri |vostri )?"
        r"(?:sms|messaggi)\b",
        r"\bniente (?:piu )?(?:sms|messaggi)\b",
        r"\b(?:cancellatemi|disiscrivetemi|toglietemi|disiscrivermi|cancellarmi)\b",
        r"\b(?:cancellate|togliete|rimuovete|eliminate) (?:il )?mio numero\b",
        r"\blasciatemi (?:in pace|stare)\b",
        # Portuguese
        rf"\b(?:parem?|parar|deixem?|deixar|chega|cessem?)(?: ja)? de{_SOME} "
        r"(?:envi\w*|mandar\w*|escrever\w*|contac?tar\w*|incomodar\w*|chatear\w*|mensagens?|sms)\b",
        r"\bnao (?:me|nos) (?:enviem?|mandem?|escrevam?|contac?tem?|incomodem?)(?: mais)?(?: (?:sms|mensagens)|$)",
        r"\bnao (?:enviem?|mandem?) mais (?:sms|mensagens)\b",
        r"\bnao quer(?:o|emos) (?:mais )?(?:receber )?(?:mais )?(?:as |essas |estas )?(?:suas )?(?:sms|mensagens)\b",
        r"\b(?:remova|removam|apaguem|retirem) (?:o )?(?:meu|este) numero\b",
        r"\b(?:cancele|cancelem|cancelar) (?:as |estas )?(?:sms|mensagens)\b",
        r"\bdeixem? me em paz\b",
        # Danish, Swedish and Norwegian
        rf"\b(?:stop|stopp|stoppa|stands|stans|slutt|sluta|kutt|hold op|upphor)(?: med)?(?: att| at| a)?{_SOME} "
        r"(?:sms\w*|sms er|beskeder|besked|meddelanden?|meddelelser|meldinger|melding|messa|paminnels\w*|rykkere|"
        r"purringer|sende|skicka|skrive|skriva|kontakte|kontakta)\b",
        r"\b(?:ingen|inga) (?:flere|fler|flera|mere) (?:sms\w*|beskeder|meldinger|meddelanden)\b",
        r"\b(?:send|skicka)(?: mig| meg| os| oss)? (?:ikke|inte)(?: flere| fler| flera| mere| mer)?"
        r"(?: (?:sms\w*|beskeder|meldinger|meddelanden)|$)",
        r"\b(?:ikke|inte) (?:skriv|skriva|kontakt|kontakta|send|skicka|sms|smsa)(?: til| till)? (?:mig|meg|os|oss)\b",
        r"\b(?:kontakt|kontakta|smsa|sms) (?:mig|meg|os|oss) (?:ikke|inte)\b",
        r"\bskriv (?:ikke|inte)(?: mere| mer)?(?: til| till) (?:mig|meg)\b",
        r"\bvil+ (?:ikke|inte) (?:ha|have|motta|modtage|fa)(?: flere| fler| mere| mer)?(?: jeres| era| deres)? "
        r"(?:sms\w*|beskeder|meldinger|meddelanden)\b",
        r"\b(?:slet|slett|fjern|ta bort|radera) (?:mig|meg|mit nummer|mitt nummer|nummeret mitt|mitt telefonnummer)\b",
        r"\b(?:afmeld|frameld|avregistrera|avmeld) (?:mig|meg|mit nummer|mitt nummer|nummeret mitt)\b",
        r"\bmeld meg av\b",
        r"\b(?:lad mig vaere|lamna mig ifred|lamna mig i fred|la meg vaere)\b",
        # Finnish
        rf"\b(?:lopeta|lopettakaa|lopettaa|lakatkaa|lakkaa){_SOME} "
        r"(?:viest\w*|tekstiviest\w*|sms\w*|laheta\w*|lahetta\w*|kirjoitt\w*|hairi\w*)",
        r"\b(?:ala|alkaa)(?: enaa)? (?:laheta|lahettako)(?: enaa| mulle| minulle| meille)*"
        r"(?: (?:viest\w*|tekstiviest\w*|sms\w*)|$)",
        r"\b(?:ala|alkaa)(?: enaa)? (?:hairitse|hairitko|kirjoita|kirjoittako)(?: enaa| mulle| minulle)*$",
        r"\bei enaa (?:viest\w*|tekstiviest\w*|sms\w*)",
        rf"\ben halua{_SOME} (?:viest\w*|tekstiviest\w*|sms\w*)",
        r"\bpoista(?:kaa)? (?:minut|numeroni)\b",
        r"\bjata(?:kaa)? minut rauhaan\b|\bjattakaa minut rauhaan\b",
        # Polish
        rf"\b(?:przestan\w*|przestac|zaprzestan\w*|koniec z|dosc){_SOME} "
        r"(?:sms\w*|wiadomosc\w*|wysyla\w*|pisac|kontaktowac|nekac)",
        r"\bnie (?:wysylaj\w*|wysylac|przysylaj\w*|przysylac|pisz|piszcie|pisac|kontaktuj\w*|kontaktowac)"
        r"(?: sie| ze mna| do mnie| mi| nam| juz| wiecej)*(?: (?:sms\w*|wiadomosci)|$)",
        r"\bnie chce(?: juz| wiecej)*(?: otrzymywac| dostawac)?(?: juz| wiecej)*(?: tych| waszych)? "
        r"(?:sms\w*|wiadomosci)",
        r"\bzadnych (?:wiecej )?(?:sms\w*|wiadomosci)",
        r"\b(?:usun|usuncie|prosze usunac) (?:moj|ten) numer\b",
        r"\bwypisz(?:cie)? mnie\b",
        r"\bdajcie mi (?:swiety )?spokoj\b",
        # Estonian
        rf"\b(?:lopeta|lopetage|lopetada){_SOME} (?:sonumi\w*|sms\w*|saatmi\w*|kirjutami\w*|tulitami\w*)",
        r"\b(?:ara|arge)(?: enam)? (?:saada|saatke|kirjuta|kirjutage|tulita|tulitage)"
        r"(?: mulle| meile| enam| rohkem)*(?: (?:sonum\w*|sms\w*)|$)",
        rf"\bei (?:soovi|taha){_SOME} (?:sonum\w*|sms\w*)",
        r"\b(?:kustutage|kustuta|eemaldage|eemalda) (?:mind|minu number|mu number|see number)\b",
        r"\bjatke mind rahule\b|\bjata mind rahule\b",
    )
]
