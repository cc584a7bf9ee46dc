"""Made-up patients, with names of many shapes and scripts.

Everything else about a patient follows from the position in the list, so the same list always gives the same patients
with the same ids. Append to a list; a line inserted in the middle changes everybody after it.
"""

from functools import cache

import msgspec

from sandbox_ehr.clinic.made_up_names import lines
from sandbox_ehr.clinic.payers import PAYERS
from sandbox_ehr.clinic.pharmacies import pharmacies
from sandbox_ehr.clinic.practice import CLINICS, Clinic
from sandbox_ehr.clinic.seeded_choice import number, pick


class Phones(msgspec.Struct, frozen=True):
    home: str
    mobile: str


class HomeAddress(msgspec.Struct, frozen=True):
    street: str
    line2: str
    city: str
    state: str
    zip: str


class Coverage(msgspec.Struct, frozen=True):
    """One insurance plan of a patient. `rank` 1 is billed first."""

    rank: int
    payer: str
    member_id: str
    group: str
    subscriber: str


class Contact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    first_name: str = ""
    last_name: str = ""
    relation: str = ""
    phone: str = ""


class PatientMedication(msgspec.Struct, frozen=True):
    """Days are YYYY-MM-DD."""

    name: str
    strength: str
    frequency: str
    started_on: str
    refills: int
    notes: str = ""


class PatientPharmacy(msgspec.Struct, frozen=True):
    pharmacy_id: str
    primary: bool


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """`sex` is F, M or U. `dob` is YYYY-MM-DD. Phones are XXX-XXX-XXXX or empty. Missing texts are empty.

    `insurance` is a summary of the patient's plans, which are rows of their own: see clinic/insurances.py.
    """

    id: str
    mrn: str
    first_name: str
    middle_name: str
    last_name: str
    dob: str
    sex: str
    phones: Phones
    email: str
    address: HomeAddress
    language: str
    insurance: tuple[Coverage, ...]
    no_email_reason: str = ""
    provider_id: str = ""
    primary_care: str = ""
    primary_care_id: str = ""
    referred_by: str = ""
    referred_by_id: str = ""
    responsible_party: Contact = Contact(relation="self")
    emergency_contact: Contact = Contact()
    medications: tuple[PatientMedication, ...] = ()
    pharmacies: tuple[PatientPharmacy, ...] = ()
    previous_addresses: tuple[HomeAddress, ...] = ()
    created_at: str = ""
    updated_at: str = ""
    created_by: str = "u1"
    client_ref: str = ""


# Each line is first|middle|last|sex|birth year|language. The names cover what breaks software: one letter, several last
# names, no Latin letter, writing from right to left, an apostrophe, the word Null, the same name twice, 50 letters.
RIVERSIDE = """
Dana||Whitlock|F|1984|English
Marcus|Elijah|Bellweather|M|1971|English
María José|del Carmen|Fernández de la Vega y Montenegro|F|1990|Spanish
José|Luis|Nuñez|M|1958|Spanish
Zoë||Brontësdóttir|F|2001|English
Søren|Åge|Kjærgaard|M|1966|Danish
Łukasz||Wiśniewski|M|1979|Polish
Željka||Đurđević|F|1962|Serbian
Nguyễn|Thị|Minh Khai|F|1988|Vietnamese
Siobhán||O'Dálaigh|F|1975|English
Jean-Baptiste||L'Écuyer|M|1949|French
Wolfgang|Amadé|Freiherr von Hohenstaufen-Wittelsbach zu Sachsen-Altenburg|M|1943|German
王|小|明|M|1995|Chinese
佐藤||花子|F|1969|Japanese
김||서연|F|1999|Korean
Анна|Сергеевна|Кузнецова|F|1953|Russian
فاطمة||الزهراوي|F|1986|Arabic
יעל||בן-דוד|F|1992|Hebrew
अनन्या||शर्मा|F|1978|Hindi
Ελένη||Παπαδοπούλου|F|1964|Greek
Li||O|M|2015|English
X||Æ|U|2003|English
Aaliyah|Renée|Washington|F|1997|English
Tyrone||Baptiste|M|1982|English
Guadalupe||Hernández|F|1955|Spanish
Guadalupe||Hernández|F|1983|Spanish
Ibrahim||Al-Rashid|M|1976|Arabic
Priyanka||Venkataraghavan|F|1991|English
Oluwaseun|Adébáyò|Akinwándé|M|1987|English
Kealoha||Kamakawiwoʻole|U|1994|English
Winona||Two Rivers|F|1968|English
Harold|T.|Finch III|M|1938|English
Beatrix||van den Heuvel|F|1959|Dutch
Seán|Pádraig|Mac Giolla Bhríde|M|1947|English
Ayşe||Yıldırım|F|1981|Turkish
Dmitri||Volkov|M|1973|Russian
Chloe||Nakamura-Ortiz|F|2008|English
Mateo||Quispe Mamani|M|2012|Spanish
Ingrid||Håkansson|F|1950|Swedish
Rafael||dos Santos Conceição|M|1985|Portuguese
Emily|Rose|Carter|F|2019|English
Noah|James|Carter|M|2021|English
Grace||Adeyemi|F|1996|English
Tevita||Tuʻipulotu|M|1989|English
Naomi||Feldstein|F|1961|English
Walter||Grüßner|M|1935|German
Imani||Njoroge|F|1993|English
Patrick||Doyle|M|1970|English
Constance|Philomena Bernadette|Throckmorton-Featherstonehaugh|F|1941|English
Arjun||Mehta|M|2005|English
Test||Null|U|1980|English
Aiko||Tanaka|F|2000|English
"""
OAKHILL = """
Mila||Novak|F|2020|English
Ezra||Stone|M|2018|English
Camila|Sofía|Rojas Peña|F|2016|Spanish
Kwame||Boateng|M|2014|English
Freya||Lindqvist|F|2022|English
Omar||Haddad|M|2017|Arabic
Hana||Sato|F|2013|English
Liam|Óisín|Gallagher|M|2011|English
Zuri||Mwangi|F|2019|English
Leo||Rossi|M|2021|Italian
Anaya||Kapoor|F|2015|English
Theo||Papadakis|M|2012|Greek
Nora||Jørgensen|F|2023|English
Santiago||Ibáñez|M|2010|Spanish
Mei||陈|F|2018|Chinese
Elias||Weiß|M|2016|German
Ruby||Thornton|F|2014|English
Amir||Rezaei|M|2022|Persian
"""
HARBOR = """
Eleanor||Vance|F|1946|English
Hector||Salazar|M|1951|Spanish
Margit||Szabó|F|1939|Hungarian
Clarence|E.|Booker|M|1944|English
Rosalind||Achterberg|F|1957|English
Viktor||Żuławski|M|1948|Polish
Lupe||Begay|F|1960|English
Stanley||Yazzie|M|1953|English
Ofelia||Marroquín|F|1963|Spanish
Gerald||Hightower|M|1937|English
Yuki||Watanabe|F|1942|Japanese
Desmond||Achebe|M|1965|English
Inés||Ybarra|F|1956|Spanish
Roland||Fairweather|M|1949|English
Thuy||Pham|F|1967|Vietnamese
Abel||Cruz|M|1952|Spanish
"""
STREETS = ("Alder Way", "Birch Street", "Cedar Court", "Dogwood Drive", "Elm Avenue", "Juniper Road", "Linden Terrace")
MEDICINES = (
    ("Lisinopril", "10 mg tablet", "Once a day"),
    ("Metformin", "500 mg tablet", "Twice a day with food"),
    ("Atorvastatin", "20 mg tablet", "At bedtime"),
    ("Albuterol", "90 mcg inhaler", "2 puffs as needed"),
    ("Amlodipine", "5 mg tablet", "Once a day"),
    ("Levothyroxine", "75 mcg tablet", "Once a day before breakfast"),
    ("Sertraline", "50 mg tablet", "Once a day"),
    ("Omeprazole", "20 mg capsule", "Once a day before a meal"),
)
RIVERSIDE_PATIENTS = 300
# Only 555-0100 to 555-0199 of each area code are reserved for fiction, so many patients need several area codes.
MORE_AREAS = ("315", "516", "518", "585", "607")
PHONES_PER_AREA = 52


@cache
def patients() -> tuple[tuple[str, Patient], ...]:
    """Every patient, each with the id of the clinic that keeps the chart."""
    lists = {"1": RIVERSIDE, "2": OAKHILL, "3": HARBOR}
    written = {clinic: text.strip().splitlines() for clinic, text in lists.items()}
    written["1"] += lines(RIVERSIDE_PATIENTS - len(written["1"]))
    return tuple(
        (clinic, _patient(CLINICS[clinic], position, line))
        for clinic, people in written.items()
        for position, line in enumerate(people, 1)
    )


def _patient(clinic: Clinic, position: int, line: str) -> Patient:
    first, middle, last, sex, birth_year, language = line.split("|")
    ehr_id = f"{int(clinic.id) * 10000 + position}"
    name = f"{first} {last}"
    since = f"{2019 + number(6, ehr_id, 'since')}-{1 + number(12, ehr_id, 'since month'):02}-15T10:30:00+00:00"
    email = f"patient{ehr_id}@example.com" if number(6, ehr_id, "mail") else ""
    return Patient(
        id=ehr_id,
        mrn=f"{clinic.name[0]}{480000 + int(ehr_id)}",
        first_name=first,
        middle_name=middle,
        last_name=last,
        dob=f"{birth_year}-{1 + number(12, ehr_id, 'month'):02}-{1 + number(28, ehr_id, 'day'):02}",
        sex=sex,
        phones=_phones(clinic, position),
        email=email,
        address=_address(clinic, ehr_id),
        language=language,
        insurance=_insurance(ehr_id, name),
        no_email_reason="" if email else "Declined",
        provider_id=pick([one.id for one in clinic.providers if one.active], ehr_id, "provider"),
        emergency_contact=_emergency_contact(clinic, ehr_id, last),
        medications=_medications(ehr_id),
        pharmacies=(PatientPharmacy(pick(pharmacies(clinic), ehr_id, "pharmacy").id, primary=True),),
        created_at=since,
        updated_at=since,
    )


def _emergency_contact(clinic: Clinic, ehr_id: str, last: str) -> Contact:
    if not number(3, ehr_id, "contact"):
        return Contact()
    relation = pick(("spouse", "parent", "sibling", "friend"), ehr_id, "relation")
    phone = f"{clinic.phone[:3]}-555-01{number(100, ehr_id, 'contact phone'):02}"
    return Contact(pick(("Alex", "Jordan", "Robin", "Sam"), ehr_id, "contact name"), last, relation, phone)


def _medications(ehr_id: str) -> tuple[PatientMedication, ...]:
    first = number(len(MEDICINES), ehr_id, "medicine")
    return tuple(
        PatientMedication(
            *MEDICINES[(first + place) % len(MEDICINES)],
            f"{2022 + number(3, ehr_id, place, 'year')}-{1 + number(12, ehr_id, place, 'month'):02}-03",
            number(4, ehr_id, place, "refills"),
        )
        for place in range(number(4, ehr_id, "medicines"))
    )


def _phones(clinic: Clinic, position: int) -> Phones:
    # Mobile numbers take 0121 to 0172 and home numbers the rest.
    block, place = divmod(position - 1, PHONES_PER_AREA)
    area, place = (clinic.phone[:3], *MORE_AREAS)[block], place + 1
    mobile = f"{area}-555-01{20 + place:02}" if place % 7 else ""
    return Phones(home=f"{area}-555-01{73 + place // 3:02}" if place % 3 == 0 else "", mobile=mobile)


def _address(clinic: Clinic, ehr_id: str) -> HomeAddress:
    city, state = clinic.city.split(", ")
    street = f"{1 + number(990, ehr_id, 'house')} {pick(STREETS, ehr_id, 'street')}"
    line2 = f"Apt {1 + number(40, ehr_id, 'flat')}" if not number(4, ehr_id, "has flat") else ""
    # No ZIP code from 00200 to 00499 is assigned to a place.
    return HomeAddress(street, line2, city, state, f"00{200 + number(250, ehr_id, 'zip')}")


def _insurance(ehr_id: str, name: str) -> tuple[Coverage, ...]:
    plans = pick((0, 1, 1, 1, 2), ehr_id, "covers")
    first = number(4, ehr_id, "payer")  # the four large payers of the region
    return tuple(
        Coverage(
            rank + 1,
            PAYERS[(first + rank) % 4].name,
            f"M{number(10**9, ehr_id, rank, 'member'):09}",
            f"G{number(10**4, ehr_id, rank, 'group'):04}",
            name,
        )
        for rank in range(plans)
    )
