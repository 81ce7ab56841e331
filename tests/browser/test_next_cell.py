"""From a failing cell to the corrected one, typed: seven keys and one Enter."""

from __future__ import annotations

import pytest

from browser.front import Jupyter, Page
from browser.shared import LOAD, shoot
from emulator import Answer, OpenRouter

pytestmark = pytest.mark.browser

TABLE = (
    "import pandas as pd\norders = pd.DataFrame({'region': ['n', 's'] * 9, 'amount': range(18)})"
)
FAILING = "by_region = orders.groupby('region').amuont.sum()\nby_region.sort_values()"
MENDED = FAILING.replace("amuont", "amount")
ANSWER = f"""The table has no column `amuont`: it is called `amount`.

```python
{MENDED}
```

Nothing else in the cell needs to change.
"""


def test_from_a_failing_cell_to_the_corrected_one(
    page: Page, jupyter: Jupyter, openrouter: OpenRouter
) -> None:
    openrouter.say(Answer(text=ANSWER))
    page.open(jupyter.write("fix.ipynb", [LOAD, TABLE, FAILING, ""]))
    assert not page.run_all()
    page.js("() => { front.panel().content.activeCellIndex = 3; }")
    page.js("() => { front.panel().content.mode = 'edit'; }")
    page.tab.keyboard.type("%m1 fix")
    page.tab.keyboard.press("Shift+Enter")
    sources = "front.cells().map(one => one.model.sharedModel.getSource())"
    page.until(f"code => {sources}.includes(code)", MENDED)
    page.until("() => front.kernel().status === 'idle'")
    assert page.js(f"() => {sources}")[3:5] == ["%m1 fix", MENDED]
    assert page.counts()[4] is None  # not run
    answer, foot, diff, told = page.outputs(3)
    assert "it is called amount." in answer.text
    assert "KeyError" in foot.text or "AttributeError" in foot.text
    assert "-by_region = orders.groupby('region').amuont.sum()\n" in diff.text
    assert "+by_region = orders.groupby('region').amount.sum()\n" in diff.text
    assert 'class="gi"' in diff.html and 'class="gd"' in diff.html
    assert "in the next cell; it was not run." in told.text
    assert "orders 18 × 2 → stats" in foot.text
    shoot(page, "fix")
    assert page.unrest() == []
