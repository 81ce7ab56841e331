"""The table of secrets that show by their form: whose, how they begin, what follows, who says so.

A literal that is rare in text, then a pattern; ``left`` is what stands before the literal where
the secret does not begin with it. Facts come from the issuers' pages and the public rule sets
named in ``source``; the patterns are our own. ``redaction`` compiles them.
"""

from __future__ import annotations

from typing import NamedTuple

CHECKED = "2026-11-28"


class Format(NamedTuple):
    """One form of a secret: a literal that it begins with, what follows, what stands before."""

    kind: str
    literals: tuple[str, ...]
    rest: str
    source: str
    left: str
    checked: str


def form(
    kind: str, literals: str | tuple[str, ...], rest: str, source: str, left: str = ""
) -> Format:
    """Return a row; ``literals`` stand apart by spaces, or in a tuple where they hold some."""
    apart = tuple(literals.split(" ")) if isinstance(literals, str) else literals
    return Format(kind, apart, rest, source, left, CHECKED)


X = "[A-Za-z0-9]"
H = "[0-9a-f]"
W = "[A-Za-z0-9_-]"
B64 = "[A-Za-z0-9+/=]"
UUID = f"{H}{{8}}-{H}{{4}}-{H}{{4}}-{H}{{4}}-{H}{{12}}"
# A run of key characters: hyphenated lower-case words (a slug) are not one.
SOME = r"(?=[a-z_-]{0,40}+[0-9A-Z]|[^\W_]{20})"
RUN = rf"{SOME}{W}{{20,}}"
MIXED = r"(?=[A-Za-z_-]{0,40}+[0-9])"
START = r"(?<![A-Za-z0-9])"

GAP = r"(?:\s|\\{1,4}[nrt]|[\"',>#|]|//(?=\s))"
PEM = (
    r"(?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    rf"{GAP}{{0,60}}(?:[A-Z][A-Za-z-]{{2,20}}: [^\n\\]{{1,80}}{GAP}{{1,60}}){{0,5}}{B64}{{16,}}"
    rf"(?:{GAP}{{1,60}}{B64}{{16,4000}})*"
    rf"(?:(?:{GAP}{{1,60}}{B64}{{1,80}}){{0,2}}{GAP}{{0,60}}-----END [A-Z0-9 ]{{0,50}}-----)?"
)
SSH2 = (
    rf"(?:ENCRYPTED )?PRIVATE KEY ----{GAP}{{1,60}}"
    rf"(?:[A-Z][A-Za-z-]{{2,20}}: [^\n]{{1,80}}\s{{1,4}}){{0,5}}"
    rf"{B64}{{16,}}(?:{GAP}{{1,60}}{B64}{{4,4000}})*"
    rf"(?:{GAP}{{1,60}}---- END SSH2[A-Z0-9 ]{{0,50}}----)?"
)
STATIC = (
    rf"Static key V1-----(?:{GAP}{{1,60}}{H}{{16,64}})+"
    rf"(?:{GAP}{{1,60}}-----END OpenVPN[ A-Za-z0-9]{{0,30}}-----)?"
)
HEADER = r"[A-Z][A-Za-z0-9-]{2,30}: [^\n]{0,120}"
LINES = rf"(?:\r?\n(?:{HEADER}|{B64}{{1,80}})){{2,400}}"
PUTTY = rf"[23]: [^\n]{{1,60}}(?:{LINES}?\r?\nPrivate-MAC: {H}{{40,64}}|{LINES})"

# A part of a JWT, which may be broken over lines.
NEXT = r"(?:[\"'\\+= \t]{0,6}(?:\\n|\r?\n)[ \t\"'>#|*]{0,60}(?://[ \t]{1,4})?)"
PART = (
    rf"{NEXT}?{W}{{4,}}+(?:{NEXT}(?!eyJ){W}{{12,400}}+){{0,60}}+"
    rf"(?:{NEXT}(?!eyJ){W}{{1,11}}+(?=\.|{NEXT}\.))?{NEXT}?"
)

# The rule sets, and pages of issuers.
LEAKS = "github.com/gitleaks/gitleaks"
HOG = "github.com/trufflesecurity/trufflehog"
LINT = "github.com/secretlint/secretlint"
GITHUB = "docs.github.com, supported secret scanning patterns"

MODELS = (
    form("OpenRouter key", "sk-or-", r"(?:v\d{1,2}-)?[A-Za-z0-9]{20,}", HOG),
    form("OpenRouter key", "sk-or-v", rf"\d-{MIXED}{X}{{64}}", HOG),
    form("OpenRouter key", "c2stb3ItdjEt", rf"{B64}{{80,96}}", HOG),  # in base64
    form("Anthropic key", "sk-ant-", rf"(?:[a-z]{{2,8}}\d{{2}}-{W}{{16,}}|{X}{{20}}{W}*)", LEAKS),
    form("OpenAI key", "sk-", rf"(?:(?:proj|svcacct|service|admin|None)-{RUN}|{X}{{32,}})", LEAKS),
    form("MiniMax key", "sk-", rf"(?:api|cp)-{RUN}", "platform.minimax.io"),
    form("MiniMax key", "sk-api- sk-cp-", rf"(?={W}{{0,40}}\d)(?={W}{{0,40}}[A-Z]){W}{{60,}}",
           "platform.minimax.io"),
    form("Langfuse key", "sk-lf-", UUID, "langfuse.com"),
    form("Helicone key", "sk-helicone-", rf"{SOME}{W}{{20,}}", "docs.helicone.ai"),
    form("Hugging Face token", "hf_", rf"{X}{{30,}}", LEAKS),
    form("Hugging Face token", "api_org_", rf"{X}{{34}}", LEAKS),
    form("Google key", "AIza", rf"{W}{{35}}(?!{W})", LEAKS),
    form("Google key", "AQ.Ab", rf"{MIXED}{W}{{40,}}", GITHUB),
    form("Groq key", "gsk_", rf"{X}{{52}}", HOG),
    form("xAI key", "xai-", rf"{X}{{80}}", HOG),
    form("Replicate token", "r8_", rf"{W}{{37}}(?!{W})", HOG),
    form("NVIDIA key", "nvapi-", rf"{W}{{64}}", HOG),
    form("Perplexity key", "pplx-", rf"{X}{{40,56}}", LEAKS),
    form("LangSmith key", "lsv2_pt_ lsv2_sk_", rf"{H}{{32}}_{H}{{10}}", HOG),
    form("LangSmith key", "ls__", rf"{H}{{32}}", HOG),
    form("Pinecone key", "pcsk_", rf"{X}{{4,7}}_{X}{{50,70}}", HOG),
    form("Cerebras key", "csk-", rf"{MIXED}{X}{{48}}", GITHUB),
    form("Fireworks key", "fw_", rf"{MIXED}{X}{{22,24}}", GITHUB),
    form("Together key", "tgp_v1_", rf"{W}{{43}}", GITHUB),
    form("Tavily key", "tvly-", rf"(?:dev-|prod-)?{MIXED}{X}{{32}}", "docs.tavily.com"),
    form("Voyage key", "pa-", rf"{MIXED}{W}{{43}}(?!{W})", "docs.voyageai.com"),
    form("Jina key", "jina_", rf"{H}{{32}}{W}{{28}}", "jina.ai"),
    form("Firecrawl key", "fc-", rf"{H}{{32}}", "docs.firecrawl.dev"),
    form("LlamaCloud key", "llx-", rf"{MIXED}{X}{{48}}", "docs.cloud.llamaindex.ai"),
    form("ElevenLabs key", "sk_", rf"{H}{{48}}", HOG),
    form("Weights & Biases key", "wandb_v1_", rf"{SOME}{W}{{40,}}", "docs.wandb.ai"),
    form("RunPod key", "rpa_", rf"{MIXED}{X}{{38,46}}", "docs.runpod.io"),
    form("Modal token", "ak- as-", rf"(?=[A-Za-z]{{0,20}}\d)(?=[a-z0-9]{{0,20}}[A-Z]){X}{{22}}",
           "modal.com/docs"),
    form("Databricks token", "dapi", rf"{H}{{32}}(?:-\d)?", LEAKS),
    form("Databricks secret", "dose", rf"{H}{{32}}", LINT),
    form("E2B key", "e2b_", rf"{H}{{40}}", "e2b.dev/docs"),
    form("Logfire token", "pylf_v1_", rf"[a-z]{{2}}_{X}{{40,}}", "logfire.pydantic.dev"),
    form("Kaggle token", "KGAT_", rf"{H}{{32}}", "kaggle.com/docs/api"),
    form("DeepL key", ":fx", "", "deepl.com/docs-api", UUID),
    form("Baidu key", "bce-v3/", rf"ALTAK-{X}{{21}}/{H}{{40}}", "cloud.baidu.com"),
    form("Zhipu key", ".", rf"(?=[A-Za-z]{{0,15}}\d)(?=[a-z0-9]{{0,15}}[A-Z]){X}{{16}}",
           "open.bigmodel.cn", rf"{H}{{32}}"),
    form("Friendli token", "flp_", rf"{X}{{40,}}", "friendli.ai/docs"),
    form("Anyscale key", "esecret_", rf"{X}{{24,}}", "docs.anyscale.com"),
    form("Nomic key", "nk-", rf"{MIXED}{W}{{43}}(?!{W})", "docs.nomic.ai"),
    form("Apify token", "apify_api_", rf"{X}{{36}}", HOG),
)  # fmt: skip

CLOUDS = (
    # Those of its manuals end so.
    form("AWS key", "AKIA ASIA ABIA ACCA", r"(?!\w{9}EXAMPLE)[A-Z0-9]{16}", LEAKS),
    form("AWS key", "A3T", r"[A-Z0-9](?=[A-Z]{0,15}[0-9])[A-Z2-7]{16}", LEAKS),
    form("AWS key", "ABSK", r"[A-Za-z0-9+/]{109,269}={0,2}", LEAKS),
    form("AWS key", "bedrock-api-key-", rf"YmVkcm9jay{B64}{{20,}}", LEAKS),
    form("Azure secret", "Q~", r"[A-Za-z0-9_~.-]{31,34}", LEAKS, r"[A-Za-z0-9_~.]{3}\d"),
    form("Azure key", "JQQJ99", r"[A-Za-z0-9/+]{26}", "learn.microsoft.com", "[A-Za-z0-9/+]{52}"),
    form("Azure key", "+ASt +ABa +ARm ACDb", rf"{X}{{6}}==", "learn.microsoft.com",
           r"[A-Za-z0-9/+]{76}"),
    form("Azure key", "+ASb +AEh +AIo AIoT", rf"{X}{{5,6}}=", "learn.microsoft.com",
           r"[A-Za-z0-9/+]{33}"),
    form("Azure key", "AzFu", rf"{W}{{6}}[AQgw]==", "learn.microsoft.com", rf"{W}{{44}}"),
    form("Azure key", "AzSe AzCa", rf"[A-D]{X}{{5}}", "learn.microsoft.com", rf"{X}{{42}}"),
    form("Azure key", "+ACR", rf"{X}{{6}}", HOG, r"[A-Za-z0-9/+]{42}"),
    form("Azure DevOps token", "AZDO", rf"{X}{{4}}", "learn.microsoft.com", rf"{X}{{76}}"),
    form("Google secret", "GOCSPX-", rf"{W}{{28}}", HOG),
    form("Google token", "ya29.", rf"(?:[a-z]\.)?{SOME}{W}{{30,}}", HOG),
    form("Google token", "1//0", rf"(?={W}{{0,60}}[A-Z]){W}{{40,}}", GITHUB),
    form("Google key", "GOOG1E", rf"{X}{{55}}", "cloud.google.com/storage"),
    form("Firebase key", ":APA91b", rf"{W}{{100,}}", GITHUB, rf"{W}{{7,30}}"),
    form("DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", rf"{H}{{64}}", LEAKS),
    form("Alibaba key", "LTAI", rf"(?={X}{{0,20}}\d){X}{{12,22}}", LEAKS),
    form("Tencent key", "AKID", rf"(?={X}{{0,20}}\d){X}{{32}}", GITHUB),
    form("Yandex key", "AQVN", rf"{W}{{35,38}}(?!{W})", LEAKS),
    form("Yandex token", "y0_Ag", rf"{W}{{30,}}", "yandex.com/dev"),
    form("Yandex token", "t1.9eu", rf"{W}{{50,}}(?:\.{W}{{86}})?", LEAKS),
    form("Heroku key", "HRKU-", rf"(?:AA{W}{{58}}|{UUID})", LEAKS),
    form("Fly token", "fo1_", rf"{W}{{43}}", LEAKS),
    form("Fly token", "fm1a_ fm1r_ fm2_", r"[A-Za-z0-9+/]{100,}={0,3}", LEAKS),
    form("Render key", "rnd_", rf"{MIXED}{X}{{28,32}}", GITHUB),
    form("Netlify token", "nfp_", rf"{X}{{36}}", GITHUB),
    form("Vercel token", "vcp_ vci_ vca_ vcr_ vck_", rf"{MIXED}{X}{{24,60}}", LINT),
    form("Cloudflare token", "cfut_ cfat_ cfk_", rf"{X}{{40}}{H}{{8}}", HOG),
    form("Cloudflare key", "v1.0-", rf"{H}{{24}}-{H}{{146}}", LEAKS),
    form("Supabase token", "sbp_", rf"(?:v0_)?{H}{{40}}", HOG),
    form("Supabase key", "sb_secret_", rf"{SOME}{W}{{20,}}", "supabase.com/docs"),
    form("Neon key", "napi_", rf"{X}{{60,}}", "neon.com/docs"),
    form("PlanetScale secret", "pscale_tkn_ pscale_oauth_ pscale_pw_", r"[\w=.-]{32,64}", LEAKS),
    form("MongoDB Atlas secret", "mdb_sa_sk_", rf"{W}{{40}}", GITHUB),
    form("CockroachDB key", "CCDB1_", rf"{X}{{22}}_{X}{{40}}", GITHUB),
    form("Doppler token", "dp.ct. dp.pt. dp.sa. dp.scim. dp.audit.", rf"{X}{{40,44}}", HOG),
    form("Doppler token", "dp.st.", rf"(?:[a-z0-9_-]{{2,35}}\.)?{X}{{40,44}}", HOG),
    form("Pulumi token", "pul-", rf"{H}{{40}}", LEAKS),
    form("Terraform token", ".atlasv1.", r"[A-Za-z0-9_=-]{60,70}", LEAKS, rf"{X}{{14}}"),
    form("Vault token", "hvs. hvb. hvr.", rf"{SOME}{W}{{24,300}}", LEAKS),
    form("Tailscale key", "tskey-", rf"(?:[a-z]{{2,12}}-)?{X}{{8,}}-{X}{{16,}}", HOG),
    form("1Password key", "A3-", r"[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})"
           r"(?:-[A-Z0-9]{5}){3}", LEAKS),
    form("1Password token", "ops_eyJ", r"[A-Za-z0-9+/]{250,}={0,3}", LEAKS),
    form("age key", "AGE-SECRET-KEY-1", r"[A-Z0-9]{58}", LEAKS),
    form("age key", "AGE-PLUGIN-", r"[A-Z0-9]{2,20}-1[A-Z0-9]{30,}", "github.com/FiloSottile/age"),
    form("OpenShift token", "sha256~", rf"{W}{{43}}", LEAKS),
    form("private key", ("-----BEGIN ",), PEM, LEAKS),
    form("private key", ("---- BEGIN SSH2 ",), SSH2, "RFC 4716"),
    form("private key", ("-----BEGIN OpenVPN ",), STATIC, "openvpn.net"),
    form("private key", "PuTTY-User-Key-File-", PUTTY, "the.earth.li/~sgtatham/putty"),
    # Base64 of a PEM file, as kubeconfig has it.
    form("private key", "LS0tLS1CRUdJTi", "(?:BSU0Eg|BFQyBQ|BPUEVO|BQUklW|BEU0Eg|BFTkNS)"
           rf"{B64}{{40,}}", "kubernetes.io/docs"),
    # Only at the start of a run: else each "-eyJ" of a long one would scan the rest of it.
    form("JWT", "eyJ", rf"(?<!{W}eyJ){PART}\.{NEXT}?eyJ{PART}\.{NEXT}?{W}{{16,}}", "RFC 7519"),
)  # fmt: skip
