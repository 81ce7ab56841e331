"""Options after the text of a one-line question: meant ones are refused, others are text."""

from __future__ import annotations

from typing import Any

import pytest

from emulator import OpenRouter
from m1_magic.errors import UsageError
from m1_magic.options import flags
from m1_magic.options.after_text import check
from shells import Run

TABLES = {"orders": 1, "customers": 2, "sales_2024": 3}

# What is typed after ``%m1 ask``, and what should have been.
MEANT = {
    "slogan -o r": "-o r slogan",
    "slogan --out r": "--out r slogan",
    "slogan --out=r": "--out=r slogan",
    "explain --df orders": "--df orders explain",
    "explain -d orders": "-d orders explain",
    "explain --df=orders": "--df=orders explain",
    "explain --df orders,customers": "--df orders,customers explain",
    "which region grew? -d orders": "-d orders which region grew?",
    "which region grew --df orders?": "--df orders which region grew?",
    "explain --df orders briefly": "--df orders explain briefly",
    "explain --df ordrs": "--df ordrs explain",
    "what's odd here -d orders -o r": "-d orders -o r what's odd here",
    "find outliers -d orders --cols price,qty": "-d orders --cols price,qty find outliers",
    "a haiku -t 0.2": "-t 0.2 a haiku",
    "a haiku --temperature 0.2": "--temperature 0.2 a haiku",
    "a haiku --temperature=0.2": "--temperature=0.2 a haiku",
    "a haiku -t 0.2 please": "-t 0.2 a haiku please",
    "a haiku --max-tokens 500": "--max-tokens 500 a haiku",
    "a haiku --seed 7": "--seed 7 a haiku",
    "a haiku --think high": "--think high a haiku",
    "a haiku --max-cost 0.10": "--max-cost 0.10 a haiku",
    "a haiku -m openai/gpt-4o-mini": "-m openai/gpt-4o-mini a haiku",
    "a haiku -m minimax/minimax-m1,openai/gpt-4o-mini": (
        "-m minimax/minimax-m1,openai/gpt-4o-mini a haiku"
    ),
    "a haiku -t 0,1": "-t 0,1 a haiku",
    "a haiku -n 3": "-n 3 a haiku",
    "a haiku --model openai/gpt-4o": "--model openai/gpt-4o a haiku",
    "a haiku --raw": "--raw a haiku",
    "a haiku --quiet --fresh": "--quiet --fresh a haiku",
    "a haiku --dry-run": "--dry-run a haiku",
    "a haiku --fresh -o poem": "--fresh -o poem a haiku",
    'answer me -s "Be brief."': '-s "Be brief." answer me',
    'answer me --system "Be brief."': '--system "Be brief." answer me',
    "why did it fail --error": "--error why did it fail",
    "what went wrong --error --cells last": "--error --cells last what went wrong",
    "is this right --cells 3-5": "--cells 3-5 is this right",
    "summarise it -f notes.md": "-f notes.md summarise it",
    "summarise them --file *.csv": "--file *.csv summarise them",
    "how much per region -d orders --exact": "-d orders --exact how much per region",
    "what changed -d orders,sales_2024 --diff": "-d orders,sales_2024 --diff what changed",
    "go on --chat eda": "--chat=eda go on",
    "go on --chat=eda": "--chat=eda go on",
    "go on -c": "-c go on",
    "go on -c eda": "-c=eda go on",
    "pick one --choices a,b": "--choices a,b pick one",
    "give json --returns 'name: str'": "--returns 'name: str' give json",
    "an example --code": "--code an example",
    "and the median? --chat": "--chat and the median?",
    "compute it with --df orders": "--df orders compute it with",
    "prove it --task math": "--task math prove it",
    "show rows --df orders --send sample:3": "--df orders --send sample:3 show rows",
    "erzähl mir was über -d orders": "-d orders erzähl mir was über",
    "it's 5 o'clock -o now": "-o now it's 5 o'clock",
    "say 'hello world' -o r": "-o r say 'hello world'",
    "plot with python -d orders": "-d orders plot with python",
    "a haiku -m a/b,c/d": "-m a/b,c/d a haiku",
    "a haiku -t 0,1 -n 3": "-t 0,1 -n 3 a haiku",
    "what is this? --error": "--error what is this?",
    "explain this --df orders": "--df orders explain this",
    "summarize that -o r": "-o r summarize that",
    "what is it about --df orders": "--df orders what is it about",
    "what does it do -d orders": "-d orders what does it do",
    "what's the difference -d orders -o r": "-d orders -o r what's the difference",
    "tell me what it is -o r": "-o r tell me what it is",
    "what does it mean --error": "--error what does it mean",
    "how does it work --cells last": "--cells last how does it work",
    "what went up and why -d orders": "-d orders what went up and why",
    "is this normal -d orders?": "-d orders is this normal?",
    "why --error": "--error why",
    "why -d orders": "-d orders why",
    "one line --stop END": "--stop END one line",
}
MENTIONED = [
    'what does "--df" do?', "what does `--df orders` do?", "what does '--df orders' do?",
    'explain "--df orders"', "what does --df do?", "what does --df do", "what is --df for?",
    "what does --df orders do?", "explain the --exact option", "when should I use --fresh?",
    "when should I use --fresh", "what is the difference between --keep and --fresh",
    "is --temperature 0.2 too low?", "what does --temperature 0.2 mean", "why use --think high",
    "what does head -n 3 do", "plot the points -m red", "plot it -m red,blue",
    "what does pip install -e do?", "what does pip install -e . do", "explain git commit -m msg",
    "explain git commit -m 'first commit'", "what does grep -c count", "explain grep -c",
    "how do I run python -m venv", "explain python -m pytest -s", "explain tar -c -f out.tar",
    "how does docker run -t image work", "how do I use gcc -o main", "explain gcc main.c -o main",
    "explain curl -s -o out.html", "what does sort -t , do", "explain sort -t 2",
    "explain test -f a.txt",
    "explain cut -d , -f 2", "explain tail -f app.log", "explain ./run.sh -o out",
    "explain head -c 5",
    "explain ls -d x", "what does ssh -t 1 do", "why is wc -c wrong", "explain npm --quiet",
    "what does pytest --raw mean", "what is x -t y", "is a -b better than -c?", "x - y -- z",
    "what's a -o flag", "the -d option of date", "explain jupyter nbconvert --file a.ipynb",
    "how do I name an argparse option --model", "5 -t is odd", "-1 or -o", "what is -o",
    "compare --raw with --quiet please", "compare --temperature 0.2 and 0.9", "a--df orders",
    "use --df, then --cols", "write a CLI with --seed 7", "--raw or --quiet?",
    "translate: -o wie geht's", "what does curl --max-tokens 5 do", "is -d orders.csv right",
    "explain rsync -c", "explain the shell: foo -t 1", "what does ollama run --temperature 1 do",
    "how is %m1 ask -o r typed", "which is better, -t or -s?", "a -o b -o c d", "say -m",
    "explain grep -c x", "pick --choices a,b or c", "what does --code do",
    "can I use --dry-run", "what do you mean by --exact", "what do -o and -d mean",
    "how should I set --temperature 0.2", "does it work with --exact", "recommend -t 0.2 or 0.7",
    "how do --cols a,b work", "set --seed or not", "does --send names hide labels?",
]  # fmt: skip


def rest(line: str) -> str:
    return flags.options(line, text=True)[1]


@pytest.mark.parametrize("line", MEANT)
def test_an_option_that_is_meant_is_refused_with_the_right_line(line: str) -> None:
    for door in ("%%m1", "%m1 ask"):
        with pytest.raises(UsageError) as error:
            check(door, line, rest(line), TABLES)
        assert f"Write `{door} {MEANT[line]}`; to send" in str(error.value)
    # The right line is right, and begins with these options.
    assert rest(MEANT[line]) != MEANT[line]
    check("%m1 ask", MEANT[line], rest(MEANT[line]), TABLES)
    check("%m1 ask", f"-- {line}", line, TABLES)


@pytest.mark.parametrize("line", MENTIONED)
def test_an_option_that_is_mentioned_is_text(line: str) -> None:
    if not line.startswith("-"):
        check("%m1 ask", line, rest(line), TABLES)


def test_nothing_is_sent_and_the_options_before_stay(
    server: OpenRouter, run: Run, shell: Any
) -> None:
    told = run("%m1 ask -t 0.2 slogan -o r").told
    assert "Write `%m1 ask -t 0.2 -o r slogan`" in told and "Nothing was sent" in told
    assert "Write `%%m1 --df sales explain`" in run("%%m1 explain --df sales").told
    assert server.requests == [] and "r" not in shell.user_ns
    for cell in ("%%m1\nexplain --df sales", "%m1 ask -- explain --df sales"):
        assert run(cell).error is None
        assert server.prompt.strip() == "explain --df sales"
