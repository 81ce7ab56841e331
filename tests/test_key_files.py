"""Files named like keys stay, however they are spelled, copied or linked; what stays is counted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from m1_magic.context import globs
from m1_magic.context.frames import opened
from m1_magic.errors import UsageError
from m1_magic.privacy.key_files import is_key_file

KEYS = """
.env .env.local .env.production .env.prod.bak prod.env .envrc .ENV .Env.Local .env. .env~ .env.swp
.env_old .flaskenv id_rsa id_dsa id_ecdsa id_ed25519 id_ed25519_sk id_rsa.bak id_rsa.txt id_rsa.old
ID_RSA id_rsa.. deploy_rsa ssh_host_ed25519_key server.pem server.PEM server.pem.txt a.key
a.p8 a.p12 a.pfx a.ppk a.jks a.keystore a.kdbx a.ovpn terraform.tfstate terraform.tfstate.backup
prod.tfvars .terraformrc .netrc _netrc .pgpass pgpass.conf .my.cnf .npmrc .pypirc .git-credentials
.htpasswd htpasswd .boto .s3cfg .dockercfg kubeconfig prod.kubeconfig .vault-token .databrickscfg
credentials credentials.json aws-credentials credentials.yml credentials.csv db.credentials.toml
secrets.yml secrets.yaml secret.yaml secrets.toml secrets.json app-secrets.yaml
client_secret_123.apps.googleusercontent.com.json service-account.json my_service_account_key.json
my-project-0123456789ab.json kaggle.json anna_accessKeys.csv rootkey.csv local.settings.json
kubeconfig.yaml k8s-kubeconfig.yml netrc secrets-prod.yaml secrets_production.yml secrets.enc.yaml
kaggle(1).json credentials-copy.json application_default_credentials.json token.pickle api_key.txt
token.json oauth_creds.json gcp-sa.json firebase-adminsdk-a1.json .dev.vars master.key
.wandb/settings wp-config.php wp-config.php.bak rclone.conf auth.json
.kube/config .kube/config.bak .docker/config.json .aws/credentials .aws/config .ssh/work
.ssh/id_rsa.txt .gnupg/trustdb.gpg .streamlit/secrets.toml .config/gcloud/x.db .config/gh/hosts.yml
.cargo/credentials.toml .m2/settings.xml .gradle/gradle.properties .huggingface/token
.cache/huggingface/token .dbt/profiles.yml .azure/msal_token_cache.json .kaggle/kaggle.json
""".split()
FREE = """
.env.example .env.sample .env.template .env.dist env.md environment.yml id_rsa.pub .ssh/known_hosts
.ssh/config .ssh/id_ed25519.pub secrets.toml.example credentials.example.json secrets.py secret.md
keys.md key.txt keyboard.csv monkey.csv config.json config docker/config.json kube/config
tokens.json tokenizer.json data-2024.json report-1.json password.csv passwords.csv settings.json
settings.xml profiles.yml shadows.csv identity.md .gitignore .github/workflows/ci.yml token.py
doctor_credentials.csv terraform.tf main.tf key_figures.xlsx pemberton.csv environment.env.md
""".split()


@pytest.mark.parametrize("name", KEYS)
def test_a_file_named_like_a_key_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    (tmp_path / "docs").mkdir()
    for spelled in (path, f"{tmp_path}/docs/../{name}", f"{tmp_path}/./{name}"):
        with pytest.raises(UsageError, match="has the name of a key file"):
            globs.matching([str(spelled)])
    link = tmp_path / "docs" / "readme.md"
    link.symlink_to(path)
    with pytest.raises(UsageError, match="has the name of a key file"):
        globs.matching([str(link)])


@pytest.mark.parametrize("name", FREE)
def test_other_files_go_along(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    assert [one.path for one in globs.matching([str(path)]).files] == [path]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a POSIX file system")
def test_names_that_other_systems_take_for_the_same(tmp_path: Path) -> None:
    for name in ("id_rsa ", "id_rsa. .", "\uff49d_rsa", "#id_rsa#", ".#id_rsa", "Copy of id_rsa",
                 "id_rsa (1)", "id_rsa copy", "~$.env", ".env\n"):  # fmt: skip
        assert is_key_file(tmp_path / name), name


def test_what_a_glob_passes_over_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.md", "secrets.yaml", "x.pem", ".env", ".hidden.md", ".git/HEAD"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("x")
    found = globs.matching(["**/*"])
    assert [one.name for one in found.files] == ["a.md"]
    assert found.notes == (
        "left out: secrets.yaml has the name of a key file; x.pem has the name of a key file",
        "left out: 3 hidden files",
    )


def test_a_table_of_keys_is_no_table(tmp_path: Path) -> None:
    for name in ("credentials.csv", "anna_accessKeys.csv"):
        (tmp_path / name).write_text("a,b\n1,2\n")
        with pytest.raises(UsageError, match="has the name of a key file"):
            opened(tmp_path / name)
