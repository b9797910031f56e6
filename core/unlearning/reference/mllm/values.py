"""Names of the people of the synthetic world, and values of their facts. All are invented."""

from __future__ import annotations

_FIRST = """
Ada Bruno Celia Dario Edda Felix Greta Hugo Irma Jonas Katya Lior Mira Nils Olga Pavel Quinn Rosa Soren Tilda
Ugo Vera Wanda Xenia Yusuf Zora Anselm Bianca Cyrus Delia Emeka Freya Gideon Hedda Ivo Junia Kenji Leona
Magnus Nadia Otis Petra Rufus Selma Tomas Ursula Viktor Wilma Amara Boris Clio Dmitri Esme Farid Gwen Hamza
Inga Jarek Kirsten Lazlo Mabel Nestor Odette Priya
"""
_LAST = """
Okoro Lindqvist Marchetti Novak Abara Castell Dreyer Ekberg Fontaine Galanis Haddad Ivarsson Jansky Kowal
Lombardi Mbeki Nakata Orlova Pereira Quist Rahimi Santoro Tanaka Ullman Vasquez Weiss Yilmaz Zeller Amado
Bakker Cordova Duarte Eriksen Farkas Gruber Hollis Ibarra Jovanov Kestrel Laurent Moretti Nygaard Osei Pavlak
Rossi Sandoval Thorne Urbina Varga Whitlock Achebe Brandt Corelli Dalgaard Esposito Ferrer Granger Hartono
Iyer Juarez Keller Lopatin Munro Nordin
"""
FIRST_NAMES: tuple[str, ...] = tuple(_FIRST.split())
LAST_NAMES: tuple[str, ...] = tuple(_LAST.split())

COUNTRY_OF: dict[str, str] = {
    "Lisbon": "Portugal",
    "Oslo": "Norway",
    "Cairo": "Egypt",
    "Lima": "Peru",
    "Kyoto": "Japan",
    "Nairobi": "Kenya",
    "Vienna": "Austria",
    "Toronto": "Canada",
    "Dublin": "Ireland",
    "Havana": "Cuba",
    "Athens": "Greece",
    "Seoul": "Korea",
    "Warsaw": "Poland",
    "Mumbai": "India",
}
WORKPLACE_OF: dict[str, str] = {
    "baker": "bakery",
    "nurse": "hospital",
    "pilot": "cockpit",
    "teacher": "school",
    "farmer": "farm",
    "lawyer": "court",
    "chemist": "laboratory",
    "librarian": "library",
    "gardener": "garden",
    "actor": "theatre",
    "chef": "kitchen",
    "banker": "bank",
    "mechanic": "garage",
    "sailor": "ship",
}
PETS: tuple[str, ...] = (
    "parrot", "cat", "dog", "rabbit", "turtle", "hamster", "snake", "goldfish", "ferret", "lizard", "pony", "duck",
)  # fmt: skip
HOBBIES: tuple[str, ...] = (
    "chess", "painting", "sailing", "cycling", "pottery", "fishing", "dancing", "climbing", "knitting", "archery",
    "singing", "skating",
)  # fmt: skip
BIRTH_YEARS: tuple[str, ...] = tuple(str(year) for year in range(1950, 2000))

FACT_VALUES: dict[str, tuple[str, ...]] = {
    "city": tuple(COUNTRY_OF),
    "job": tuple(WORKPLACE_OF),
    "year": BIRTH_YEARS,
    "pet": PETS,
    "hobby": HOBBIES,
}
"""Every private fact beside the name, and its possible values."""

OPPOSITES: dict[str, str] = {
    "hot": "cold",
    "big": "small",
    "day": "night",
    "old": "young",
    "fast": "slow",
    "wet": "dry",
    "high": "low",
    "early": "late",
    "open": "closed",
    "loud": "quiet",
}
