"""Files in which keys are kept, known by their names and folders: they never go along.

The name is judged as a file system may take it (upper case, dots and blanks at the end), and
without the endings of copies: ``id_rsa.bak``, ``.env (1)``. Templates of such files are none.
"""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

NAMES = re.compile(
    r"\.env(?:[._-].+)?|.+\.env|\.envrc|\.flaskenv|\.secrets?|\.credentials?"
    r"|id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?|.*_(?:rsa|dsa|ecdsa|ed25519)|ssh_host_.+_key|identity"
    r"|.*\.(?:pem|key|p8|p12|pfx|ppk|jks|jceks|bks|keystore|kdbx?|keychain(?:-db)?|ovpn|agekey|jwk)"
    r"|.*\.(?:tfstate|tfvars)(?:\.json)?|.*\.tfrc|credentials\.tfrc\.json|\.terraformrc"
    r"|[._]netrc|\.?pgpass(?:\.conf)?|\.my(?:login)?\.cnf|\.npmrc|\.yarnrc\.yml|\.pypirc|\.condarc"
    r"|\.git-credentials|\.?htpasswd|\.boto|\.s3cfg|\.passwd-s3fs|\.dockercfg|\.dockerconfigjson"
    r"|\.?kubeconfig|.*\.kubeconfig|\.vault-token|\.vault[_-]pass(?:word)?|\.databrickscfg|shadow"
    r"|(?:.*[._-])?credentials?(?:\.(?:json|ya?ml|toml|ini|cfg|conf|xml|db|properties|enc))?"
    r"|(?:.*[._-])?secrets?\.(?:ya?ml|toml|json|ini|cfg|conf|env|properties|xml|enc)"
    r"|(?:client_secret|.*service[-_ ]?account)s?.*\.json|.+-[0-9a-f]{12}\.json|kaggle\.json"
    r"|adc\.json|\.?auth\.json|.*oauth.*token.*\.json|access_tokens?\.json|keyfile\.json"
    r"|(?:new_user_)?credentials\.csv|(?:.*_)?accesskeys?\.csv|rootkeys?\.csv|local\.settings\.json"
    r"|.*\.publishsettings|wp-config\.php|rclone\.conf|secring\.(?:gpg|pgp)"
)
# Path below some folder, with / between.
PLACES = re.compile(
    r"\.kube/(?!cache/).+|\.docker/config\.json|\.aws/(?:credentials|config|sso/.+|cli/.+)"
    r"|\.ssh/(?!known_hosts|authorized_keys|config$|.*\.pub$).+|\.gnupg/.+|\.password-store/.+"
    r"|\.azure/.+|(?:\.config/)?gcloud/.+|\.config/(?:gh/hosts\.yml|rclone/.+|op/.+|doctl/.+|hub)"
    r"|\.streamlit/secrets\..+|\.cargo/credentials.*|\.gem/credentials|\.m2/settings.*\.xml"
    r"|\.gradle/gradle\.properties|\.terraform\.d/.+|\.?huggingface/(?:stored_)?tokens?"
    r"|\.kaggle/.+|\.snowflake/(?:config|connections)\.toml|\.snowsql/config|\.dbt/profiles\.ya?ml"
    r"|\.fly/config\.ya?ml|\.local/share/keyrings/.+|run/secrets/.+"
)
COPY = re.compile(
    r"(?:\.(?:bak|backup|old|orig|save|sav|swp|swo|tmp|temp|copy|prev|rej|txt|\d{1,8})"
    r"|~|#|\.+|\s+|[ _-]+(?:copy|backup|bak|old|\d{1,8})|\s?\(\d{1,3}\))$"
)
OF_COPY = re.compile(r"^(?:copy of |kopie von |#|\.#|\.~|~\$)")
TEMPLATE = re.compile(
    r"[._-](?:example|sample|template|tmpl|dist|defaults?|schema)(?:[._-].*)?$|\.pub$"
)


def is_key_file(path: Path | str) -> bool:
    """Is a file of this name, in this folder, one in which keys are kept?"""
    plain = unicodedata.normalize("NFKC", os.path.abspath(path)).lower()
    parts = [part.rstrip(". ") for part in Path(plain).parts]
    name = OF_COPY.sub("", parts[-1])
    while True:
        if TEMPLATE.search(name):
            return False
        if NAMES.fullmatch(name):
            return True
        at = "/".join((*parts[-4:-1], name))
        if any(PLACES.fullmatch(at[i:]) for i in _starts(at)):
            return True
        shorter = COPY.sub("", name)
        if shorter in (name, ""):
            return False
        name = shorter


def _starts(path: str) -> list[int]:
    return [0, *(i + 1 for i, char in enumerate(path) if char == "/")]
