"""The tables of secrets: each form is found, each disguise is seen through, ordinary text is not.

No value here looks like a secret: all are made at random from the tables' own patterns, or from
templates, when the test runs.
"""

from __future__ import annotations

import base64
import random
import re
import sysconfig
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from string import ascii_letters, ascii_lowercase, digits, hexdigits
from typing import Any

import pytest

from m1_magic.errors import SecretInPrompt
from m1_magic.privacy import redaction
from m1_magic.privacy.literals import LONG
from m1_magic.privacy.secret_contexts import CONTEXTS, Context
from m1_magic.privacy.secret_formats import Format

ALNUM = ascii_letters + digits
PLACES = ("{}", 'key = "{}"', "see {}.", "a,{},2024-01-01\n", "KEY={}\nNEXT=1\n", "| {} |\n")


def drawn(parsed: Any, draw: random.Random) -> str:
    """Return a text that a parsed pattern describes, without its looks ahead and back."""
    text = ""
    for op, value in parsed:
        if op is sre.LITERAL:
            text += chr(value)
        elif op is sre.IN:
            text += draw.choice(members(value))
        elif op in (sre.MAX_REPEAT, sre.POSSESSIVE_REPEAT):
            least, most, what = value
            most = min(int(most), least + 3) if most is not sre.MAXREPEAT else least + 24
            text += "".join(drawn(what, draw) for _ in range(draw.randint(least, most)))
        elif op is sre.SUBPATTERN:
            text += drawn(value[3], draw)
        elif op is sre.BRANCH:
            text += drawn(draw.choice(value[1]), draw)
        elif op not in (sre.ASSERT, sre.ASSERT_NOT, sre.AT):
            raise NotImplementedError(op)
    return text


def members(one_of: Any) -> str:
    """Return the characters of a class."""
    chars = ""
    for op, value in one_of:
        if op is sre.LITERAL:
            chars += chr(value)
        elif op is sre.RANGE:
            chars += "".join(map(chr, range(value[0], value[1] + 1)))
        elif op is sre.CATEGORY:
            chars += {sre.CATEGORY_DIGIT: digits, sre.CATEGORY_WORD: ALNUM + "_"}[value]
    return chars


def value_of(form: Format, literal: str, seed: int = 0) -> str:
    """Return a secret of that form: a few tries, since looks ahead are not drawn."""
    draw = random.Random(f"{literal}{seed}")
    left, rest = sre_parser.parse(form.left), sre_parser.parse(form.rest)
    for _ in range(200):
        text = drawn(left, draw) + literal + drawn(rest, draw)
        if re.search(f"{re.escape(literal)}(?:{form.rest})$", text):
            return text
    raise AssertionError(form)


ONES = [row for row in redaction.RULES if row[0].kind != "private key"]


def test_the_table_has_more_than_a_hundred_kinds_each_with_its_source() -> None:
    rows: list[Format | Context] = [*redaction.FORMATS, *CONTEXTS]
    assert all(row.source and re.fullmatch(r"\d{4}-\d\d-\d\d", row.checked) for row in rows)
    assert len(redaction.RULES) >= 107 and len({form.kind for form, _ in redaction.RULES}) >= 107


@pytest.mark.parametrize(("form", "literal"), ONES, ids=[f"{f.kind} {one}" for f, one in ONES])
def test_every_form_is_found_to_its_end(form: Format, literal: str) -> None:
    key = value_of(form, literal)
    for place in PLACES:
        masked, count = redaction.mask(place.format(key))
        assert count == 1, place
        assert key not in masked and key[len(key) // 2 :] not in masked
        left = re.sub(r"\[masked: [^\]]+\]", "{}", masked)
        assert left in (place, place.replace("{}.", "{}"))  # a dot may be of the secret


def some(chars: str, length: int, seed: str = "") -> str:
    return "".join(random.Random(f"{chars}{length}{seed}").choices(chars, k=length))


def lines(length: int, count: int, indent: str = "") -> str:
    return f"\n{indent}".join(some(ALNUM + "+/", length, str(n)) for n in range(count))


B64 = ALNUM + "+/"
VALUES = {
    "WORD": "Tr0ub4dor" + some(ALNUM, 4),
    "LOWER": some(ascii_lowercase, 5) + "7" + some(ascii_lowercase, 4),
    "HEX32": some(hexdigits[:16], 32),
    "HEX64": some(hexdigits[:16], 64),
    "B43": some(B64, 43),
    "B86": some(B64, 86),
    "B40": some(B64, 40),
    "B200": some(B64, 200),
    "T40": some(ALNUM, 40),
    "AKID": "AK" + "IA" + some("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16),
    "BASIC": base64.b64encode(f"anna:{some(ALNUM, 9)}".encode()).decode(),
}
# What is to be masked stands in capitals.
CASES = [
    *(
        f"{scheme}://anna:WORD@db.internal:99/x"
        for scheme in "postgres postgresql postgresql+psycopg2 mysql mysql+pymysql mariadb mongodb "
        "mongodb+srv redis rediss amqp amqps ftp sftp ftps smtp smtps http https ldap ldaps ssh "
        "mssql+pyodbc oracle+cx_oracle snowflake clickhouse cockroachdb nats mqtt kafka imap s3 "
        "vertica hive presto trino druid bolt neo4j+s cassandra couchbase git socks5".split()
    ),
    *(f"redis://anna:{weak}@cache:6379" for weak in ("hunter2", "s3cr3t", "supersecret", "geheim")),
    "Authorization: Basic " + base64.b64encode(b"user:" + b"pass").decode(),
    "DATABASE_URL=postgres://anna:LOWER@localhost/app",
    "redis://:WORD@cache:6379/0",
    "git clone https://anna:WORD@git.example.com/a.git",
    "jdbc:postgresql://db/x?user=anna&password=WORD",
    "jdbc:sqlserver://db:1433;databaseName=x;user=anna;password=WORD;encrypt=true",
    "jdbc:oracle:thin:anna/WORD@//db:1521/x",
    "Driver={ODBC Driver 18 for SQL Server};Server=db;Database=x;Uid=anna;Pwd=WORD;",
    "DSN=x;UID=anna;PWD=LOWER",
    "Driver={PostgreSQL};Server=db;Uid=anna;Pwd={WORD};",
    "Server=db;Initial Catalog=x;User ID=anna;Password=WORD;Encrypt=True;",
    "host=db port=5432 dbname=x user=anna password=WORD sslmode=require",
    "machine api.example.org login anna password WORD",
    "machine api.example.org\n  login anna\n  password LOWER\n",
    "default login anna password WORD",
    "Authorization: Basic BASIC",
    "curl -H 'Authorization: Basic BASIC' https://x",
    "curl -u anna:WORD https://api.example.org",
    "curl https://x --user anna:WORD",
    "Authorization: Bearer T40",
    "headers = {'Authorization': 'Bearer T40'}",
    'headers = {"Authorization": f"token T40"}',
    "Authorization: SSWS 00T40",
    "X-API-Key: T40",
    "api-key: HEX32",
    "AZURE_OPENAI_API_KEY=HEX32",
    'client = AzureOpenAI(api_key="HEX32", azure_endpoint="https://x.openai.azure.com")',
    "Ocp-Apim-Subscription-Key: HEX32",
    "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=B86==;EndpointSuffix=core.windows.net",
    "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=B43=",
    "Endpoint=https://x.azconfig.io;Id=abcd;Secret=B43=",
    "HostName=x.azure-devices.net;DeviceId=d;SharedAccessKey=B43=",
    "AccountEndpoint=https://x.documents.azure.com:443/;AccountKey=B86==;",
    "https://x.blob.core.windows.net/c?sv=2024-11-04&ss=b&sp=rl&se=2027&sig=B43%3D",
    '{"auths": {"https://index.docker.io/v1/": {"auth": "BASIC"}}}',
    "//registry.npmjs.org/:_authToken=T40",
    "_auth=BASIC",
    "AKID\nB40",
    "AKID,B40",
    "key id AKID and\nsecret B40 of it",
    "aws_access_key_id = AKID\naws_secret_access_key = B40",
    "AWS_SESSION_TOKEN=B200",
    "COHERE_API_KEY=T40",
    "MISTRAL_API_KEY: T40",
    "export HEROKU_API_KEY=HEX32",
    'twilio_auth_token = "HEX32"',
    '{"client_secret": "T40"}',
    "DD_APP_KEY=T40",
    "os.environ['TOGETHER_API_KEY'] = 'HEX64'",
    'password = "Wu7-WORD"',
    "    token: T40",
    # Values in JSON in JSON, in a URL, before other scripts.
    r'{"text": "COHERE_API_KEY=T40\n"}',
    r'"{\"api_key\": \"T40\"}"',
    r'"machine api.example.org\nlogin anna\npassword WORD\n"',
    "machine api.example.org login anna account x password WORD",
    "https://api.example.org/v1?api_key=T40&page=2",
    "密钥是MISTRAL_API_KEY=T40，谢谢",
    "AZURE_OPENAI_KEY=HEX32",
    "uid = anna; pwd = WORD",
    "sshpass -p WORD ssh host",
    '{"username":"anna","key":"HEX32"}',
]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_context_gives_its_secret_away(case: str) -> None:
    names = re.findall("|".join(sorted(VALUES, key=len, reverse=True)), case)
    text = case
    for name in names:
        text = text.replace(name, VALUES[name])
    masked, count = redaction.mask(text)
    assert count == max(len(names), 1)
    assert not [name for name in names if VALUES[name][:8] in masked]
    with pytest.raises(SecretInPrompt):
        redaction.refuse(text)


DASHES = "-" * 5
BEGIN = f"{DASHES}BEGIN "
KEYS = {
    **{
        f"PEM {kind}": f"{BEGIN}{kind}PRIVATE KEY{DASHES}\n{lines(64, 4)}\nab==\n"
        f"{DASHES}END {kind}PRIVATE KEY{DASHES}"
        for kind in ("", "RSA ", "DSA ", "EC ", "ENCRYPTED ", "OPENSSH ", "ANY ")
    },
    "PEM indented": f"{BEGIN}PRIVATE KEY{DASHES}\n            {lines(64, 4, ' ' * 12)}\n"
    f"            {DASHES}END PRIVATE KEY{DASHES}",
    "PEM quoted": f"{BEGIN}PRIVATE KEY{DASHES}\n> {lines(64, 4, '> ')}\n> {DASHES}END PRIVATE KEY"
    f"{DASHES}",
    "PEM of Ed25519": f"{BEGIN}PRIVATE KEY{DASHES}\n{lines(64, 1)}\n{DASHES}END PRIVATE KEY"
    f"{DASHES}",
    "PGP": f"{BEGIN}PGP PRIVATE KEY BLOCK{DASHES}\nVersion: GnuPG v2\n\n{lines(64, 6)}\n=AbCd\n"
    f"{DASHES}END PGP PRIVATE KEY BLOCK{DASHES}",
    "SSH2": f"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: x\n{lines(70, 5)}\n"
    "---- END SSH2 ENCRYPTED PRIVATE KEY ----",
    "OpenVPN": f"{BEGIN}OpenVPN Static key V1{DASHES}\n{VALUES['HEX32']}\n{VALUES['HEX32']}\n"
    f"{DASHES}END OpenVPN Static key V1{DASHES}",
    "PuTTY": "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: me\nPublic-Lines: 2\n"
    f"{lines(64, 2)}\nPrivate-Lines: 1\n{lines(48, 1)}\nPrivate-MAC: {VALUES['HEX64']}",
    "kubeconfig": base64.b64encode(
        f"{BEGIN}RSA PRIVATE KEY{DASHES}\n{lines(64, 4)}".encode()
    ).decode(),
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_private_keys_are_masked_from_their_first_line_to_their_last(name: str) -> None:
    told = "  client-key-data: {}\nthat is it"
    assert redaction.mask(told.format(KEYS[name])) == (told.format("[masked: private key]"), 1)


OURS = {
    "openrouter": "sk-or-" + "v1-" + VALUES["HEX64"],
    "plan": "sk-" + "cp-" + some(ALNUM + "-_", 118) + "x9",
    "minimax": "sk-" + "api-" + some(ALNUM + "-_", 118) + "x9",
}
OURS["in base64"] = base64.b64encode(OURS["openrouter"].encode()).decode()
SHY = "\u00ad"
DISGUISES: dict[str, Callable[[str], str]] = {
    "behind a letter": lambda key: f"x{key}",
    "behind a word": lambda key: f"mykey{key}",
    "behind an underscore": lambda key: f"_{key}",
    "zero-width": lambda key: "\u200b".join(key),
    "one zero-width": lambda key: key[:5] + "\u200d" + key[5:],
    "byte order marks": lambda key: key.replace("-", "-\ufeff"),
    "soft hyphens": lambda key: SHY.join(re.findall(".{1,9}", key)),
    "figure dashes": lambda key: key.replace("-", "\u2012"),
    "minus signs": lambda key: key.replace("-", "\u2212"),
    "no-break hyphens": lambda key: key.replace("-", "\u2011"),
    "en dashes": lambda key: key.replace("-", "–"),
    "full width": lambda key: "".join(chr(ord(one) + 0xFEE0) for one in key),
    "URL-encoded": lambda key: key.replace("-", "%2D").replace("_", "%5F"),
    "all encoded": lambda key: "".join(f"%{ord(one):02X}" for one in key),
    "two lines": lambda key: key[:40] + "\n" + key[40:],
    "lines of 20": lambda key: "\n".join(re.findall(".{1,20}", key)),
    "lines of 33": lambda key: "\r\n".join(re.findall(".{1,33}", key)),
    "indented": lambda key: "\n    ".join(re.findall(".{1,30}", key)),
    "in Python": lambda key: '"\n    "'.join(re.findall(".{1,30}", key)),
    "added up": lambda key: '" +\n    "'.join(re.findall(".{1,30}", key)),
    "in a shell": lambda key: "\\\n".join(re.findall(".{1,30}", key)),
    "in JSON": lambda key: "\\n".join(re.findall(".{1,30}", key)),
    "quoted": lambda key: "\n> ".join(re.findall(".{1,30}", key)),
    "in a comment": lambda key: "\n// ".join(re.findall(".{1,40}", key)),
    "other hyphens": lambda key: key.replace("-", "\u1806"),
}


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("name", ["openrouter", "minimax", "plan"])
def test_a_key_of_ours_is_found_in_every_disguise_and_masked_to_its_end(
    name: str, disguise: str
) -> None:
    key = DISGUISES[disguise](OURS[name])
    text = f'the key is "{key}", is it not?\nYes 42.'
    masked, count = redaction.mask(text)
    assert count == 1
    rest = re.sub(r"\[masked: [^\]]+\]", "", masked)
    assert rest in ('the key is "", is it not?\nYes 42.', *(
        f'the key is "{left}", is it not?\nYes 42.' for left in ("x", "mykey", "_")
    ))  # fmt: skip
    with pytest.raises(SecretInPrompt):
        redaction.refuse(text)


def test_a_broken_jwt_and_a_password_in_an_encoded_url_are_found() -> None:
    token = f"eyJ{some(ALNUM, 33)}.eyJ{some(ALNUM, 300)}.{some(ALNUM, 43, 'x')}"
    for width in (40, 64, 76):
        masked = redaction.mask("\n".join(re.findall(f".{{1,{width}}}", token)))
        assert masked == ("[masked: JWT]", 1)
    assert redaction.find(f"?to=postgres%3A%2F%2Fanna%3A{VALUES['WORD']}%40db%2Fx")
    assert redaction.find(f"\x1b[31mAK{'IA'}{some('ABCDEFGH234567', 16)}\x1b[0m")


def test_places_survive_disguises() -> None:
    key = OURS["openrouter"]
    for before in ("\u200ba\u200b", "a\u2014b\U0001f600", "\x1b[0m\x1b[1;31mx ", "%2Da%2Db %"):
        text = f"{before} {key} {before}"
        assert redaction.mask(text) == (text.replace(key, "[masked: OpenRouter key]"), 1)


def test_tokens_stand_behind_letters_and_in_base64() -> None:
    for form, literal in ONES:
        if literal in ("ghp_", "gsk_", "npm_", "glpat-", "nvapi-", "pcsk_", "hooks.slack.com/"):
            assert redaction.mask(f"my{value_of(form, literal)}")[1] == 1, literal
    assert redaction.mask(OURS["in base64"])[0] == "[masked: OpenRouter key]"


NONE = [
    # AWS's manuals have these.
    "aws_access_key_id = AKIA" + "IOSFODNN7" + "EXAMPLE\n"
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
    "postgres://user:password@localhost/db",
    "postgresql://scott:tiger@localhost/test",
    "https://user:pass@example.com, redis://:password@host, amqp://guest:guest@localhost",
    "mysql://$USER:$PASSWORD@host, mongodb://<user>:<password>@host, ftp://{user}:{pw}@host",
    "Server=db;Uid=me;Pwd=***; Password={password}; Pwd=<your-password>",
    "connect(host=host, user=user, password=password) or password=self.password,",
    "machine example.com login user password password",
    "Authorization: Bearer <token>; Authorization: Basic {encoded}; Bearer YOUR_API_KEY_GOES_HERE",
    "basic understanding of basic principles; a bearer instrument; the bearer of this letter",
    "api_key = os.environ['OPENROUTER_API_KEY']; token = get_token(); secret = config.secret_key_1",
    'API_KEY="your-api-key-here" token="xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
    "public_key: ed25519.Ed25519PublicKey, private_key: x25519.X25519PrivateKey",
    "docker run -u 1000:1000 image; chown -u user:group",
    "password_hash = hash_password(password)  # passwords are counted",
    "primary_key=True, sort_key: date_column_2024, foreign_key = 'customers.customer_id_2'",
    "tokens: 123456, token_count=98765, max_tokens: 16000",
    "password = getpass(); password: str; 'password': null; def f(user, password=None): ...",
    "self.password = new_password; host = h; user = u; password = password",
    '{"ClientToken": "5236cffc-ee13-4a32-bb5b-388d9da09d96"}',
    "fiber_force_length_passive=FiberForceLengthPassiveDeGroote2016, password_policy: Strict",
    "main.0123456789abcdef0123456789abcdef.js, d41d8cd98f00b204e9800998ecf8427e.chunk",
    "/page?key=the-name-of-a-product-page-with-words&x=1",
]


@pytest.mark.parametrize("text", NONE)
def test_placeholders_and_names_are_no_secrets(text: str) -> None:
    assert redaction.find(text) == ()


def test_long_texts_are_looked_through_as_short_ones_are() -> None:
    draw = random.Random(7)
    words = [*(one for _, one in draw.sample(redaction.RULES, 60)), "wörter", "文字", "\n", "a b"]
    text = " ".join(draw.choices(words, k=LONG))
    for group in (redaction.FORMS, redaction.NAMES):
        assert group.within(text) == {one for one in group.all if one in text}
    key = OURS["openrouter"]
    assert redaction.find("é" * LONG + f" {key}")[-1].end == LONG + 1 + len(key)


def test_ordinary_code_and_prose_are_left_alone() -> None:
    """Of the standard library and of what is installed, a sample of 5 MB: one at most."""
    stdlib = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    packages = ("IPython", "jupyter_client", "numpy", "pandas", "notebook", "pip", "traitlets")
    found, size = [], 0
    roots = [Path(str(find_spec(name).origin)).parent for name in packages]
    paths = [path for root in roots for path in root.glob("**/*.py")]
    for path in random.Random(14).sample(sorted(stdlib + paths), 350):
        text = path.read_text("utf-8", errors="replace")
        size += len(text)
        found += [(path.name, one) for one in redaction.find(text)]
    assert len(found) <= 1, found
    assert size > 3_000_000
