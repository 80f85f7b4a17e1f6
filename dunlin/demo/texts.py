"""The texts of the demo's steps, in the four languages of the demo.

Every text stays within GSM-7 and two segments. So French texts name no date (`août` has a letter outside
GSM-7) and say neither `reçu` nor `plutôt`; Dutch ones say `automatische betaling`, for `domiciliëring`.
No text tells why a bank returned a debit: others may read the phone.
"""

from collections.abc import Mapping

Texts = Mapping[str, str]

INVOICE_FRIENDLY: Texts = {
    "nl": (
        "Beste {{ customer.name }}, misschien is het u ontgaan: factuur {{ reference }} van {{ amount }} verviel op"
        " {{ due_date }}. Wilt u ze betalen met deze referentie? Al betaald? Dan hoeft u niets te doen."
        " {{ organization.name }}"
    ),
    "fr": (
        "Bonjour {{ customer.name }}, sauf erreur de notre part, la facture {{ reference }} de {{ amount }} n'est"
        " pas encore réglée. Merci de la payer avec cette référence. C'est fait ? Ne tenez pas compte de ce message."
        " {{ organization.name }}"
    ),
    "en": (
        "Dear {{ customer.name }}, you may have missed it: invoice {{ reference }} for {{ amount }} was due on"
        " {{ due_date }}. Please pay it quoting this reference. Already paid? Then there is nothing to do."
        " {{ organization.name }}"
    ),
    "de": (
        "Guten Tag {{ customer.name }}, vielleicht ist es Ihnen entgangen: Rechnung {{ reference }} über {{ amount }}"
        " war am {{ due_date }} fällig. Bitte zahlen Sie unter Angabe dieser Nummer. Schon bezahlt? Dann ist"
        " nichts zu tun. {{ organization.name }}"
    ),
}

INVOICE_SECOND: Texts = {
    "nl": (
        "Beste {{ customer.name }}, factuur {{ reference }} van {{ amount }} staat nog open sinds {{ due_date }}."
        " Gelieve binnen 7 dagen te betalen. Lukt dat niet in één keer? Neem contact op, dan zoeken we samen een"
        " oplossing. {{ organization.name }}"
    ),
    "fr": (
        "Bonjour {{ customer.name }}, nous restons sans paiement de {{ amount }} pour la facture {{ reference }}."
        " Merci de payer dans les 7 jours. Impossible en une fois ? Contactez-nous, nous trouverons ensemble une"
        " solution. {{ organization.name }}"
    ),
    "en": (
        "Dear {{ customer.name }}, invoice {{ reference }} for {{ amount }} has been open since {{ due_date }}."
        " Please pay within 7 days. Not possible at once? Contact us and we will find a solution together."
        " {{ organization.name }}"
    ),
    "de": (
        "Guten Tag {{ customer.name }}, Rechnung {{ reference }} über {{ amount }} ist seit {{ due_date }} offen."
        " Bitte zahlen Sie innerhalb von 7 Tagen. Geht das nicht auf einmal? Melden Sie sich, wir finden eine"
        " Lösung. {{ organization.name }}"
    ),
}

INVOICE_LAST: Texts = {
    "nl": (
        "Beste {{ customer.name }}, ondanks eerdere herinneringen is factuur {{ reference }} van {{ amount }} niet"
        " betaald. Betaal vandaag nog of vraag een afbetalingsplan, zo vermijdt u een ingebrekestelling."
        " {{ organization.name }}"
    ),
    "fr": (
        "Bonjour {{ customer.name }}, malgré nos rappels, la facture {{ reference }} de {{ amount }} n'est pas"
        " payée. Payez dès aujourd'hui ou demandez un plan de paiement pour éviter une mise en demeure."
        " {{ organization.name }}"
    ),
    "en": (
        "Dear {{ customer.name }}, despite our reminders invoice {{ reference }} for {{ amount }} is not paid."
        " Please pay today or ask us for a payment plan, so that we need not send a notice of default."
        " {{ organization.name }}"
    ),
    "de": (
        "Guten Tag {{ customer.name }}, trotz unserer Erinnerungen ist Rechnung {{ reference }} über {{ amount }}"
        " nicht bezahlt. Bitte zahlen Sie heute oder vereinbaren Sie Raten, so vermeiden Sie eine förmliche"
        " Mahnung. {{ organization.name }}"
    ),
}

INVOICE_DEFAULT: Texts = {
    "nl": (
        "{{ customer.name }}, ingebrekestelling: factuur {{ reference }} van {{ amount }}, vervallen op"
        " {{ due_date }}. Zonder betaling binnen 14 dagen geven wij het dossier door voor invordering. Betwist u"
        " de factuur? Laat het ons weten. {{ organization.name }}"
    ),
    "fr": (
        "{{ customer.name }}, mise en demeure : la facture {{ reference }} de {{ amount }} reste impayée. Sans"
        " paiement dans les 14 jours, nous confions le dossier au recouvrement. Vous contestez la facture ?"
        " Dites-le-nous. {{ organization.name }}"
    ),
    "en": (
        "{{ customer.name }}, notice of default: invoice {{ reference }} for {{ amount }}, due on {{ due_date }}."
        " Without payment within 14 days we pass the file on for collection. Do you dispute the invoice? Please"
        " let us know. {{ organization.name }}"
    ),
    "de": (
        "{{ customer.name }}, förmliche Mahnung: Rechnung {{ reference }} über {{ amount }}, fällig am"
        " {{ due_date }}. Ohne Zahlung binnen 14 Tagen übergeben wir sie einem Inkassobüro. Widersprechen Sie der"
        " Forderung? Bitte melden Sie sich. {{ organization.name }}"
    ),
}

DEBIT_FRIENDLY: Texts = {
    "nl": (
        "Beste {{ customer.name }}, de automatische betaling van {{ amount }} voor {{ reference }} is niet gelukt."
        " Wilt u het bedrag zelf overschrijven met deze referentie? Vragen? Wij helpen u graag."
        " {{ organization.name }}"
    ),
    "fr": (
        "Bonjour {{ customer.name }}, le prélèvement de {{ amount }} pour {{ reference }} n'a pas abouti. Merci de"
        " virer ce montant avec cette référence. Une question ? Nous vous aidons volontiers."
        " {{ organization.name }}"
    ),
    "en": (
        "Dear {{ customer.name }}, the direct debit of {{ amount }} for {{ reference }} did not go through. Please"
        " transfer the amount quoting this reference. Any questions? We are glad to help. {{ organization.name }}"
    ),
    "de": (
        "Guten Tag {{ customer.name }}, die Lastschrift über {{ amount }} zu {{ reference }} wurde nicht"
        " eingelöst. Bitte überweisen Sie den Betrag unter Angabe dieser Nummer. Fragen? Wir helfen gern."
        " {{ organization.name }}"
    ),
}

DEBIT_SECOND: Texts = {
    "nl": (
        "Beste {{ customer.name }}, na de mislukte automatische betaling staat {{ amount }} nog open voor"
        " {{ reference }}. Gelieve binnen 7 dagen over te schrijven, of bezorg ons een ander rekeningnummer."
        " {{ organization.name }}"
    ),
    "fr": (
        "Bonjour {{ customer.name }}, le prélèvement n'ayant pas abouti, {{ amount }} restent dus pour"
        " {{ reference }}. Merci de virer ce montant dans les 7 jours ou de nous indiquer un autre compte."
        " {{ organization.name }}"
    ),
    "en": (
        "Dear {{ customer.name }}, since the direct debit did not go through, {{ amount }} is still open for"
        " {{ reference }}. Please transfer it within 7 days, or give us another account. {{ organization.name }}"
    ),
    "de": (
        "Guten Tag {{ customer.name }}, nach der nicht eingelösten Lastschrift sind {{ amount }} zu {{ reference }}"
        " noch offen. Bitte überweisen Sie binnen 7 Tagen oder nennen Sie uns ein anderes Konto."
        " {{ organization.name }}"
    ),
}

DEBIT_DEFAULT: Texts = {
    "nl": (
        "{{ customer.name }}, ingebrekestelling: {{ amount }} voor {{ reference }} is niet betaald. Zonder betaling"
        " binnen 14 dagen geven wij het dossier door voor invordering. Liever een afbetalingsplan? Vraag het ons."
        " {{ organization.name }}"
    ),
    "fr": (
        "{{ customer.name }}, mise en demeure : {{ amount }} pour {{ reference }} restent impayés. Sans paiement"
        " dans les 14 jours, nous confions le dossier au recouvrement. Besoin d'un plan de paiement ?"
        " Demandez-le-nous. {{ organization.name }}"
    ),
    "en": (
        "{{ customer.name }}, notice of default: {{ amount }} for {{ reference }} is not paid. Without payment"
        " within 14 days we pass the file on for collection. Would a payment plan help? Just ask."
        " {{ organization.name }}"
    ),
    "de": (
        "{{ customer.name }}, förmliche Mahnung: {{ amount }} zu {{ reference }} sind nicht bezahlt. Ohne Zahlung"
        " binnen 14 Tagen folgt das Inkasso. Hilft eine Ratenzahlung? Sprechen Sie uns an."
        " {{ organization.name }}"
    ),
}

RENT_FRIENDLY: Texts = {
    "nl": (
        "Beste {{ customer.name }}, de huur van {{ amount }} ({{ reference }}) kon niet worden afgeschreven. Wilt u"
        " het bedrag zelf overmaken? Alvast bedankt. {{ organization.name }}"
    ),
    "fr": (
        "Bonjour {{ customer.name }}, le prélèvement du loyer de {{ amount }} ({{ reference }}) n'a pas abouti."
        " Merci de le virer. {{ organization.name }}"
    ),
    "en": (
        "Dear {{ customer.name }}, the rent of {{ amount }} ({{ reference }}) could not be collected by direct"
        " debit. Please transfer it. Thank you. {{ organization.name }}"
    ),
    "de": (
        "Guten Tag {{ customer.name }}, die Miete von {{ amount }} ({{ reference }}) konnte nicht abgebucht werden."
        " Bitte überweisen Sie sie. Danke. {{ organization.name }}"
    ),
}

RENT_SECOND: Texts = {
    "nl": (
        "Beste {{ customer.name }}, de huur van {{ amount }} ({{ reference }}), te betalen op {{ due_date }}, staat"
        " nog open. Gelieve binnen 7 dagen te betalen. Zijn er zorgen? Onze sociale dienst denkt graag mee."
        " {{ organization.name }}"
    ),
    "fr": (
        "Bonjour {{ customer.name }}, le loyer de {{ amount }} ({{ reference }}) n'est pas encore payé. Merci de le"
        " régler dans les 7 jours. Des difficultés ? Notre service social est à votre écoute."
        " {{ organization.name }}"
    ),
    "en": (
        "Dear {{ customer.name }}, the rent of {{ amount }} ({{ reference }}), due on {{ due_date }}, is still open."
        " Please pay within 7 days. In difficulty? Our tenant support is there for you. {{ organization.name }}"
    ),
    "de": (
        "Guten Tag {{ customer.name }}, die Miete von {{ amount }} ({{ reference }}), fällig am {{ due_date }}, ist"
        " noch offen. Bitte zahlen Sie binnen 7 Tagen. Sie haben Sorgen? Unsere Mieterberatung hilft Ihnen."
        " {{ organization.name }}"
    ),
}

MEMBERSHIP_FRIENDLY: Texts = {
    "nl": (
        "Dag {{ customer.name }}, uw lidgeld van {{ amount }} staat nog open. Wilt u het overschrijven met"
        " referentie {{ reference }}? Sportieve groeten, {{ organization.name }}"
    ),
    "fr": (
        "Bonjour {{ customer.name }}, votre cotisation de {{ amount }} n'est pas encore réglée. Merci de la virer"
        " avec la référence {{ reference }}. Sportivement, {{ organization.name }}"
    ),
    "en": (
        "Hello {{ customer.name }}, your membership fee of {{ amount }} is still open. Please transfer it quoting"
        " {{ reference }}. See you soon, {{ organization.name }}"
    ),
    "de": (
        "Hallo {{ customer.name }}, Ihr Mitgliedsbeitrag von {{ amount }} ist noch offen. Bitte überweisen Sie ihn"
        " mit der Nummer {{ reference }}. Sportliche Grüße, {{ organization.name }}"
    ),
}

MEMBERSHIP_SECOND: Texts = {
    "nl": (
        "Dag {{ customer.name }}, wij missen nog {{ amount }} lidgeld ({{ reference }}). Gelieve binnen 7 dagen te"
        " betalen. Wilt u gespreid betalen of stoppen? Laat het ons weten. {{ organization.name }}"
    ),
    "fr": (
        "Bonjour {{ customer.name }}, il nous manque encore {{ amount }} pour votre cotisation ({{ reference }})."
        " Merci de payer dans les 7 jours. Payer en plusieurs fois ou résilier ? Dites-le-nous."
        " {{ organization.name }}"
    ),
    "en": (
        "Hello {{ customer.name }}, {{ amount }} of your membership fee ({{ reference }}) is still missing. Please"
        " pay within 7 days. Would you rather pay in parts, or leave? Let us know. {{ organization.name }}"
    ),
    "de": (
        "Hallo {{ customer.name }}, es fehlen noch {{ amount }} Mitgliedsbeitrag ({{ reference }}). Bitte zahlen Sie"
        " binnen 7 Tagen. Lieber in Raten, oder möchten Sie kündigen? Sagen Sie es uns. {{ organization.name }}"
    ),
}

MEMBERSHIP_DEFAULT: Texts = {
    "nl": (
        "{{ customer.name }}, ingebrekestelling: {{ amount }} lidgeld ({{ reference }}) is niet betaald. Zonder"
        " betaling binnen 14 dagen eindigt uw toegang en vorderen wij het bedrag in. {{ organization.name }}"
    ),
    "fr": (
        "{{ customer.name }}, mise en demeure : {{ amount }} de cotisation ({{ reference }}) restent impayés. Sans"
        " paiement dans les 14 jours, votre accès prend fin et nous engageons le recouvrement."
        " {{ organization.name }}"
    ),
    "en": (
        "{{ customer.name }}, notice of default: {{ amount }} of membership fee ({{ reference }}) is not paid."
        " Without payment within 14 days your access ends and we start collection. {{ organization.name }}"
    ),
    "de": (
        "{{ customer.name }}, förmliche Mahnung: {{ amount }} Mitgliedsbeitrag ({{ reference }}) sind nicht bezahlt."
        " Ohne Zahlung binnen 14 Tagen endet Ihr Zugang und wir leiten das Inkasso ein. {{ organization.name }}"
    ),
}
