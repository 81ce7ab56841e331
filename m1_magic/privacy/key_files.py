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
    r"|[._]?netrc|.+\.netrc|\.?pgpass(?:\.conf)?|\.my(?:login)?\.cnf|\.npmrc"
    r"|\.yarnrc\.yml|\.pypirc|\.condarc"
    r"|\.git-credentials|\.?htpasswd|\.boto|\.s3cfg|\.passwd-s3fs|\.dockercfg|\.dockerconfigjson"
    r"|(?:.*[._-])?kubeconfig(?:\.ya?ml)?|\.vault-token|\.vault[_-]pass(?:word)?"
    r"|\.databrickscfg|shadow"
    r"|(?:.*[._-])?credentials?(?:\.(?:json|ya?ml|toml|ini|cfg|conf|xml|db|properties|enc))?"
    r"|(?:.*[._-])?secrets?(?:[._-](?:prod|dev|staging|production|local|test|live|enc))*"
    r"\.(?:ya?ml|toml|json|ini|cfg|conf|env|properties|xml|enc)"
    r"|(?:client_secret|.*service[-_ ]?account)s?.*\.json|.+-[0-9a-f]{12}\.json|kaggle\.json"
    r"|.*firebase-adminsdk.*\.json"
    r"|adc\.json|\.?auth\.json|.*oauth.*(?:token|creds).*\.json|access_tokens?\.json|"
    r"api[-_ ]?keys?\.(?:txt|json|ya?ml|toml|ini|cfg|csv)"
    r"|(?:access[-_ ]?|auth[-_ ]?|api[-_ ]?)tokens?\.(?:txt|json)"
    r"|(?:gcp|gcloud|google)[-_](?:sa|service[-_]key|key).*\.json|keyfile\.json"
    r"|(?:(?:new_user|aws|iam)[-_])?credentials\.csv|(?:.*_)?accesskeys?\.csv"
    r"|rootkeys?\.csv|local\.settings\.json"
    r"|.*\.publishsettings|wp-config\.php|pypirc|dotenv|env\.local|\.dev\.vars"
    r"|vault\.ya?ml|.*vault[-_]pass(?:word)?(?:\.txt)?"
    r"|passwords?\.txt|secrets?\.txt|token\.(?:json|pickle)"
    r"|logins\.json|key4\.db|\.renviron|\.[a-z]+[-_]token|master\.key|wallet\.dat|private[-_]?key\.(?:txt|asc)|(?:jupyter|notebook)_cookie_secret|rclone\.conf|secring\.(?:gpg|pgp)"
)
# Path below some folder, with / between.
PLACES = re.compile(
    r"\.kube/(?!cache/).+|\.docker/config\.json|\.aws/(?:credentials|config|sso/.+|cli/.+)"
    r"|\.ssh/(?!known_hosts|authorized_keys|config$|.*\.pub$).+|\.gnupg/.+|\.password-store/.+"
    r"|\.azure/.+|(?:\.config/)?gcloud/.+|\.config/(?:gh/hosts\.yml|rclone/.+|op/.+|doctl/.+|hub)"
    r"|\.streamlit/secrets\..+|\.cargo/credentials.*|\.gem/credentials|\.m2/settings.*\.xml"
    r"|\.gradle/gradle\.properties|\.terraform\.d/.+|\.?huggingface/(?:stored_)?tokens?"
    r"|\.kaggle/.+|\.snowflake/(?:config|connections)\.toml|\.snowsql/config|\.dbt/profiles\.ya?ml"
    r"|\.fly/config\.ya?ml|\.wandb/settings|\.config/(?:wandb/settings|sops/.+|pip/pip\.conf)"
    r"|\.supabase/.+|\.ngrok2?/.+\.yml"
    r"|\.mc/config\.json|\.docker/\.token_seed|(?:secrets/)?kubernetes\.io/serviceaccount/token|\.local/share/keyrings/.+|run/secrets/.+"
)
COPY = re.compile(
    r"(?:\.(?:bak|backup|old|orig|save|sav|swp|swo|tmp|temp|copy|prev|rej|txt|\d{1,8})"
    r"|~|#|\.+|\s+|[ _-]+(?:copy|backup|bak|old|\d{1,8})|\s?\(\d{1,3}\))$"
)
COPY_BEFORE = re.compile(r"(?:\s?\(\d{1,3}\)|[ _-]+(?:copy|kopie))(?=\.[a-z0-9]+$)")
OF_COPY = re.compile(r"^(?:copy of |kopie von |#|\.#|\.~|~\$)")
TEMPLATE = re.compile(
    r"(?<!application)[._-](?:example|sample|template|tmpl|dist|defaults?|schema)(?:[._-].*)?$|\.pub$"
)


def is_key_file(path: Path | str) -> bool:
    """Is a file of this name, in this folder, one in which keys are kept?"""
    plain = unicodedata.normalize("NFKC", os.path.abspath(path)).lower()
    parts = [part.rstrip(". ") for part in Path(plain).parts]
    name = COPY_BEFORE.sub("", OF_COPY.sub("", parts[-1]))
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
