"""Names to draw from, by language. All within GSM-7, so that a greeting by name does not make a text UCS-2."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """`firms` are patterns: a family name goes into the braces."""

    given: tuple[str, ...]
    family: tuple[str, ...]
    firms: tuple[str, ...]


def _split(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(","))


NAMES = {
    "nl": Names(
        _split(
            "Jan, Lotte, Wouter, Griet, Bram, Sofie, Pieter, Annelies, Dirk, Els, Jef, Marieke, Tom, Liesbeth, Koen,"
            " Hilde, Stijn, Katrien, Joris, Femke, Ruben, Nele, Geert, An, Bart, Saar"
        ),
        _split(
            "Peeters, Janssens, Maes, Jacobs, Mertens, Willems, Claes, Goossens, Wouters, De Smet, Vermeulen, Pauwels,"
            " Van den Broeck, Hermans, Aerts, Michiels, Van Damme, De Backer, Lemmens, Verhoeven"
        ),
        ("Bakkerij {} BV", "Garage {} NV", "Tuinen {} BV"),
    ),
    "fr": Names(
        _split(
            "Camille, Julien, Amélie, Antoine, Chantal, Hugo, Élise, Mathieu, Nathalie, Olivier, Pauline, Quentin,"
            " Sandrine, Thomas, Valérie, Lucie, Cédric, Manon, Étienne, Margaux, Romain, Agathe, Basile, Inès"
        ),
        _split(
            "Dubois, Lambert, Dupont, Leroy, Moreau, Lefèvre, Girard, Mercier, Fontaine, Rousseau, Chevalier, Gauthier,"
            " Perrin, Marchand, Collet, Renard, Bertrand, Vidal, Caron, Noblet"
        ),
        ("Boulangerie {} SARL", "Garage {} SAS", "Cabinet {} et Fils"),
    ),
    "en": Names(
        _split(
            "Oliver, Amelia, George, Isla, Harriet, Callum, Fiona, Nigel, Priya, Rhys, Eleanor, Declan, Martha, Owen,"
            " Grace, Imran, Tessa, Lewis, Niamh, Edward, Ruth, Alistair, Megan, Desmond"
        ),
        _split(
            "Whitfield, Ashworth, Bramley, Carter, Hargreaves, Okafor, Patel, Pemberton, Sinclair, Thornton, Wardle,"
            " Yates, Lockwood, Merriman, Fairclough, Doherty, Rowley, Kendrick, Hewitt, Marlow"
        ),
        ("{} & Sons Ltd", "{} Bakery Ltd", "{} Garage"),
    ),
    "de": Names(
        _split(
            "Anna, Jürgen, Katrin, Lukas, Monika, Stefan, Ute, Florian, Sabine, Torsten, Birgit, Jörg, Maren, Dieter,"
            " Heike, Emil, Greta, Wolfgang, Svenja, Tobias, Ingrid, Matthias, Käthe, Lars"
        ),
        _split(
            "Müller, Schäfer, Krüger, Hoffmann, Weiß, Lehmann, Schröder, Braun, Vogel, Köhler, Seidel, Brandt, Winkler,"
            " Kaiser, Böhm, Jansen, Reuter, Ziegler, Hartwig, Oswald"
        ),
        ("Bäckerei {} GmbH", "Autohaus {} KG", "Gärtnerei {}"),
    ),
    "fi": Names(
        _split("Aino, Eero, Helmi, Ilkka, Jaana, Kalle, Liisa, Matti, Noora, Onni, Päivi, Riitta, Saku, Tuuli, Väinö"),
        _split(
            "Virtanen, Korhonen, Mäkinen, Nieminen, Heikkinen, Koskinen, Järvinen, Lehtonen, Salminen, Laine,"
            " Hämäläinen"
        ),
        ("{} Oy", "Leipomo {} Oy"),
    ),
    "sv": Names(
        _split("Astrid, Björn, Elsa, Fredrik, Gun, Håkan, Ida, Johan, Kerstin, Lars, Märta, Nils, Sven, Ulla, Åsa"),
        _split("Lindqvist, Holm, Sjöberg, Öhman, Nyström, Ekblad, Backman, Söderholm, Granlund, Åberg, Wikström"),
        ("{} Ab", "Bageri {} Ab"),
    ),
}
COUNTRY_LANGUAGE = {"BE": "nl", "GB": "en", "FI": "fi", "DE": "de", "FR": "fr"}
