"""``%m1 cost`` and ``%m1 budget``: sums by any key, holds and their release, CSV, ways to fit."""

from __future__ import annotations

import csv
import io
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import kernels
from emulator import Answer, OpenRouter
from ledgers import HOST, NOW, reserve, settle
from m1_magic import api, verbs
from m1_magic.calls import Attempt, Call, Usage
from m1_magic.errors import BadSetting, BudgetExceeded, UsageError
from m1_magic.jupyter.shell import notebook
from m1_magic.ledger import Ledger, new_id, processes, sums
from m1_magic.settings.config import M1
from m1_magic.text import md_to_text
from m1_magic.verbs.money import cell, chart, write_csv
from m1_magic.verbs.verb_context import VerbContext
from scripted import OFFER, Scripted, Seen, answer, request, session


def run(verb: str, *args: str) -> str:
    context = VerbContext(api.session(), {}, lambda question: "")
    return md_to_text(verbs.VERBS[verb].run(context, args))


def put(ledger: Ledger, *costs: str | None, model: str = "a/model", at: datetime = NOW) -> None:
    """One call in the ledger, with an attempt for each cost; None: its price is not known."""
    call = Call(new_id(), at, replace(request(), model=model))
    for cost in costs:
        settle(ledger, reserve(ledger, of=call), cost, usage=Usage(10, 5))


# -- sums -----------------------------------------------------------------------------------


def test_sums_by_every_key(path: Path) -> None:
    with closing(Ledger(path, "s1")) as one, closing(Ledger(path, "s2")) as two:
        sums.name_session(one, "/work/a.ipynb")
        sums.name_session(two, None)
        put(one, "0.001", "0.002")  # a retry: one call, two attempts
        put(one, None, model="b/model", at=NOW - timedelta(days=1))
        put(two, "0.5", at=NOW - timedelta(hours=13))
        by = {key: sums.by(two, key) for key in sums.KEYS}
    a, none = sums.Sum("a/model", 2, 30, 15, Decimal("0.503"), Decimal(0), 0), Decimal(0)
    b = sums.Sum("b/model", 1, 10, 5, none, Decimal("0.01"), 1)
    assert by["model"] == [a, b]
    assert [(s.name, s.calls, s.spent) for s in by["day"]] == [
        ("2026-03-14", 2, Decimal("0.5")),
        ("2026-03-15", 1, Decimal("0.003")),
    ]
    assert [(s.name, s.calls, s.unknown) for s in by["notebook"]] == [
        ("(no notebook)", 1, 0),
        ("/work/a.ipynb", 2, 1),
    ]
    assert [(s.name, s.calls) for s in by["chat"]] == [("(no chat)", 3)]


CALLS = st.lists(
    st.tuples(
        st.lists(st.one_of(st.none(), st.integers(0, 10**12)), min_size=1, max_size=3),
        st.sampled_from(["a/model", "b/model", "=c/model"]),
        st.integers(0, 40),
    ),
    max_size=8,
)


@given(CALLS)
@hypothesis_settings(max_examples=20)
def test_m24_every_way_to_add_up_gives_the_same(tmp_path: Path, made: list[Any]) -> None:
    folder = tmp_path / new_id()
    folder.mkdir()
    with closing(Ledger(folder / "ledger.db", "s1")) as ledger:
        sums.name_session(ledger, "/work/a.ipynb")
        for nanos, model, days in made:
            costs = [None if nano is None else f"{nano}E-9" for nano in nanos]
            put(ledger, *costs, model=model, at=NOW - timedelta(days=days))
        totals = ledger.totals(None, "session", NOW)
        spent = Decimal(sum(n or 0 for nanos, _, _ in made for n in nanos)) / 10**9
        held = Decimal("0.01") * sum(n is None for nanos, _, _ in made for n in nanos)
        assert (totals.session, totals.held) == (spent, held)
        for key in sums.KEYS:
            found = sums.by(ledger, key)
            assert sum(s.spent for s in found) == spent
            assert sum(s.held for s in found) == held
            assert sum(s.calls for s in found) == len(made)
            assert sum(s.unknown for s in found) == totals.unknown
        whole = sums.of_notebook(ledger, "/work/a.ipynb")
        assert (whole.spent, whole.held, whole.calls) == (spent, held, len(made))
        write_csv(folder / "cost.csv", sums.HEAD, sums.calls(ledger))
    with open(folder / "cost.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(made)
    assert sum(Decimal(row["cost_usd"] or 0) for row in rows) == spent
    assert sum(Decimal(row["held_usd"]) for row in rows) == held


# -- the verb -------------------------------------------------------------------------------


def test_the_page_of_costs(server: OpenRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "/work/Sales | 1.ipynb")
    server.say(Answer(text="a", cost=0.00004), Answer(text="b", cost=0.2))
    api.ask("why?", namespace={})
    api.ask("why?", namespace={}, model="openai/gpt-4o-mini")
    shown = run("cost")
    for row in ("session", "notebook Sales | 1.ipynb", "day", "month"):
        assert f"| {row} | $0.2000 | $0 | 2 |" in shown
    assert "held |" not in shown
    by_model = run("cost", "--by", "model")
    assert "| minimax/minimax-m1 | $0.000040 | $0 | 1 |" in by_model
    assert f"    openai/gpt-4o-mini {'█' * 30} $0.2000" in by_model
    assert f"    minimax/minimax-m1 ▏{' ' * 30}$0.000040" in by_model  # a sliver, and no $0.00
    assert "| /work/Sales | 1.ipynb | $0.2000 |" in run("cost", "--by", "notebook")
    assert "$0.00 " not in shown + by_model


def test_no_calls_yet(own_home: Path) -> None:
    assert run("cost", "--by", "model") == "No calls yet."
    assert "| session | $0 | $0 | 0 |" in run("cost")


def test_many_days_show_the_latest_and_many_models_the_dearest(own_home: Path) -> None:
    ledger = api.session().ledger
    for number in range(70):
        put(ledger, f"0.0{number + 10}", model=f"m/{number}", at=NOW - timedelta(days=number))
    shown = run("cost", "--by", "day")
    assert "2026-03-15" in shown and "2026-01-01" not in shown
    assert "10 more; --csv PATH writes every call" in shown
    shown = run("cost", "--by", "model")
    assert "| m/69 |" in shown and "| m/9 |" not in shown


def test_a_chart_of_nothing_and_of_names_that_would_break_it() -> None:
    free = sums.Sum("a\n\x1b[31m" + "x" * 90, 1, 0, 0, Decimal(0), Decimal(0), 0)
    assert chart([]) == ""
    drawn = chart([free, replace(free, name="b", spent=Decimal("1E-9"))])
    first, second = drawn.split("\n")
    assert first.endswith(" $0") and "█" not in first and "\x1b" not in first
    assert second.endswith(f"{'█' * 30} $0.0000000010")
    assert len(first) < 80


# -- CSV ------------------------------------------------------------------------------------

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "  @x", "'=1", "＝1", "\n=1"]


@pytest.mark.parametrize("name", FORMULAS)
def test_no_cell_of_the_csv_is_a_formula(own_home: Path, tmp_path: Path, name: str) -> None:
    put(api.session().ledger, "0.0054", model=name)
    said = run("cost", "--csv", str(tmp_path / "cost.csv"))
    assert "1 call written to" in said
    with open(tmp_path / "cost.csv", encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["model"] == "'" + name
    assert row["cost_usd"] == "0.0054"


def test_ordinary_cells_stay_as_they_are() -> None:
    values = ["minimax/minimax-m1", "a b", "", None, Decimal("1E-9"), Decimal(0), 5, "'quoted'"]
    assert [cell(v) for v in values] == [
        "minimax/minimax-m1", "a b", "", "", "0.000000001", "0", "5", "'quoted'",
    ]  # fmt: skip


def test_a_csv_is_renewed_and_another_file_is_left_alone(own_home: Path, tmp_path: Path) -> None:
    path, other = tmp_path / "cost.csv", tmp_path / "thesis.csv"
    other.write_text("years of work\n")
    put(api.session().ledger, "0.1")
    run("cost", "--csv", str(path))
    put(api.session().ledger, "0.2")
    assert "2 calls written" in run("cost", "--csv", str(path))
    assert len(path.read_text().splitlines()) == 3
    with pytest.raises(UsageError, match="was not overwritten"):
        run("cost", "--csv", str(other))
    assert other.read_text() == "years of work\n"
    with pytest.raises(UsageError, match="cannot be written"):
        run("cost", "--csv", str(tmp_path / "none" / "cost.csv"))
    assert sorted(p.name for p in tmp_path.glob("*.csv")) == ["cost.csv", "thesis.csv"]
    assert list(tmp_path.glob(".m1-*")) == []


# -- holds ----------------------------------------------------------------------------------


NAMED = "from m1_magic.ledger import processes; print(processes.me())"


def gone() -> str:
    """The name of a process that is over."""
    ran = subprocess.run(
        [*kernels.python(), "-c", NAMED], capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


def before_us() -> str:
    """The name of a process that is over and had the number of this one."""
    place, pid, birth = processes.me().split()
    return f"{place} {pid} {int(birth) - 1}"


def elsewhere() -> str:
    """The name of a process that cannot be seen from here, with the number of one that is over."""
    return f"another/machine {' '.join(gone().split()[1:])}"


def stuck(process: str, state: str = "streaming", age: timedelta = timedelta(0)) -> str:
    """A hold in the ledger as a kernel of that name leaves it; return its id."""
    ledger = api.session().ledger
    attempt = reserve(ledger, Decimal("0.03"), at=datetime.now(UTC) - age)
    values = (process.split()[1], process, state, attempt.id)
    change = "UPDATE attempts SET pid = ?, process = ?, state = ? WHERE id = ?"
    ledger.write(lambda db: db.execute(change, values))
    return attempt.id


@pytest.mark.parametrize(
    ("process", "state", "age", "why"),
    [
        (gone, "streaming", 0, "has ended"),
        (gone, "reserved", 0, "has ended"),
        (before_us, "streaming", 0, "has ended"),
        (processes.me, "pending", 0, "price not known yet"),
        (processes.me, "streaming", 1801, "may be running it"),
        (elsewhere, "streaming", 1801, "may be running it"),
    ],
)
def test_a_stuck_hold_is_listed_and_let_go(
    own_home: Path, process: Callable[[], str], state: str, age: int, why: str
) -> None:
    id = stuck(process(), state, timedelta(seconds=age))
    shown = run("cost")
    assert id in shown and why in shown and "%m1 cost --release ID" in shown
    said = run("cost", "--release", id[:10])
    assert f"Hold {id} of $0.0300 is released" in said and "stays unknown" in said
    totals = api.session().totals()
    assert (totals.held, totals.spent, totals.unknown) == (0, 0, 1)
    assert id not in run("cost")
    with pytest.raises(UsageError, match="no hold"):
        run("cost", "--release", id)


def test_what_may_be_running_is_not_let_go(own_home: Path) -> None:
    for process in (processes.me(), elsewhere()):
        for state in ("reserved", "streaming"):
            id, number = stuck(process, state), process.split()[1]
            with pytest.raises(UsageError, match=f"may be running \\(process {number}\\)"):
                run("cost", "--release", id)
    assert api.session().totals().held == Decimal("0.12")


@pytest.mark.parametrize("id", ["", "zzz", "%", "' OR 1=1 --"])
def test_no_hold_of_that_id(own_home: Path, id: str) -> None:
    one = stuck(gone())
    with pytest.raises(UsageError, match="There is no hold") as caught:
        run("cost", "--release", id)
    assert "%m1 cost lists them" in str(caught.value)
    assert api.session().totals().held == Decimal("0.03"), one


def test_a_beginning_that_fits_two_holds_releases_neither(own_home: Path) -> None:
    ledger = api.session().ledger
    for number in range(2):
        attempt = Attempt(f"abc{number}", hold=Decimal("0.03"))
        ledger.reserve(Call(new_id(), NOW, request()), attempt, HOST, None, "session", True)
    with pytest.raises(UsageError, match="more than one hold 'abc'"):
        run("cost", "--release", "abc")


# -- budgets --------------------------------------------------------------------------------


@pytest.mark.parametrize("period", ["day", "month"])
def test_a_budget_of_a_day_or_a_month_outlives_the_kernel(own_home: Path, period: str) -> None:
    assert "saved, for new kernels too" in run("budget", "0.50", "--per", period)
    api.end()
    assert (api.settings().budget, api.settings().budget_period) == (Decimal("0.50"), period)
    assert "saved" in run("budget", "none")
    api.end()
    assert api.settings().budget is None


def test_a_budget_of_a_session_does_not(own_home: Path) -> None:
    assert "saved" not in run("budget", "0.50")
    api.end()
    assert api.settings().budget is None


def test_the_environments_budget_wins_over_a_saved_one(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("budget", "5", "--per", "day")
    api.end()
    monkeypatch.setenv("M1_BUDGET", "0.0001")
    assert (api.settings().budget, api.settings().budget_period) == (Decimal("0.0001"), "day")
    api.end()
    monkeypatch.setenv("M1_BUDGET", "lots")
    with pytest.raises(BadSetting, match="M1_BUDGET"):
        api.settings()


def refusal(asking: Any, **more: Any) -> str:
    with pytest.raises(BudgetExceeded) as caught:
        asking.ask(request("hi", 16_000), Seen(), **more)
    return str(caught.value)


@pytest.mark.parametrize("by", ["budget", "max_cost"])
def test_a_refusal_names_the_most_tokens_that_fit(tmp_path: Path, by: str) -> None:
    asking = session(tmp_path, Scripted(answer()), M1(**{by: Decimal("0.02")}))
    told = refusal(asking)
    fits = int(told.split("The cheapest way to fit: --max-tokens ")[1].rstrip("."))
    assert 256 <= fits < 16_000
    with pytest.raises(BudgetExceeded):
        asking.ask(request("hi", fits + 1), Seen())
    assert asking.ask(request("hi", fits), Seen()).status == "ok"


def test_a_refusal_says_spent_held_limit_and_what_would_be_enough(tmp_path: Path) -> None:
    settings = M1(budget=Decimal("0.05"), budget_period="day")
    stays = [*answer(cost=None)[:-1]]
    asking = session(tmp_path, Scripted(answer(cost="0.02"), stays, answer()), settings)
    asking.ask(request(), Seen())
    asking.ask(request(max_tokens=10), Seen())  # its price is not known: held
    told = refusal(asking)
    assert "of the day's budget of $0.05 $0.02 is spent and $0.0000484 held" in told
    assert "%m1 cost lists what is held" in told
    enough = told.split("%m1 budget ")[1].split(" --per day")[0]
    settings.budget = Decimal(enough)
    assert asking.ask(request("hi", 16_000), Seen()).status == "ok"


def test_a_cheaper_endpoint_is_the_cheapest_way_if_its_price_fits(tmp_path: Path) -> None:
    dear = replace(OFFER.dearest, output=Decimal("0.00001"))  # type: ignore[type-var]
    settings = M1(max_cost=Decimal("0.05"))
    asking = session(tmp_path, Scripted(limits=replace(OFFER, dearest=dear)), settings)
    told = refusal(asking)
    wish = told.split("%config M1.max_price = ")[1].rstrip(".")
    settings.max_price = eval(wish)
    assert settings.max_price == {"prompt": "0.4", "completion": "2.2"}


def test_where_nothing_fits_nothing_is_advised(tmp_path: Path) -> None:
    asking = session(tmp_path, Scripted(answer()), M1(budget=Decimal("0.0001")))
    told = refusal(asking)
    assert "cheapest" not in told and "raise it: %m1 budget 0.036 --per session" in told


# -- which notebook -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "namespace", "found"),
    [
        ({"JPY_SESSION_NAME": "/a/b.ipynb"}, {}, "/a/b.ipynb"),
        ({"JPY_SESSION_NAME": "/a/b.ipynb"}, {"__vsc_ipynb_file__": "/c.ipynb"}, "/c.ipynb"),
        ({"JPY_SESSION_NAME": "/a/console-1"}, {}, None),
        ({}, {"__vsc_ipynb_file__": 5}, None),
        ({}, {}, None),
        ({"JPY_SESSION_NAME": "a\nb.ipynb"}, {}, "a b.ipynb"),
    ],
)
def test_the_notebook_is_what_the_front_end_says(
    environ: dict[str, str], namespace: dict[str, object], found: str | None
) -> None:
    assert notebook(environ, namespace) == found


def test_in_a_shell_options_go_to_the_verb(server: OpenRouter, tmp_path: Path) -> None:
    api.ask("why?", namespace={})
    path = tmp_path / "cost.csv"
    argv = [*kernels.python(), "-m", "m1_magic.cli", "cost"]
    more = ["--by", "model", "--csv", str(path)]
    ran = subprocess.run([*argv, *more], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "| minimax/minimax-m1 |" in ran.stdout
    assert len(list(csv.reader(io.StringIO(path.read_text())))) == 2
    bad = subprocess.run([*argv, "--bye"], capture_output=True, text=True)
    assert bad.returncode == 1 and "unrecognized arguments: --bye" in bad.stderr
