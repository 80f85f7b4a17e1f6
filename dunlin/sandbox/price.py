"""What a segment costs, by country. Plausible figures, not Twilio's."""

from dataclasses import dataclass
from decimal import Decimal

_ELSEWHERE = Decimal("0.08000")


@dataclass(frozen=True, slots=True)
class Country:
    """A row of the price list; `prefix` is the country calling code with its plus."""

    iso: str
    name: str
    prefix: str
    carrier: str
    mcc: str
    mnc: str
    price: Decimal


COUNTRIES = {
    country.iso: country
    for country in (
        Country("AT", "Austria", "+43", "A1", "232", "01", Decimal("0.10150")),
        Country("AU", "Australia", "+61", "Telstra", "505", "01", Decimal("0.05150")),
        Country("BE", "Belgium", "+32", "Proximus", "206", "01", Decimal("0.11000")),
        Country("BR", "Brazil", "+55", "Vivo", "724", "06", Decimal("0.06000")),
        Country("CH", "Switzerland", "+41", "Swisscom", "228", "01", Decimal("0.07250")),
        Country("CZ", "Czech Republic", "+420", "O2", "230", "02", Decimal("0.06450")),
        Country("DE", "Germany", "+49", "Telekom", "262", "01", Decimal("0.11200")),
        Country("DK", "Denmark", "+45", "TDC", "238", "01", Decimal("0.06680")),
        Country("EE", "Estonia", "+372", "Telia", "248", "01", Decimal("0.09500")),
        Country("ES", "Spain", "+34", "Movistar", "214", "07", Decimal("0.08500")),
        Country("FI", "Finland", "+358", "Elisa", "244", "05", Decimal("0.09800")),
        Country("FR", "France", "+33", "Orange", "208", "01", Decimal("0.07980")),
        Country("GB", "United Kingdom", "+44", "EE", "234", "30", Decimal("0.05240")),
        Country("IE", "Ireland", "+353", "Vodafone", "272", "01", Decimal("0.08350")),
        Country("IN", "India", "+91", "Airtel", "404", "10", Decimal("0.08320")),
        Country("IT", "Italy", "+39", "TIM", "222", "01", Decimal("0.09270")),
        Country("LT", "Lithuania", "+370", "Telia", "246", "01", Decimal("0.04550")),
        Country("LV", "Latvia", "+371", "LMT", "247", "01", Decimal("0.06330")),
        Country("NL", "Netherlands", "+31", "KPN", "204", "08", Decimal("0.10900")),
        Country("NO", "Norway", "+47", "Telenor", "242", "01", Decimal("0.07290")),
        Country("PL", "Poland", "+48", "Orange", "260", "03", Decimal("0.04470")),
        Country("PT", "Portugal", "+351", "MEO", "268", "06", Decimal("0.05100")),
        Country("SE", "Sweden", "+46", "Telia", "240", "01", Decimal("0.05950")),
        Country("US", "United States", "+1", "AT&T", "310", "410", Decimal("0.00830")),
    )
}


def charge(to: str) -> Decimal:
    """Return the price of one segment to the number `to`, in US dollars."""
    country = _country(to)
    return country.price if country else _ELSEWHERE


def country_of(number: str) -> str:
    """Return the country code of `number`, or ZZ if it is not in the list. All of +1 counts as US."""
    country = _country(number)
    return country.iso if country else "ZZ"


def _country(number: str) -> Country | None:
    # No calling code is the beginning of another, so the first match is the only one.
    return next((country for country in COUNTRIES.values() if number.startswith(country.prefix)), None)
