"""An answer with everything in it reads as it was meant, and stays inside of its box."""

from __future__ import annotations

import re

import pytest

from browser.front import Jupyter, Page
from browser.shared import LOAD, only_lab, shoot
from emulator import Answer, OpenRouter

pytestmark = pytest.mark.browser

COLUMNS = 40
WIDE = "\n".join(
    (
        "| " + " | ".join(f"column_{n}" for n in range(COLUMNS)) + " |",
        "|" + "---|" * COLUMNS,
        "| " + " | ".join(f"{n * 1234567:,}" for n in range(COLUMNS)) + " |",
    )
)
LINE = "result = " + " + ".join(f"term_{n}" for n in range(60))
ANSWER = rf"""# Everything at once

Inline $e^{{i\pi}} + 1 = 0$ and \(a_1 * b_2 * c_3\), then

$$
\int_0^1 x^2\,dx = \frac{{1}}{{3}}
$$

and \[\sum_{{k=1}}^n k = \frac{{n(n+1)}}{{2}}\]

It costs $5, or $6 with tax; US$7 and 8$ are no formulas, nor is `$HOME`.

```python
def mean(values: list[float]) -> float:
    return sum(values) / len(values)  # <b>not bold</b> &amp;
```

```sql
SELECT species, AVG(mass) FROM penguins WHERE island <> 'Dream' GROUP BY species;
```

```bash
for file in *.csv; do wc -l "$file"; done
```

```no-such-language
left  as   it is
```

```mermaid
graph TD; A[One] --> B[Two];
```

```python
{LINE}
```

| left | centre | right | plain |
|:--|:-:|--:|---|
| a | b | 1,234 | **bold** |
| `c` | $x^2$ | 5 | ~~gone~~ |

{WIDE}

1. First
   - inner *one*
     1. innermost
   - inner two
2. Second

- [ ] open task
- [x] done task

A claim.[^why] ~~Struck~~ **bold** *italic* ***both*** `code`.

[^why]: Because of the *footnote*.

> A quotation
>
> > inside another

中文：**企鹅**的平均体重是 4.2 千克。日本語とハングル 한국어も。

هذا نص عربي مع كلمة English ورقم 42.

שלום, זה טקסט בעברית (with English) ו-42.

Family 👩‍👩‍👧, flag 🇯🇵, thumbs 👍🏽.
"""
THINKING = "The user wants **everything**.\n\n$$\nx_1 + x_2\n$$\n\n- one\n- two"

# What the page makes of it: of the answer alone, without the thinking above.
READ = """cell => {
  const [output] = front.nodes(cell);
  const shown = [...output.querySelectorAll('.m1-answer')].at(-1);
  const all = (selector, of = shown) => [...of.querySelectorAll(selector)];
  const texts = selector => all(selector).map(one => one.innerText.trim());
  const style = (one, name) => getComputedStyle(one)[name];
  const box = one => one && one !== output && (['auto', 'scroll'].includes(style(one, 'overflowX'))
    && one.scrollWidth > one.clientWidth ? one : box(one.parentElement));
  const pre = all('pre');
  const wide = box(all('table').find(one => one.rows[0].cells.length === 40));
  const long = box(pre.find(one => one.textContent.includes('term_59')));
  const colours = one => new Set([one, ...all('span', one)].map(part => style(part, 'color'))).size;
  const edges = pre.map(one => one.parentElement.getBoundingClientRect());
  return {
    title: texts('h1'),
    formulas: [all('mjx-container').length, all('mjx-container[display]').length],
    broken: all('mjx-merror', output).length,
    thought: all('details mjx-container', output).length,
    languages: pre.map(one => one.querySelector('code').className.replace('language-', '')),
    coloured: pre.map(one => colours(one) > 1),
    code: pre.map(one => one.textContent),
    mono: pre.every(one => style(one.querySelector('code'), 'fontFamily').includes('mono')),
    apart: edges.slice(1).every((edge, at) => edge.top > edges[at].bottom),
    head: [...all('table')[0].rows[0].cells].map(one => style(one, 'textAlign')),
    aligned: [...all('table')[0].rows[1].cells].map(one => style(one, 'textAlign')),
    bold: texts('strong'),
    italic: texts('em'),
    struck: texts('s'),
    inner: texts('ol ul ol li'),
    tasks: texts('li').filter(text => /task$/.test(text)),
    quoted: texts('blockquote blockquote'),
    claims: texts('sup'),
    notes: texts('hr ~ ol li'),
    scrolling: [Boolean(wide), Boolean(long)],
    apiece: wide !== long && ![wide, long].some(one => one.contains(shown)),
    within: [wide, long].every(one => one.getBoundingClientRect().right <= innerWidth),
    page: document.documentElement.scrollWidth <= innerWidth,
    cell: output.scrollWidth <= output.clientWidth,
  };
}"""


def test_everything_at_once(page: Page, jupyter: Jupyter, openrouter: OpenRouter) -> None:
    openrouter.say(Answer(text=ANSWER, thinking=THINKING, piece=64))
    page.open(jupyter.write("fidelity.ipynb", [LOAD, "%%m1\nEverything, please."]))
    assert page.run_all()
    page.until("() => document.querySelectorAll('.m1-answer mjx-container').length >= 6")
    seen = page.js(READ, 1)
    assert seen.pop("code") == [*re.findall(r"(?ms)^```\S+\n(.*?)^```$", ANSWER)]
    assert seen == {
        "title": ["Everything at once"],
        "formulas": [5, 2],
        "broken": 0,
        "thought": 1,
        "languages": ["python", "sql", "bash", "no-such-language", "mermaid", "python"],
        "coloured": [True, True, True, False, False, True],
        "mono": True,
        "apart": True,
        "head": ["left", "center", "right", "left"],
        "aligned": ["left", "center", "right", "left"],
        "bold": ["bold", "bold", "both", "企鹅"],
        "italic": ["one", "italic", "both", "footnote"],
        "struck": ["gone", "Struck"],
        "inner": ["innermost"],
        "tasks": ["☐ open task", "☑ done task"],
        "quoted": ["inside another"],
        "claims": ["[1]"],
        "notes": ["Because of the footnote."],
        "scrolling": [True, True],
        "apiece": True,
        "within": True,
        "page": True,
        "cell": True,
    }
    text = page.outputs(1)[0].text
    for part in (
        "It costs $5, or $6 with tax; US$7 and 8$ are no formulas, nor is $HOME.",
        "中文：企鹅的平均体重是 4.2 千克。日本語とハングル 한국어も。",
        "هذا نص عربي مع كلمة English ورقم 42.",
        "שלום, זה טקסט בעברית (with English) ו-42.",
        "Family 👩‍👩‍👧, flag 🇯🇵, thumbs 👍🏽.",
    ):
        assert part in text
    shoot(page, "fidelity")
    assert page.unrest() == []


SIDED = (
    "هذا نص عربي.\n\nEnglish.\n\n- שלום\n- English\n\n| long head | b |\n|---|---|\n| עב | b |\n"
)
SIDES = """cell => {
  const shown = front.nodes(cell)[0].querySelector('.m1-answer');
  return [...shown.querySelectorAll('p, li, td')].map(one => {
    const range = document.createRange();
    range.selectNodeContents(one);
    const [text, box] = [range.getBoundingClientRect(), one.getBoundingClientRect()];
    return text.left - box.left > box.right - text.right ? 'right' : 'left';
  });
}"""


@only_lab
def test_arabic_and_hebrew_begin_on_the_right(
    page: Page, jupyter: Jupyter, openrouter: OpenRouter
) -> None:
    openrouter.say(Answer(text=SIDED))
    page.open(jupyter.write("sides.ipynb", [LOAD, "%%m1\nBoth, please."]))
    assert page.run_all()
    assert page.js(SIDES, 1) == ["right", "left"] * 3
