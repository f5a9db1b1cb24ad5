"""The words of the demo data: people, places and goods that look real, and the ways in which people write.

E-mail domains are the ones reserved by RFC 2606, so no address here can belong to anybody.
"""

import struct
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Objects = NDArray[np.object_]
Flags = NDArray[np.bool_]
Values = Numbers | Objects | NDArray[np.float64]

DAY = 86_400  # seconds
DAY_ZERO = date(1940, 1, 1).toordinal()


@dataclass(frozen=True)
class Person:
    """`stem` is the ASCII left part of an e-mail address; `accented` differs from it by diacritics only."""

    name: str
    stem: str
    accented: str


@dataclass(frozen=True)
class City:
    """`north` and `east` are in 1/100,000 of a degree: whole numbers, so that no machine rounds them differently."""

    name: str
    country: str
    postcodes: tuple[str, ...]
    north: int
    east: int


# Not decomposed by Unicode: a stroke or a ligature is no diacritic.
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "ß": "ss", "đ": "d", "æ": "ae", "ı": "i", "'": "", "’": "", " ": ""})

# Given names / family names; a word of another script carries its usual transliteration after "=".
_CULTURES = """
german: Jürgen Käthe Björn Annegret Günther Zoë Jörg Ursula / Müller Schröder Weiß Groß Krüger Böhm Jäger Vogel
french: Élodie François Chloé Benoît Anaïs Jérôme Noël / Lefèvre Garçon Dubois Béranger D’Aubigné Château Fabre
spanish: José Lucía Andrés Ángel Núria Íñigo Begoña / García Núñez Muñoz Ibáñez Ordóñez Peña López Fernández
polish: Łukasz Małgorzata Paweł Agnieszka Michał Bożena / Wójcik Kowalczyk Dąbrowski Woźniak Król Pająk Nowak
czech: Jiří Ondřej Kateřina Vojtěch Šárka Růžena / Dvořák Novák Svoboda Černý Procházka Růžička Šťastný
nordic: Åsa Bjørn Søren Øystein Ingrid Mårten Þóra / Ångström Sørensen Håkansson Mäkinen Øvrebø Jónsson Kjær
turkish: Çağla Işıl Gökhan Şebnem Ümit Özlem Oğuz / Yılmaz Öztürk Şahin Çelik Doğan Güneş Kılıç Yıldız
greek: Γιώργος=giorgos Ελένη=eleni Νίκος=nikos Άννα=anna / Ιωάννου=ioannou Παπαδόπουλος=papadopoulos Δήμου=dimou
cyrillic: Олена=olena Дмитро=dmytro Юлія=yulia Іван=ivan / Шевченко=shevchenko Коваль=koval Їжакевич=yizhakevych
english: James Olivia Henry Charlotte Liam Grace Noah / Smith Johnson O'Brien Williams O’Connor Davis D'Angelo
chinese: 小明=xiaoming 丽华=lihua 伟=wei 建国=jianguo 雪梅=xuemei / 王=wang 李=li 张=zhang 刘=liu 陈=chen 欧阳=ouyang
japanese: 太郎=taro 花子=hanako 健=ken さくら=sakura 翔太=shota / 山田=yamada 髙橋=takahashi 渡邉=watanabe 𠮷野=yoshino
korean: 민준=minjun 서연=seoyeon 지훈=jihun 하은=haeun / 김=kim 이=lee 박=park 최=choi 정=jung 강=kang
vietnamese: Thị=thi Ánh=anh Hữu=huu Ngọc=ngoc Tuấn=tuan / Nguyễn=nguyen Trần=tran Phạm=pham Huỳnh=huynh Võ=vo
arabic: محمد=mohammed فاطمة=fatima أحمد=ahmed ليلى=layla / العلي=alali حسن=hassan الخطيب=alkhatib منصور=mansour
hebrew: דוד=david שרה=sarah רחל=rachel נועם=noam תמר=tamar / כהן=cohen לוי=levi מזרחי=mizrahi פרץ=peretz
hindi: प्रिया=priya राहुल=rahul अनन्या=ananya विक्रम=vikram / शर्मा=sharma पटेल=patel सिंह=singh मेहता=mehta
"""
_FAMILY_FIRST = {"chinese": "{family}{given}", "korean": "{family}{given}", "japanese": "{family} {given}"}

# Names that have broken programs: the word NULL, quotes, a ligature, emoji joined by U+200D, one letter, a backslash.
_ODD = (
    ("Jennifer Null", "jennifer.null"),
    ("Miles O'Brien", "miles.obrien"),
    ("Robert'); DROP TABLE customers;--", "robert.tables"),
    ("👩‍👩‍👧‍👦 The Ångström Family", "the.angstroms"),
    ("Steﬁ Graﬀ", "stefi.graff"),
    ("Ng", "ng"),
    ('Zoë "Zo" de la Crème\\Brûlée', "zoe.creme"),
    ("أحمد Smith-الخطيب", "ahmed.smith"),
    ("Dr. Ἀριστοτέλης, Jr.", "dr.aristotle"),
    ("True False", "true.false"),
)


def folded(text: str) -> str:
    """The text as a dedup should see it: no outer spaces, no case, no diacritics, composed or not."""
    parts = unicodedata.normalize("NFD", text.strip().lower())
    return "".join(part for part in parts if not unicodedata.combining(part))


def _word(entry: str) -> tuple[str, str]:
    native, _, latin = entry.partition("=")
    return native, latin or folded(native).translate(_LETTERS).replace("þ", "th")


def _person(pattern: str, given: tuple[str, str], family: tuple[str, str]) -> Person:
    name = pattern.format(given=given[0], family=family[0])
    stem = f"{given[1]}.{family[1]}"
    accented = f"{given[0]}.{family[0]}".lower()
    return Person(name, stem, accented if folded(accented) == stem else stem)


def _people(*cultures: str) -> list[Person]:
    """Every given name with every family name of each culture."""
    known = dict(line.split(": ") for line in _CULTURES.strip().splitlines())
    everybody = []
    for culture in cultures:
        given, family = (map(_word, half.split()) for half in known[culture].split(" / "))
        pattern = _FAMILY_FIRST.get(culture, "{given} {family}")
        everybody += [_person(pattern, first, last) for first, last in product(given, family)]
    return everybody


ODD_PEOPLE = [Person(name, stem, stem) for name, stem in _ODD]
EU_PEOPLE = _people(
    "german", "french", "spanish", "polish", "czech", "nordic", "turkish", "greek", "cyrillic", "arabic"
)
US_PEOPLE = _people(
    "english", "spanish", "chinese", "japanese", "korean", "vietnamese", "arabic", "hebrew", "hindi", "french"
)
PEOPLE = ODD_PEOPLE + EU_PEOPLE + US_PEOPLE
_DOMAINS = ("@example.com", "@example.org", "@example.net", "@mail.example.com", "@post.example.org")


def _city(name: str, country: str, postcodes: str, north: int, east: int) -> City:
    return City(name, country, tuple(postcodes.split("|")), north, east)


EU_CITIES = (
    _city("Berlin", "DE", "10115|10245|12043|13353", 5252000, 1340500),
    _city("Köln", "DE", "50667|50823|51063|50996", 5093753, 696028),
    _city("Dresden", "DE", "01067|01099|01127|01307", 5105041, 1373726),
    _city("Paris", "FR", "75001|75011|75018|75020", 4885661, 235222),
    _city("Orléans", "FR", "45000|45100|45000|45100", 4790289, 190389),
    _city("Saint-Étienne", "FR", "42000|42100|42000|42100", 4543389, 439000),
    _city("Málaga", "ES", "29001|29006|29010|29018", 3672016, -442034),
    _city("A Coruña", "ES", "15001|15004|15008|15011", 4336234, -841154),
    _city("Łódź", "PL", "90-001|91-204|92-312|93-005", 5175925, 1945598),
    _city("Kraków", "PL", "30-001|31-014|31-564|30-698", 5006465, 1994498),
    _city("Plzeň", "CZ", "301 00|312 00|326 00|318 00", 4974747, 1337759),
    _city("Malmö", "SE", "211 19|212 11|214 20|217 41", 5560587, 1300073),
    _city("Århus", "DK", "8000|8200|8210|8230", 5616294, 1020392),
    _city("İzmir", "TR", "35210|35220|35330|35540", 3842373, 2714283),
    _city("Αθήνα", "GR", "104 31|105 57|115 21|117 42", 3798381, 2372754),
    _city("Київ", "UA", "01001|01030|02000|04070", 5045010, 3052340),
    _city("Dublin", "IE", "D01 F5P2|D02 X285|D06 W2Y3|D08 VF8H", 5334981, -626031),
    _city("Saint-Denis, La Réunion", "FR", "97400|97490|97400|97490", -2088231, 5545040),
)
US_CITIES = (
    _city("New York", "US", "10001|10025|10128|10280", 4071278, -7400594),
    _city("Boston", "US", "02108|02116|02127|02134", 4235843, -7105977),
    _city("San José", "US", "95110|95112|95126|95134", 3733874, -12188525),
    _city("Cañon City", "US", "81212|81215|81212|81215", 3844096, -10524245),
    _city("Mayagüez", "PR", "00680|00682|00680-2611|00682", 1820107, -6713962),
    _city("Kāneʻohe", "US", "96744|96744|96744|96744", 2140226, -15779970),
    _city("Winston-Salem", "US", "27101|27103|27104|27106", 3609986, -8024421),
    _city("Coeur d'Alene", "US", "83814|83815|83814|83815", 4767768, -11678046),
    _city("Chicago", "US", "60601|60614|60622|60657", 4187811, -8762980),
    _city("Québec", "CA", "G1A 0A2|G1K 3G5|G1R 4P5|G1V 2L1", 4681388, -7120799),
    _city("Montréal", "CA", "H2X 1Y4|H2Y 1C6|H3A 0G4|H4C 2K1", 4550169, -7356725),
    _city("Anchorage", "US", "99501|99503|99507|99516", 6121806, -14990028),
    _city("Ponce", "PR", "00716|00717|00728|00730", 1801108, -6661407),
    _city("St. John’s", "CA", "A1A 1A1|A1B 3X9|A1C 5S7|A1E 2C4", 4756154, -5271258),
)
STREETS: dict[str, tuple[str, ...]] = {
    "DE": ("Lindenstraße {}", "Am Mühlbach {}", "Große Gasse {}a", "Goetheplatz {}"),
    "FR": ("{} rue de l’Église", "{} avenue Foch", "{} bis, allée des Châtaigniers", "{} place du Marché"),
    "ES": ("Calle de la Peña, {}", "Avenida de España, {}, 2º B", "Plaza Mayor, {}", "Rúa Nova, {}"),
    "PL": ("ul. Świętojańska {}", "ul. Źródlana {}", "al. Kościuszki {}/4", "pl. Wolności {}"),
    "CZ": ("Náměstí Míru {}", "Křížová {}", "Dlouhá třída {}", "U Řeky {}"),
    "SE": ("Östra Förstadsgatan {}", "Ångbåtsgränd {}", "Kyrkogatan {}", "Sjövägen {}"),
    "DK": ("Søndergade {}", "Nørre Allé {}", "Ågade {}, 3. tv", "Strandvejen {}"),
    "TR": ("Çiçek Sokak No: {}", "Atatürk Caddesi No: {}", "Gül Sk. {}/5", "Işık Cd. {}"),
    "GR": ("Οδός Αθηνάς {}", "Λεωφόρος Συγγρού {}", "Πλάκας {}", "Ερμού {}"),
    "UA": ("вул. Хрещатик, {}", "вул. Січових Стрільців, {}", "пров. Їжакевича, {}", "бул. Шевченка, {}"),
    "IE": ("{} O'Connell Street", "{} Síth Road", "{} St. Stephen's Green", "Apt. {}, The Quays"),
    "US": ("{} Main Street", "{} Martin Luther King Jr. Blvd", "{} W 4th St, Apt #2", "{} Élan Court"),
    "PR": ("{} Calle Méndez Vigo", "Urb. Los Ángeles, #{}", "{} Ave. Muñoz Rivera", "Bo. Sabalos, Carr. {}"),
    "CA": ("{}, rue Saint-Jean", "{} Chemin du Fleuve", "{} Water Street", "{}, côte de la Fabrique"),
}

# What is sold, its usual price in euro cents, its weight in grams.
_GOODS = """
Crème brûlée dish 1490 310, Matcha bowl 抹茶 2850 420, Smörgås board 3900 1250, Café press ☕ 4450 890,
Baker's apron 2690 280, Folding ruler 24" 1250 150, Cushion “Fjäll” 3490 640, Piñata 2199 700,
Desk lamp 7900 1800, Floor lamp 14900 5600, Reading chair 48900 17500, Bookshelf 25900 31000,
Teapot 3995 950, Mug 1299 340, Soup plate 1690 480, Cutting board 3290 1600, Bread knife 5490 260,
Wok 6990 2100, Kettle 5990 1150, Pepper mill 4290 390, Wool blanket 8990 1400, Bath towel 2490 600,
Bed linen 7990 1700, Curtain 6490 2200, Backpack 9990 1100, Messenger bag 8490 950, Umbrella 3490 430,
Scarf 4590 210, Rain jacket 15900 720, Hiking socks 1890 90, Knitted cap 2790 110,
Leather gloves 6590 180, Notebook 1190 310, Fountain pen 5990 45, Pencil case 1990 120,
Wall clock 4990 870, Alarm clock 3290 330, Picture frame 2290 760, Mirror 9490 6400, Vase 4190 1350,
Flower pot 1790 2300, Garden bench 32900 24500, Watering can 2990 980, Hammock 11900 2600,
Bicycle bell 1590 140, Dog bed 6990 2900, Chess set 8900 1900, Jigsaw puzzle 2490 850
"""
GOODS = [
    (name, int(price), int(grams)) for name, price, grams in (good.strip().rsplit(" ", 2) for good in _GOODS.split(","))
]
FINISHES = ["Ivory", "Sky Blue", "Crimson", "Forest Green", "Graphite", "Terracotta", "Café au Lait"]
FINISHES += ["Mustard", "Midnight Blue", "Rosé", "Oat", "Chestnut", "Black", "White"]
SIZES: tuple[tuple[str, int], ...] = (("medium", 100), ("small", 80), ("large", 135))

PRAISE = (
    "Made to last, and easy to mend.",
    "Designed in Malmö; made in Portugal.",
    "Hand wash only. Keep away from “naked flame”.",
    "5 years' guarantee; spare parts for 10.\r\nCare:\twipe with a damp cloth.",
    "Colours may differ from the picture <b>slightly</b> &amp; with the light.",
    "",
)
REMARKS = (
    "Leave with the neighbour, please 🙏",
    "Bitte klingeln bei „Groß“ (2. Stock)",
    "الرجاء الاتصال قبل التوصيل",
    "נא להשאיר ליד הדלת",
    "ベルを鳴らさないでください。",
    "Gift wrap: 'yes'; card says \"Happy Birthday, Zoë!\"",
    "Ring twice.\nThen wait.\r\nThen ring again.",
    "\\N",
    "NULL",
    '50% off? See C:\\offers\\today.txt; ask for "O\'Neil", extension\t7',
    "deliver after 6 pm   ",
    " ",
    "",
)
HISTORY = (
    "Called about the delivery; promised to ring back on Monday. ",
    "Prefers letters to e-mail – writes with a fountain pen ✒️. ",
    "Rückruf erbeten, möglichst vormittags (Frühschicht). ",
    "Se quejó del embalaje: «demasiado plástico». ",
    "お客様は返品を希望しています。",
    "العميل راضٍ عن الخدمة. ",
    "Naïve café façade: cafe\u0301, caf\u00e9. ",
    'Order 4711 was split; see "notes\\2".\r\n',
)

# The least and the greatest of other systems, the Unix epoch and what is just before it, leap days, one past 32 bits.
EDGE_DAYS = ("0001-01-01", "1970-01-01", "2000-02-29", "1900-02-28", "9999-12-31", "1904-02-29")
EDGE_INSTANTS = (
    *("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "1970-01-01 00:00:00"),
    *("1969-12-31 23:59:59.999999", "2024-02-29 23:59:59.500000", "2038-01-19 03:14:08"),
)


def objects(values: Iterable[object]) -> Objects:
    """The values as they are: NumPy would make a fixed-width array of them, which drops trailing NUL bytes."""
    listed = list(values)
    column = np.empty(len(listed), dtype=np.object_)
    column[:] = listed
    return column


def emails(person: Numbers, who: Numbers, again: Flags) -> Objects:
    """An address for each person, plain ASCII; where `again` is set, typed in one of five other ways.

    All ways are equal once `folded`; `who` is a place in PEOPLE.
    """
    end = objects(map(str, person.tolist())) + objects(_DOMAINS)[person % len(_DOMAINS)]
    typed: Objects = objects(f"{one.stem}." for one in PEOPLE)[who] + end
    marked = objects(f"{one.accented.title()}." for one in PEOPLE)[who] + end
    capitals, spaces, marks, split, both = (np.flatnonzero(again)[way::5] for way in range(5))
    typed[capitals] = objects(address.upper() for address in typed[capitals])
    typed[spaces] = " " + typed[spaces] + "  "
    typed[marks] = marked[marks]
    typed[split] = objects(unicodedata.normalize("NFD", address) for address in marked[split])
    typed[both] = marked[both] + " "
    return typed


def full_names(who: Numbers) -> Objects:
    """The names of PEOPLE, some decomposed (NFD), in capitals, with trailing spaces or a fox."""
    names = objects(one.name for one in PEOPLE)
    column = names[who]
    column[13::17] = objects(unicodedata.normalize("NFD", name) for name in names)[who[13::17]]
    column[17::29] = objects(name.upper() for name in names)[who[17::29]]
    column[19::23] += "  "
    column[29::41] += " 🦊"
    return column


def variants(size: int) -> tuple[Numbers, Numbers, Numbers]:
    """Good, finish and size of each product: all goods come first, so that a small catalogue is varied too."""
    place = np.arange(size)
    return place % len(GOODS), place // len(GOODS) % len(FINISHES), place // (len(GOODS) * len(FINISHES))


def doors(cities: tuple[City, ...], houses: int) -> Objects:
    """Streets with house numbers 1, 2, 3 ...: an array by city, street (four each) and house."""
    lines = (
        street.format(house) for city in cities for street in STREETS[city.country] for house in range(1, houses + 1)
    )
    return objects(lines).reshape(len(cities), 4, houses)


def long_text(sentences: Sequence[str], size: int) -> str:
    """At least `size` bytes of UTF-8."""
    story = " ".join(sentences)
    return story * (size // len(story.encode()) + 1)


def numbered(size: int, every: int) -> Numbers:
    """1, 2, 3 ... with a gap after each `every` numbers: something was deleted."""
    return np.arange(size) + np.arange(size) // every + 1


def digits(numbers: Numbers, groups: int) -> Objects:
    """Decimal text of `groups` times three digits, with leading zeros."""
    text = objects(f"{number:03}" for number in range(1000))
    column = text[numbers % 1000]
    for group in range(1, groups):
        column = text[numbers // 1000**group % 1000] + column
    return column


def mosaics(bits: NDArray[np.uint64], count: int, side: int) -> Objects:
    """Small symmetric pictures made of random bits, as BMP files: no version of zlib changes a byte of them."""
    size = 54 + 3 * side * side  # a side that is a multiple of four needs no padding
    header = struct.pack("<2sIIIIiiHHIIIIII", b"BM", size, 0, 54, 40, side, side, 1, 24, 0, size - 54, 0, 0, 0, 0)
    raw = bits.astype("<u8").view(np.uint8)
    inks = raw[: count * 12].reshape(count, 4, 3) // 64 * 85
    half = raw[count * 12 : count * (12 + side * side // 2)].reshape(count, side, side // 2) % 4
    pixels = inks[np.arange(count)[:, None, None], np.concatenate([half, half[:, :, ::-1]], axis=2)]
    return objects(header + picture.tobytes() for picture in pixels)


def only(where: Flags, column: Values) -> Objects:
    """The column, NULL elsewhere."""
    kept = column.astype(np.object_)
    kept[~where] = None
    return kept


def strew(column: Objects, every: int, values: Sequence[object]) -> Objects:
    """Puts each value at a place of its own in each stretch of `every` rows."""
    for place, value in enumerate(values):
        column[place::every] = value
    return column


@cache
def calendar() -> Objects:
    """ISO texts of the days from 1940 on."""
    return objects(str(date.fromordinal(day)) for day in range(DAY_ZERO, date(2030, 1, 1).toordinal()))


@cache
def _clock() -> Objects:
    return objects(f" {s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in range(DAY))


def timestamps(seconds: Numbers) -> Objects:
    """ISO texts; one in four has microseconds, which follow from the second."""
    text: Objects = calendar()[seconds // DAY] + _clock()[seconds % DAY]
    fine = seconds % 4 == 1
    text[fine] += "." + digits(seconds[fine] * 7919 % 1_000_000, 2)
    return text
