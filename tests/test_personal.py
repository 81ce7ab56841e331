"""What looks personal, by name and by content; and what must not, on real tables."""

from __future__ import annotations

import ipaddress
import random
import string
from typing import Any

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from m1_magic.context.frames import summarise
from m1_magic.privacy.personal import (
    HEAD,
    column_reason,
    holds_personal,
    named_personal,
    personal_text,
)
from m1_magic.privacy.personal.checksums import is_card

PERSONAL_NAMES = {
    "e-mail": "email E-Mail emailAddress EMAIL customer_email user.email work_email email_hash"
    " e_mail_adresse emails mail correo_electronico courriel 邮箱 メールアドレス почта ＥＭＡＩＬ"
    " e\u200bmail email_2 이메일 이메일주소",
    "phone": "phone PhoneNumber home_phone phone_number_2 telefon Telefonnummer handynummer tel"
    " mobile mobile_number contact_no telefono_cliente numero_telephone Téléphone fax 电话 電話番号"
    " телефон Номер_телефона 전화번호",
    "name": "first_name LastName fullName Vorname Nachname prénom customer_name patientName surname"
    " username name_of_customer nombre_cliente nom_famille nome_completo Kundenname apellidos"
    " achternaam cognome 姓名 氏名 фамилия 이름 fornavn etternavn förnamn efternamn imię nazwisko"
    " příjmení",
    "address": "address homeAddress address_line_1 Address2 Straße Anschrift Kundenadresse street"
    " dirección indirizzo endereço adres address_home 住所 地址 адрес 주소",
    "birth date": "dob DateOfBirth birth_date birthday Geburtsdatum date_naissance"
    " fecha_nacimiento data_di_nascita geboortedatum 出生日期 дата_рождения",
    "id number": "ssn SSN nationalId passport_no driver_license licensePlate AHV-Nr bsn cpf"
    " codice_fiscale tax_id aadhaar 身份证号 паспорт"
    " insurance_number health_insurance_no KFZ-Kennzeichen",
    "card": "creditCard card_number cc_num cvv Kreditkartennummer",
    "bank account": "IBAN account_number Kontonummer bank_account",
    "secret": "password api_key api_token access_token client_secret pwd Passwort"
    " mot_de_passe 密码",
    "IP address": "ip IPAddress client_ip remote_addr ipv4 ip_addr",
}

HARMLESS_NAMES = (
    "token_count n_emails is_mobile email_sent phone_type address_count mobile_users ip_count"
    " card_type name_length island species filename file_name column_name product_name airport_name"
    " carrier_name brand_name model_name name company_name tokens max_tokens prompt_tokens"
    " mobile_app_sessions zip event_name type host_name station_name headphone iphone smartphone"
    " card cell dni nir function_name primary_key pinned pin_code pipeline secretary bic tip ship"
    " email_domain email_open_rate phone_model birth_rate birth_year id user_id tail_number"
    " year_built address_type num_emails number_of_phones has_phone tax_rate cardinality nominal"
    " addressable scorecard telemetry telescope fax_count hotel beruf automobil mobility"
)


@pytest.mark.parametrize(
    ("name", "reason"),
    [(name, reason) for reason, names in PERSONAL_NAMES.items() for name in names.split()],
)
def test_personal_names(name: str, reason: str) -> None:
    assert named_personal(name) == reason


@pytest.mark.parametrize("name", HARMLESS_NAMES.split())
def test_harmless_names(name: str) -> None:
    assert named_personal(name) == ""


# Enough once among many values. Examples: the issuers' documentation.
CERTAIN = {
    "e-mail": ["jo@example.org", "write to jo.doe+x@mail.example.co.uk.", "jo＠example.org",
               "j\u200bo@exa\u200bmple.org", '"jo doe"@example.org', "ssh://jo@host.example.com/"],
    "phone": ["+41 44 668 18 00", "+1 (415) 555-0132", "+14155550132", "call +49 30 123456 now",
              "＋41 44 668 18 00", "+33.1.23.45.67.89"],
    "card": ["4111 1111 1111 1111", "4111-1111-1111-1111", "3782 822463 10005", "4111111111111111",
             "paid with 5555555555554444 today"],
    "id number": ["078-05-1120", "his SSN is 078-05-1120.", "756.9217.0769.85", "529.982.247-25",
                  "36 574 261 809", "2 95 10 99 126 111 93", "AB 12 34 56 C", "RCCMNL83S18D969H",
                  "11010519491231002X", "P<UTOERIKSSON<<ANNA<MARIA<<<<", "٠٧٨-٠٥-١١٢٠"],
    "bank account": ["DE89370400440532013000", "DE89 3704 0044 0532 0130 00",
                     "pay to GB82 WEST 1234 5698 7654 32 soon", "ch9300762011623852957",
                     "AT61 1904 3002 3457 3201 PAID"],
    "secret": ["ghp_" + "aB3" * 12, "AKIA" + "Q7" * 8, "https://me:pw@localhost/x",
               "$2b$12$" + "a" * 53],
}  # fmt: skip

# Enough in most values.
LIKELY = {
    "phone": ["(415) 555-0132", "415-555-0132", "415.555.0132x123", "079 555 12 34",
              "0171/1234567", "01 23 45 67 89", "01.23.45.67.89", "020 7946 0958",
              "0044 20 7946 0958", "03-1234-5678", "98765 43210"],
    "IP address": ["192.168.1.10", "8.8.8.8", "2001:db8::1", "::1", "fe80::1ff:fe23:4567:890a",
                   "connect from 10.1.2.3 failed"],
    "MAC address": ["00:1B:44:11:3A:B7", "00-1b-44-11-3a-b7"],
    "id number": ["36574261809", "52998224725", "295109912611193", "7569217076985", "12345678Z",
                  "X1234567L", "234123412346", "2341 2341 2346", "ABCPA1234F", "AB123456C"],
    "address": ["12 Baker Street", "1600 Pennsylvania Ave NW", "Bahnhofstrasse 12", "Langweg 3a",
                "Hauptstr. 7, 8001 Zürich", "12 rue de Rivoli", "Calle Mayor 5", "Keizersgracht 12",
                "221B W. 42nd St."],
    "name": ["Braund, Mr. Owen Harris", "Ms. Vera Cruz", "Smith, John", "John Smith",
             "Maria da Silva"],
}  # fmt: skip

HARMLESS = [
    "2024-01-31", "31.01.2024", "01-02-2024", "01/02/2024", "2024-01-31T12:30:45Z",
    "2024-01-31 12:30:45.123456+02:00", "01-02-2024 10:30:00", "12:30:45", "1.2.3", "v2.10.0",
    "10-20", "1234567890", "9876543210", "47.3769, 8.5417", "+48.857712345", "-122.419416",
    "0.4111111111111111", "3.141592653589793", "1700000000000", "20240131123456", "ABC-12345",
    "SKU 12 34 56", "N619AA", "A320-214", "978-3-16-148410-0", "02134-1234", "90210", "1,234,567",
    "1 234 567", "12 345 678 901", "550e8400-e29b-41d4-a716-446655440000",
    "d41d8cd98f00b204e9800998ecf8427e", "https://example.org/a/b?x=1", "@handle", "a @ b",
    "logo@2x.png", "react@18.2.0", "std::vector", "Foo::bar", "1+1=2", "[1, 2, 3]", "{'a': 1}",
    "10.5281/zenodo.3960218", "Q1 2024", "1920x1080", "INV-2024-000123", "9783161484100",
    "2024-W05", "+5 %", "3:4:5", "ae:bc", "000-12-3456", "666-12-3456", "123-00-4567", "0123456789",
    "Adelie", "John F Kennedy Intl", "Ford Mustang", "American Airlines Inc.", "Paris, France", "",
]  # fmt: skip


def pairs(kinds: dict[str, list[str]]) -> list[Any]:
    return [pytest.param(r, v, id=v[:25]) for r, values in kinds.items() for v in values]


@pytest.mark.parametrize(("reason", "value"), pairs(CERTAIN))
def test_what_proves_itself_is_enough_once(reason: str, value: str) -> None:
    assert holds_personal([value]) == reason
    assert holds_personal(["nothing to see here"] * (HEAD - 1) + [value]) == reason
    assert personal_text(value)


@pytest.mark.parametrize(("reason", "value"), pairs(LIKELY))
def test_what_may_be_chance_must_be_in_most_values(reason: str, value: str) -> None:
    assert holds_personal([value] * 60 + ["something else"] * 40) == reason
    assert holds_personal(["something else"] * 90 + [value] * 10) == ""


@pytest.mark.parametrize(
    "value", [v for kind in ("phone", "IP address", "MAC address") for v in LIKELY[kind]]
)
def test_single_labels_are_searched_for_the_likely_kinds_too(value: str) -> None:
    assert personal_text(value)


@pytest.mark.parametrize("value", HARMLESS)
def test_ordinary_values_are_left_alone(value: str) -> None:
    assert not personal_text(value)
    assert holds_personal([value] * 9) == ""


@pytest.mark.parametrize(
    "value",
    ["4111 1111 1111 1111", "756.9217.0769.85", "529.982.247-25", "36 574 261 809",
     "2 95 10 99 126 111 93", "RCCMNL83S18D969H", "11010519491231002X", "DE89370400440532013000",
     "36574261809", "12345678Z", "X1234567L", "234123412346", "7569217076985", "4111111111111111"],
)  # fmt: skip
def test_a_wrong_check_digit_is_no_number(value: str) -> None:
    last = value[-1]
    others = string.digits if last.isdigit() else string.ascii_uppercase
    wrong = [value[:-1] + other for other in others if other != last]
    assert holds_personal([value] * 9)
    assert not any(holds_personal([one] * 9) for one in wrong if one[-1] not in "X")


def test_whole_numbers() -> None:
    assert holds_personal([4111111111111111, 5555555555554444], whole_numbers=True) == "card"
    assert holds_personal([36574261809] * 3, whole_numbers=True) == "id number"
    seeded = random.Random(7)
    for low, high in ((0, 1000), (10**9, 10**10), (10**11, 10**12), (10**15, 10**16)):
        numbers = [seeded.randrange(low, high) for _ in range(HEAD)]
        assert holds_personal(numbers, whole_numbers=True) == ""


def test_the_blank_do_not_count_against_most() -> None:
    assert holds_personal(["079 555 12 34", "", " ", "044 555 12 34", ""]) == "phone"


def test_containers_are_searched() -> None:
    assert holds_personal([["a", "jo@example.org"], [1]]) == "e-mail"
    assert holds_personal([{"contact": {"to": "jo@example.org"}}]) == "e-mail"
    assert holds_personal([ipaddress.ip_address("10.0.0.1")]) == "IP address"
    loop: list[Any] = []
    loop.append(loop)
    assert holds_personal([loop, object(), None, 10**5000, True, 1.5]) == ""


def test_foreign_code_does_not_run() -> None:
    class Loud:
        def __str__(self) -> str:
            raise AssertionError

        __repr__ = __str__

    assert holds_personal([Loud(), [Loud()]]) == ""


PEOPLE = [
    ("name", ["Alice", "Bob", "Carol"]),
    ("Name", ["alice", "bob", "carol"]),
    ("passenger", ["Owen Harris", "Lena Laina", "Vera Cruz"]),
    ("author", ["J. R. R. Tolkien", "Jane Austen", "Ursula K. Le Guin"]),
    ("Players", ["Zinédine Zidane", "Lothar Matthäus"]),
    ("employee", ["Иван Петров", "Анна Иванова"]),
    ("created_by", ["Priya Sharma", "Rahul Gupta"]),
]
PEOPLE += [
    ("owner", ["maria silva", "devin rivera", "lia nauth", "jawhara azad"]),
    ("owner", ["Zora Quill", "Abel Stone", "Ida Wells", "Omar Reyes", "Kofi Mensah", "Lin Zhao",
               "Ravi Iyer", "Noor Aziz"] * 9),
    ("agent", ["devin_rivera", "lia_nauth", "maria_silva", "jawhara_azad"] * 9),
    ("name", ["JOHN SMITH", "ANNA QUILL", "ZORA STONE"]),
    ("name", ["I Suzuki", "D Jeter", "M Young"]),
    ("name", ["Suzuki, I", "Jeter, D.", "Young, M. A."]),
    ("name1", ["Alan", "Bob", "Carlos", "Zora", "Kofi", "Darnell", "Lin", "Omar", "Ravi"]),
]  # fmt: skip
THINGS = [
    ("location", ["Paris, France", "Portland, Oregon", "Atlanta, Georgia"]),
    ("name", ["Ford Mustang", "Audi Quattro", "Fiat Panda"]),
    ("name", ["chevrolet chevelle malibu", "buick skylark 320"]),
    ("name", ["Homo sapiens", "Canis lupus"]),
    ("name", ["Homo Sapiens", "New York City", "Los Angeles", "San Jose"]),
    ("title", ["Pulp Fiction", "Annie Hall", "The Godfather"]),
    ("brand", ["Calvin Klein", "Ralph Lauren", "Nike", "Hugo Boss"]),
    ("country", ["United States", "Costa Rica"]),
    ("job", ["Software Engineer", "Sales Manager"]),
    ("user", ["Mobile Device", "Desktop Computer"] * 50),
    ("driver", ["Four Wheel", "Rear Wheel"] * 50),
    ("colour", ["Dark Red", "Light Blue"]),
    ("name", ["Alice", "gear 7", "bolt 12", "nut 3"]),
    ("phone", ["yes", "no"]),
    ("Telephone", ["none", "yes"]),
]


@pytest.mark.parametrize(("name", "values"), PEOPLE)
def test_people_by_name_and_content(name: str, values: list[str]) -> None:
    assert column_reason(name, values) == "name"
    assert column_reason("variety", [f"{one} 7" for one in values]) == ""


@pytest.mark.parametrize(("name", "values"), THINGS)
def test_things_are_not_people(name: str, values: list[str]) -> None:
    assert column_reason(name, values) == ""


def test_flags_and_counts_are_not_what_the_name_says() -> None:
    assert column_reason("passport", [0, 1, 1], whole_numbers=True) == ""
    assert column_reason("mobile", [120, 4000], whole_numbers=True) == ""
    assert column_reason("email", [3, 400_000], whole_numbers=True) == ""
    assert column_reason("mobile", [41795551234], whole_numbers=True) == "phone"
    assert column_reason("ssn", [78051120], whole_numbers=True) == "id number"
    assert column_reason("password", [1234, 9999], whole_numbers=True) == "secret"
    assert column_reason("passwords", [0, 3, 12], whole_numbers=True) == ""
    assert column_reason("log_ssn", [-14, -11, 2], whole_numbers=True) == ""
    assert column_reason("phone", ["never", "often", "always"]) == ""
    assert column_reason("street", ["paved", "gravel"] * 20) == ""
    assert column_reason("phone", ["yes", "0171"]) == "phone"
    assert column_reason("phone", []) == "phone"


def test_people_show_by_themselves() -> None:
    lower = ["john smith", "mary jones", "anna quill", "zora stone", "peter meier"]
    for texts in (lower, [one.upper() for one in lower], [one.title() for one in lower]):
        assert column_reason("x", texts) == "name"
    some = ["Maria Quill", "Kofi Mensah", "Zora Stone", "Ali Reyes", "Ida Wells", "Lin Zhao",
            "Omar Aziz", "Noor Iyer", "Anna Duarte", "Ravi Nauth"]  # fmt: skip
    assert column_reason("x", some) == "name"
    assert column_reason("x", ["rose garden", "blue sky", "green field", "mark twain house"]) == ""


def test_floats_are_a_scale_or_a_number_with_nulls() -> None:
    scale, flags, number = [1.0, 0.44, None] * 12, [0.0, 1.0, None] * 12, [41795551234.0, None] * 18
    frame = pd.DataFrame({"phone": scale, "passport": flags, "mobile": number})
    masked = [column.name for column in summarise(frame, "t").columns if column.masked]
    assert masked == ["mobile"]


def test_values_that_come_once_are_read_once() -> None:
    assert column_reason("x", iter(["jo@example.org"])) == "e-mail"
    assert column_reason("x", (str(i) for i in iter(int, 1))) == ""  # endless: HEAD are read


@settings(max_examples=150)
@given(st.lists(st.text(max_size=80) | st.integers() | st.none(), max_size=8), st.text(max_size=60))
def test_any_values_and_any_name(values: list[Any], name: str) -> None:
    assert isinstance(column_reason(name, values), str)
    assert isinstance(column_reason(name, values, whole_numbers=True), str)
    assert isinstance(personal_text(name), bool)


@given(st.floats(allow_nan=True) | st.datetimes() | st.dates() | st.times() | st.timedeltas())
def test_numbers_and_moments_are_no_personal_text(value: object) -> None:
    assume(not is_card(str(value).lstrip("-")))  # as the float 4202011133162268.0 is
    assert not personal_text(str(value))


@pytest.mark.parametrize("piece", ["a", "1", "1 ", "@", "a.", ":", "+1", "A B ", "0-", "<<", "://"])
def test_long_values_are_cut(piece: str) -> None:
    """Would not end if a pattern were not bounded."""
    long = piece * (10**7 // len(piece))
    holds_personal([long] * 5)
    named_personal(long)
    personal_text(long[:100_000])
