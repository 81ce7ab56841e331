"""What a program takes out of an answer: its code by the parser, its JSON between words."""

from __future__ import annotations

from typing import Any

import pytest

from m1_magic.calls import SOURCES, Reply

README = "# Title\n\n```python\nprint(1)\n```\n\n## Usage\n\n```\nrun\n```\n\nend\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("```python\nx\n```", ["x\n"]),
        ("~~~~\nx\n```\n~~~\n~~~~~", ["x\n```\n~~~\n"]),
        ("1. a\n\n   ```\n   x\n     y\n   ```\n\n2. b\n   ```\n   z\n   ```", ["x\n  y\n", "z\n"]),
        ("> - ```py\n>   x\n>\n>   y\n>   ```", ["x\n\ny\n"]),
        ("a\r\n```\r\nx\r\ny\r\n```\r\n", ["x\ny\n"]),
        ("```python\nx = 1\nfor", ["x = 1\nfor"]),
        ("- ```\n  x\n\nafter", ["x\n\n"]),
        ("`x` and ``` y ``` and\n\n    indented", []),
        ("```a`b\nx\n```\nz", ["z"]),
        ("", []),
        (f"Here:\n\n```markdown\n{README}```\n\nThat is all.", [README]),
        (f"````md\n{README}````\n\n```\nx\n```", [README, "x\n"]),
        ("```markdown\n# T\n```\n\n```python\nx\n```", ["# T\n", "x\n"]),
        ("```md\n# T\n\n```python\nx\n```\n\ncut", ["# T\n\n```python\nx\n```\n\ncut"]),
        ("> ```markdown\n> ```r\n> x\n> ```\n> y\n> ```\n\nz", ["```r\nx\n```\ny\n"]),
    ],
)
def test_code(text: str, code: list[str]) -> None:
    assert Reply(text=text).code == code


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ("[1, 2]", [1, 2]),
        ("3", 3),
        ('Sure:\n```json\n{"a": 1}\n```\nBye {x}.', {"a": 1}),
        ('Here it is: {"a": {"b": [1, {}]}} Hope it helps.', {"a": {"b": [1, {}]}}),
        ('```json\n{"a": 1}', {"a": 1}),
        ('> ```json\r\n> {"a": 1}\r\n> ```', {"a": 1}),
        ('As [1] says, the rows are [{"a": 1}, {"a": 2}].', [{"a": 1}, {"a": 2}]),
        ("The list [1, 2, 3] is all.", [1, 2, 3]),
        ('First {"a": 1}, then {"b": 2}.', {"a": 1}),
        ('{"a": 1}\n{"a": 2}', {"a": 1}),
        ('{not json} but {"a": "}{"}', {"a": "}{"}),
        ('```json\n{"a": 1} // so\n```', {"a": 1}),
        ('```\nno\n```\n```\n{"a": 1}\n```', {"a": 1}),
        ('Use d["a"]: {"x": 1}', {"x": 1}),
        ('f() {} gives {"x": 1}', {"x": 1}),
        ('Not {"a": [1,], "b": {"c": 2}}, but {"a": 2}.', {"a": 2}),
        (f'{{"a": 1}}{SOURCES}- [x](https://a.example)', {"a": 1}),
    ],
)
def test_json(text: str, value: Any) -> None:
    assert Reply(text=text).json() == value


@pytest.mark.parametrize(
    "text",
    [
        *("", "no", "{a: 1}", "[x](y)", "[" * 50_000, '{"a": ' * 2000),
        # A part of what is broken or cut off is not what was meant.
        *('cut: {"a": {"b": 1}', '[{"a": 1}, {"a": 2', '{"a": [1,], "b": {"c": 2}}'),
    ],
)
def test_no_json(text: str) -> None:
    with pytest.raises(ValueError, match=r"Reply\.text has it"):
        Reply(text=text).json()
