"""Does a column's name say that it holds something of a person?

A name counts where its last word, its head, is personal: ``home_phone``, not ``phone_type``.
"""

from __future__ import annotations

import re
import unicodedata

from .normalize import fold

LONGEST = 500  # characters of a name that are looked at

PEOPLE = (
    "customer|cust|client|patient|pt|person|people|employee|emp|staff|worker|contact|passenger"
    "|student|pupil|guest|member|subscriber|donor|tenant|buyer|recipient|sender|beneficiary"
    "|holder|cardholder|applicant|victim|suspect|respondent|participant|child|parent|father"
    "|mother|spouse|guardian|resident|user|owner|kunden?|patienten|mitarbeiter|cliente?|paciente"
    "|paziente|empleado|usuario|utente|dipendente|klant|eleve|alumno|aluno|funcionario"
)
ROLE = re.compile(
    rf"_(?:{PEOPLE}|author|autor|auteur|autore|player|athlete|driver|rider|pilot|actor|actress"
    "|director|artist|singer|writer|editor|reviewer|candidate|agent|manager|supervisor|teacher"
    "|professor|doctor|physician|nurse|salesperson|rep|assignee|reporter|creator|host|coach"
    "|referee|winner|officer|(?:assigned|reports)_to|(?:created|updated)_by)(?:e?s)?(?:_names?)?_$"
)
NAME = re.compile(r"^_(?:names?|nom|nombre|nome|naam|имя)_$")  # of people or of things
# What may follow the head: an ordinal, which of several, whose it is.
TAIL = (
    "numbers?|num|nos?|nr|nummer|numero|id|value|raw|clean|hash|hashed|masked|encrypted|text|line"
    "|home|work|office|private|business|personal|primary|secondary|main|alt|other|old|new|current"
    "|mobile|day|evening|of|the|de|du|des|del|della|do|da|le|la|electronico|electronique"
    f"|elettronica|fixe|fijo|portable|movil|celular|domicile|complete?|completo|{PEOPLE}"
)
WHOSE = (
    f"(?:{PEOPLE}|home|work|office|private|business|personal|primary|main|alt|my|billing"
    "|shipping|delivery|wohn|kunden|rechnungs|liefer|privat)?_?"
)
CJK = "(?:号码?|號碼?|番号|地址|アドレス)?"  # number, address
REASONS = {
    "e-mail": rf"{WHOSE}e_?mails?(?:_?adress[e]?|_?address(?:es)?)?|mail|{WHOSE}mail_?add?ress?e?"
    r"|adresse_(?:e_?mail|mail|electronique)|correos?(?:_electronico)?|courriel|posta_elettronica"
    rf"|почт[аы]|имеил|[^_]*(?:邮箱|邮件|电邮|電子郵件|メール){CJK}",
    "phone": rf"{WHOSE}(?<!smart_)(?:tele|mobile|cell)?_?phones?(?:_?(?:number|no|nr|num))?|tel"
    r"|[a-z]*(?:telefon[oe]?|telefoon|telephone|handy|telefax)(?:_?(?:nummer|nr))?"
    rf"|{WHOSE}mobiles?(?:_?(?:number|no|nr))?|(?:cell|contact|whatsapp)_?(?:number|no)|celular"
    r"|movil|cellulare|fax|whatsapp|msisdn|(?:ruf|mobil)(?:nummer|nr)|телефон|номер_телефона"
    rf"|[^_]*(?:电话|電話|手机|携帯){CJK}",
    "IP address": r"ip|ips|ip_?v_?[46]?|ip_?addr(?:ess(?:es)?)?|ip_?adresse|remote_?addr(?:ess)?",
    "address": rf"{WHOSE}address(?:es)?|{WHOSE}addr|[a-z]*(?:adresse|anschrift|strasse)|adres"
    r"|street(?:_?(?:name|address))?|straat|calle|rue|direccion|indirizzo|endereco|domicilio"
    r"|адрес|[^_]*(?:住所|地址)",
    "name": r"(?:first|last|full|given|family|middle|maiden|sur|fore|nick|user|login|screen|f|l)_?"
    rf"names?|(?:{PEOPLE})s?_?names?|name(?=_of_)|login|user_login|(?:twitter|user)_?handle"
    r"|(?:vor|nach|zu|familien|kunden|patienten|mitarbeiter|benutzer)_?name|(?:sobre|pre)nome?"
    r"|nom_(?:de_)?famille|nom_complet|nom(?=_(?:du_)?(?:client|patient))|(?:nombre|nome)(?=_(?:complet|(?:do_|del_)?(?:cliente|pa[cz]i)))"
    r"|apellidos?|apelido|cognome|(?:achter|voor|gebruikers)naam"
    r"|фамилия|отчество|фио|[^_]*(?:姓名|氏名|名前)",
    "birth date": r"dob|birth_?(?:day|date|dt)|date_?of_?birth|geburts_?(?:datum|tag)|geboortedatum"
    r"|date_(?:de_)?naissance|fecha_(?:de_)?nacimiento|data_(?:di_)?nascita"
    r"|data_(?:de_)?nascimento|дата_рождения|[^_]*(?:出生日期|生年月日|生日)",
    "id number": r"ssn|social_?security|social_insurance|nino|national_(?:id|insurance)|id_?card"
    r"|identity_card|id_(?:number|no)|passports?|driv(?:er|ing)s?_licen[cs]e|licen[cs]e_(?:no|number"
    r"|plate)|number_plate|plate_(?:no|number)|tax_(?:id|number|no)|steuer_?(?:id|nr|nummer)"
    r"|steueridentifikationsnummer|(?:sozial)?versicherten_?nummer|sozialversicherungs_?nummer"
    r"|ahv(?:_?(?:nr|nummer))?|(?:personal)?ausweis(?:_?(?:nr|nummer))?|reisepass(?:nummer)?"
    r"|(?:numero_)?(?:de_)?securite_sociale|num_secu|carte_identite|numero_dni|nif|curp|cedula"
    r"|pasaporte|codice_fiscale|cpf|bsn|burgerservicenummer|paspoort|aadh?aar|pan_(?:no|number|card)"
    r"|pesel|personnummer|nric|mrn|medical_record|nhs_(?:no|number)|imei|паспорт|номер_паспорта|снилс"
    rf"|[^_]*(?:身份证|身分證|护照|マイナンバー|個人番号){CJK}",
    "card": r"(?:credit|debit|bank)_?cards?|card_?(?:number|no|nr|num)|cc_?(?:number|num|no)"
    r"|cvv|cvc|kreditkarten?(?:nummer)?|kartennummer|carte_bancaire|numero_(?:de_)?(?:carte|tarjeta|cartao)"
    r"|tarjeta|cartao|carta_(?:di_)?credito|[^_]*(?:银行卡|卡号)",
    "bank account": r"iban|acc(?:oun)?t_?(?:number|no|nr|num)|bank_?account|konto_?(?:nummer|nr)"
    r"|compte_bancaire|cuenta_bancaria|numero_(?:de_)?cuenta|rekening_?nummer|[^_]*(?:账号|口座番号)",
    "secret": r"pass_?words?|passwort|kennwort|passwd|pwd|pass_?(?:phrase|code)|pin|otp|secrets?"
    r"|token|(?:api|secret|access|private|encryption)_?key|credentials?|contrasena|senha"
    r"|mot_de_passe|wachtwoord|пароль|[^_]*(?:密码|パスワード)",
}
PERSONAL = re.compile(rf"_(?:{'|'.join(f'({one})' for one in REASONS.values())})(?:_(?:{TAIL}))*_$")
# Counts of such things, and flags.
HARMLESS = re.compile(
    r"^_(?:n|nb|count|cnt|number_of|total|sum|avg|mean|median|min|max|pct|percent|share|ratio|is"
    r"|has|had|was|can|unique|distinct|num(?=\w*s_$))_"
)


def named_personal(name: str) -> str:
    """Return what the column's name says it holds of a person ("phone", …), "" if nothing."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", fold(name[:LONGEST]))
    key = key_of(name)
    if HARMLESS.search(key) or not (match := PERSONAL.search(key)):
        return ""
    return tuple(REASONS)[(match.lastindex or 1) - 1]


def key_of(name: str) -> str:
    """Return ``_the_words_`` of a name, without case, accents and digits."""
    bare = re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFKD", name.casefold()))
    words = re.sub(r"[\W\d_]+", "_", unicodedata.normalize("NFC", bare))
    return f"_{words.strip('_')}_"
