"""Does a column's name say that it holds something of a person?

A name counts where its last word, its head, is personal: ``home_phone``, not ``phone_type``. The
words are regular expressions over names as `key_of` makes them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from ...text import INVISIBLE

PEOPLE = (
    "customer|cust|client|patient|pt|person|people|employee|emp|staff|worker|contact|passenger"
    "|student|pupil|guest|member|subscriber|donor|tenant|buyer|recipient|sender|beneficiary|holder"
    "|cardholder|applicant|victim|suspect|respondent|participant|child|parent|father|mother|spouse"
    "|guardian|resident|user|owner"
    "|kunden?|patienten|mitarbeiter"  # de
    "|cliente?|paciente|paziente|empleado|usuario|utente|dipendente|alumno|aluno|funcionario"
    "|klant|eleve"  # nl, fr
)
# Whose names may stand in a column that is named by what they do.
ROLES = (
    f"{PEOPLE}|author|autor|auteur|autore|player|athlete|driver|rider|pilot|actor|actress"
    "|director|artist|singer|writer|editor|reviewer|candidate|agent|manager|supervisor|teacher"
    "|professor|doctor|physician|nurse|salesperson|rep|assignee|reporter|creator|host|coach"
    "|referee|winner|officer|(?:assigned|reports)_to|(?:created|updated)_by|payee|next_of_kin"
    "|(?:kontakt|ansprech)(?:person|partner)(?:in)?|sachbearbeiter(?:in)?|(?:konto)?inhaber(?:in)?"
    "|eigentumer(?:in)?|propriet?ario|propietario|proprietaire|titulaire"
)
# What may follow the head: an ordinal, which of several, whose it is.
TAIL = (
    "numbers?|num|nos?|nr|id|value|raw|clean|hash|hashed|masked|encrypted|text|line|home|work|office"
    "|private|business|personal|primary|secondary|main|alt|other|old|new|current|mobile|day|evening"
    "|of|the"
    "|nummer"  # de
    "|numero|del|della|do|da|electronico|elettronica|fijo|movil|celular|completo"  # es, pt, it
    f"|de|du|des|le|la|electronique|fixe|portable|domicile|complete?|{PEOPLE}"  # fr, and whose
)
WHOSE = (
    f"(?:{PEOPLE}|home|work|office|private|business|personal|primary|main|alt|my|billing"
    "|shipping|delivery|wohn|kunden|rechnungs|liefer|privat)?_?"
)
CJK = "(?:号码?|號碼?|番号|地址|アドレス)?"  # number, address
# What it holds → language → how it is called there.
REASONS = {
    "e-mail": {
        "en": rf"{WHOSE}e_?mails?(?:_?adress[e]?|_?address(?:es)?)?|mail"
        rf"|{WHOSE}mail_?add?ress?e?",
        "de, fr": r"adresse_(?:e_?mail|mail|electronique)|courriel",
        "es, it": r"correos?(?:_electronico)?|posta_elettronica",
        "ru": r"почт[аы]|имеил",
        "ko": r"[^_]*이메일(?:주소)?",
        "zh, ja": rf"[^_]*(?:邮箱|邮件|电邮|電子郵件|メール){CJK}",
    },
    "phone": {
        "en": rf"{WHOSE}(?<!smart_)(?:tele|mobile|cell)?_?phones?(?:_?(?:number|no|nr|num))?|tel"
        rf"|{WHOSE}mobiles?(?:_?(?:number|no|nr))?|(?:cell|contact|whatsapp)_?(?:number|no)|fax"
        r"|whatsapp|msisdn",
        "de, nl, fr, es": r"[a-z]*(?:telefon[oe]?|telefoon|telephone|handy|telefax)"
        r"(?:_?(?:nummer|nr))?|(?:ruf|mobil)(?:nummer|nr)",
        "es, pt, it": r"celular|movil|cellulare",
        "ru": r"телефон|номер_телефона",
        "ko": r"[^_]*(?:전화|휴대폰|핸드폰)(?:번호)?",
        "zh, ja": rf"[^_]*(?:电话|電話|手机|携帯){CJK}",
    },
    "IP address": {
        "en": r"ip|ips|ip_?v_?[46]?|ip_?addr(?:ess(?:es)?)?|remote_?addr(?:ess)?",
        "de": r"ip_?adresse",
    },
    "address": {
        "en": rf"{WHOSE}address(?:es)?|{WHOSE}addr|street(?:_?(?:name|address))?",
        "de, nl": r"[a-z]*(?:adresse|anschrift|strasse)|adres|straat",
        "fr, es, pt, it": r"calle|rue|direccion|indirizzo|endereco|domicilio",
        "ru": r"адрес",
        "ko": r"[^_]*주소",
        "zh, ja": r"[^_]*(?:住所|地址)",
    },
    "name": {
        "en": r"(?:first|last|full|given|family|middle|maiden|sur|fore|nick|user|login|screen|f|l)"
        rf"_?names?|(?:{PEOPLE})s?_?names?|name(?=_of_)|login|user_login"
        r"|(?:twitter|user)_?handle",
        "de, nl": r"(?:vor|nach|zu|familien|kunden|patienten|mitarbeiter|benutzer)_?name"
        r"|(?:achter|voor|gebruikers)naam",
        "fr": r"(?:sobre|pre)nome?|nom_(?:de_)?famille|nom_complet"
        r"|nom(?=_(?:du_)?(?:client|patient))",
        "es, pt, it": r"(?:nombre|nome)(?=_(?:complet|(?:do_|del_)?(?:cliente|pa[cz]i)))"
        r"|apellidos?|apelido|cognome",
        "no, da, sv": r"(?:for|etter|efter|mellom)na(?:vn|mn)",
        "pl, cs": r"imie|nazwisko|prijmeni",
        "ru, uk": r"фамилия|отчество|фио|прізвище",
        "ko": r"[^_]*(?:이름|성명)",
        "zh, ja": r"[^_]*(?:姓名|氏名|名前)",
    },
    "birth date": {
        "en": r"dob|birth_?(?:day|date|dt)|date_?of_?birth",
        "de, nl": r"geburts_?(?:datum|tag)|geboortedatum",
        "fr": r"date_(?:de_)?naissance",
        "es, pt, it": r"fecha_(?:de_)?nacimiento|data_(?:di_)?nascita|data_(?:de_)?nascimento",
        "ru": r"дата_рождения",
        "zh, ja": r"[^_]*(?:出生日期|生年月日|生日)",
    },
    "id number": {
        "en": r"ssn|social_?security|social_insurance|nino|national_(?:id|insurance)|id_?card"
        r"|identity_card|id_(?:number|no)|passports?|driv(?:er|ing)s?_licen[cs]e"
        r"|licen[cs]e_(?:no|number|plate)|number_plate|plate_(?:no|number)|tax_(?:id|number|no)"
        r"|(?:health_|social_)?insurance_(?:no|number)|aadh?aar|pan_(?:no|number|card)|nric|mrn|medical_record|nhs_(?:no|number)|imei",
        "de": r"(?:kfz|auto)_?kennzeichen|steuer_?(?:id|nr|nummer)|steueridentifikationsnummer"
        r"|(?:sozial)?versicherten_?nummer|sozialversicherungs_?nummer|ahv(?:_?(?:nr|nummer))?"
        r"|(?:personal)?ausweis(?:_?(?:nr|nummer))?|reisepass(?:nummer)?",
        "fr": r"(?:numero_)?(?:de_)?securite_sociale|num_secu|carte_identite",
        "es, pt, it": r"numero_dni|nif|curp|cedula|pasaporte|codice_fiscale|cpf",
        "nl, pl, sv": r"bsn|burgerservicenummer|paspoort|pesel|personnummer",
        "ru": r"паспорт|номер_паспорта|снилс",
        "zh, ja": rf"[^_]*(?:身份证|身分證|护照|マイナンバー|個人番号){CJK}",
    },
    "card": {
        "en": r"(?:credit|debit|bank)_?cards?|card_?(?:number|no|nr|num)|cc_?(?:number|num|no)"
        r"|cvv|cvc",
        "de": r"kreditkarten?(?:nummer)?|kartennummer",
        "fr, es, pt, it": r"carte_bancaire|numero_(?:de_)?(?:carte|tarjeta|cartao)|tarjeta|cartao"
        r"|carta_(?:di_)?credito",
        "zh": r"[^_]*(?:银行卡|卡号)",
    },
    "bank account": {
        "en": r"iban|acc(?:oun)?t_?(?:number|no|nr|num)|bank_?account",
        "de, nl": r"konto_?(?:nummer|nr)|rekening_?nummer",
        "fr, es": r"compte_bancaire|cuenta_bancaria|numero_(?:de_)?cuenta",
        "zh, ja": r"[^_]*(?:账号|口座番号)",
    },
    "secret": {
        "en": r"pass_?words?|passwd|pwd|pass_?(?:phrase|code)|pin|otp|secrets?|token"
        r"|(?:api|secret|access|private|encryption)_?key|credentials?",
        "de, nl": r"passwort|kennwort|wachtwoord",
        "fr, es, pt": r"contrasena|senha|mot_de_passe",
        "ru": r"пароль",
        "zh, ja": r"[^_]*(?:密码|パスワード)",
    },
}
LONGEST = 500  # characters of a name that are looked at

ROLE = re.compile(rf"_(?:{ROLES})(?:e?s)?(?:_names?)?_$")
NAME = re.compile(
    r"^_(?:names?|nom|nombre|nome|naam|navn|namn|jmeno|имя|імя|الاسم)_$"
)  # of people or of things
HEADS = "|".join(f"({'|'.join(words.values())})" for words in REASONS.values())
PERSONAL = re.compile(rf"_(?:{HEADS})(?:_(?:{TAIL}))*_$")
# Counts of such things, and flags.
COUNT = re.compile(
    r"^_(?:n|nb|count|cnt|number_of|total|sum|avg|mean|median|min|max|pct|percent|share|ratio|is|has"
    r"|had|was|can|unique|distinct|num(?=\w*s_$))_"
)


@lru_cache(maxsize=10_000)
def named_personal(name: str) -> str:
    """Return what the column's name says it holds of a person ("phone", …), "" if nothing."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", fold(name[:LONGEST]))
    key = key_of(name)
    if COUNT.search(key) or not (match := PERSONAL.search(key)):
        return ""
    return tuple(REASONS)[(match.lastindex or 1) - 1]


@lru_cache(maxsize=10_000)
def key_of(name: str) -> str:
    """Return ``_the_words_`` of a name, without case, accents and digits."""
    bare = re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFKD", name.casefold()))
    words = re.sub(r"[\W\d_]+", "_", unicodedata.normalize("NFC", bare))
    return f"_{words.strip('_')}_"


def fold(text: str) -> str:
    """Return the text without invisible characters, in plain digits, signs and dashes."""
    if text.isascii() and text.replace("\n", " ").isprintable():
        return text
    plain = {ord(c): new for c in set(text) - {"\n"} if (new := _folded(c)) != c}
    return text.translate(plain) if plain else text


def _folded(character: str) -> str:
    if character.isspace():
        return " "
    if character.isdecimal():
        return str(int(character))
    if "‐" <= character <= "―" or character == "−":
        return "-"
    return INVISIBLE.sub("", unicodedata.normalize("NFKC", character))
