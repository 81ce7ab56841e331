"""``%m1 help``: the pages in the folder ``help``, fit for a notebook and a terminal.

On GitHub they are read as they are. Here links become the ``%m1 help …`` that leads there, and
fenced code is indented, for a fence in one of our pages might be foreign text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

from ..options import command_line
from ..render import page
from .verb_context import Verb

TITLE = re.compile(r"# (.+)\n+")
COMMENT = re.compile(r"<!--.*?-->\n?")
LINK = re.compile(r"\[([^]\n]*)\]\(([^)\s]*)\)")
FENCE = re.compile(r"^(`{3,})[^`\n]*\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
TOPIC = re.compile(r"([a-z]+)\.md(?:#.*)?")
TABLE = re.compile(r"^\| (?:option|`).*", re.MULTILINE)
WORD = re.compile(r"[a-z][a-z-]*")
PAGES = files("m1_magic") / "help"


@cache
def topics() -> dict[str, str]:
    """Return the title of each page, by its name."""
    names = sorted(one.name for one in PAGES.iterdir() if one.name.endswith(".md"))
    titles = {name.removesuffix(".md"): TITLE.match(written(name)) for name in names}
    return {name: title[1] for name, title in titles.items() if title}


def written(name: str) -> str:
    """Return a page as it stands in its file."""
    return (PAGES / name).read_text("utf-8")


def topic(name: str) -> str:
    """Return a page as it is shown."""
    text = COMMENT.sub("", written(f"{name}.md"))
    text = FENCE.sub(lambda match: page.code(match[2].rstrip("\n")), text)
    return LINK.sub(_led, text)


def _led(link: re.Match[str]) -> str:
    """Return a link as text, with what shows the page that it leads to."""
    words, target = link[1], link[2]
    if target.startswith("https://"):
        return link[0]
    to = TOPIC.fullmatch(target)
    return f"{words} (`%m1 help {to[1]}`)" if to and to[1] in topics() else words


def overview(verbs: Mapping[str, Verb], options: str) -> str:
    """Return the first page of help: topics, options, verbs."""
    listed = [f"| `%m1 help {name}` | {title} |" for name, title in topics().items()]
    return "\n\n".join(
        [
            "**m1-magic**: MiniMax M1 in the notebook. Options first, the prompt below:",
            page.code("%%m1 --df sales -o r\nWhich region grew, and why?"),
            "\n".join(["| topic | |", "|---|---|", *listed]),
            options,
            verb_table(verbs),
            "More about a topic, a verb, an option or a setting: `%m1 help NAME`.",
        ]
    )


def verb_table(verbs: Mapping[str, Verb]) -> str:
    """Return the verbs as a Markdown table, for help."""
    rows = ["| verb | |", "|---|---|", "| `%m1` | the status |"]
    for verb in verbs.values():
        usage = verb.usage.replace("|", r"\|")
        rows.append(f"| `%m1 {usage}` | {verb.help} |")
    return "\n".join(rows)


def about(name: str, verbs: Mapping[str, Verb]) -> str:
    """Return what help says of a topic, a verb, an option or a setting."""
    parts = []
    if verb := verbs.get(name):
        parts.append(f"`%m1 {verb.usage}`\n\n{verb.help}")
    if name in topics():
        return "\n\n".join([*parts, topic(name)])
    parts += rows(name)
    more = _listed(pages_with(f"%m1 {name}" if verb else name.lstrip("-")))
    if not parts:
        todo = f"The word stands in {more}." if more else "%m1 help lists them."
        raise command_line.no_such("topic", name, [*topics(), *verbs], todo, cost="")
    return "\n\n".join([*parts, f"More: {more}"] if more else parts)


def rows(name: str) -> list[str]:
    """Return the lines about ``name`` of the tables of options and settings, each with its head."""
    wanted = name.removeprefix("M1.").lstrip("-").replace("_", "-")
    tables = []
    for table in ("options", "settings"):
        head, *lines = TABLE.findall(written(f"{table}.md"))
        about = [
            line for line in lines if wanted in WORD.findall(line.split("` |")[0].replace("_", "-"))
        ]
        tables += ["\n".join([head, "|---" * (head.count("|") - 1) + "|", *about])] if about else []
    return tables


def pages_with(words: str) -> list[str]:
    """Return the topics whose pages have these words, the one with most of them first."""
    pattern = re.compile(rf"(?<!\w){re.escape(words)}(?!\w)", re.IGNORECASE)
    lists = ("options", "settings", "verbs")  # which name all of them
    count = {name: len(pattern.findall(topic(name))) for name in topics() if name not in lists}
    return sorted(filter(count.get, count), key=lambda name: -count[name])[:4]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`%m1 help {name}`" for name in names)
