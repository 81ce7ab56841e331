"""Whether what an answer wrote does anything in a page, and what of it is alive there."""

from __future__ import annotations

from playwright.sync_api import Page as Tab

from browser.front import Attacker, Page

OUTLINE = "rgb(1, 2, 3)"  # what a style sheet of an attack gives the page


def check_inert(page: Page, attacker: Attacker) -> None:
    """Check that nothing of an attack runs, is fetched, restyles or may be clicked."""
    check_outputs_inert(page.tab, attacker)
    assert [url for url in page.seen.requests if "attack-" in url] == []
    # Asked for by the check itself: a calm page is left to the next test.
    fence = attacker.base + "/fence"
    page.seen.requests[:] = [url for url in page.seen.requests if not url.startswith(fence)]
    assert page.unrest() == []


def check_outputs_inert(tab: Tab, attacker: Attacker) -> None:
    """Check the same of any page with Jupyter's outputs."""
    settle(tab, attacker)
    assert tab.evaluate("() => window.pwned ?? null") is None
    assert attacked(attacker) == []
    assert [found for found in tab.evaluate(ALIVE) if found] == []
    assert outline(tab) != OUTLINE


def attacked(attacker: Attacker) -> list[str]:
    """Return what an attack asked of the attacker's server."""
    return [hit for hit in attacker.hits if not hit.startswith("/fence")]


def outline(tab: Tab) -> str:
    """Return the one property of the page that an attack would change."""
    return str(tab.evaluate("() => getComputedStyle(document.body).outlineColor"))


def settle(tab: Tab, attacker: Attacker) -> None:
    """Wait until whatever the outputs may have set going has happened."""
    tab.wait_for_function(RENDERED, polling=50)
    tab.evaluate(SETTLE, attacker.base)
    tab.wait_for_function("() => settled", polling=50)


# Markdown is rendered later than it is there, with diagrams last.
RENDERED = """() => [...document.querySelectorAll('.jp-RenderedMarkdown')]
  .every(one => one.innerHTML !== '')"""

# Unfolds everything; then a broken picture, and one that is loaded after all others.
SETTLE = """site => {
  window.settled = false;
  for (const one of document.querySelectorAll('.jp-OutputArea details')) one.open = true;
  const broken = new Image(), last = new Image();
  last.onload = () => requestAnimationFrame(() => requestAnimationFrame(() => { settled = true; }));
  broken.onerror = () => { last.src = site + '/fence?' + Math.random(); };
  broken.src = 'data:image/png,x';
}"""

# What in an output is more than text, tables, lists, code and links to elsewhere, for each output.
# A formula's twin for screen readers is MathJax's own.
ALIVE = r"""() => {
  const words = text => new Set(text.trim().split(/\s+/));
  const tags = words(`script iframe frame object embed applet form input button textarea select
    video audio source track img picture image link meta base svg math template dialog canvas`);
  const loads = words(`src srcset srcdoc poster action formaction background data ping xlink:href
    autofocus contenteditable tabindex data-commandlinker-command`);
  // Headings of Markdown get an id from the front end.
  const named = one => (one.id || one.hasAttribute('name')) && !one.closest(`h1, h2, h3, h4, h5,
    h6, mjx-container, .jupyter-widgets`);
  const our = /^\s*(\.m1-|\.jp-OutputArea-child:has\([> .\w-]+\.m1-still\))/;
  const ours = rule => rule.selectorText?.split(/,(?![^(]*\))/).every(one => our.test(one));
  // Controls are made by the widgets' own code; what is told in markup stands in such a place.
  const markup = '.widget-html-content, .widget-htmlmath-content';
  const controls = 'button, input, textarea, select, datalist, .progress-bar';
  const control = one => one.closest('.m1-panel')
    && (one.matches('pre.m1-copy, .m1-shown') || (one.matches(controls) && !one.closest(markup)));
  // The extension's buttons: a row without text, and nothing on it that acts by itself.
  const plain = words('class role type title aria-label data-lm-suppress-shortcuts');
  const bar = one => one.closest('.m1-buttons')?.textContent === ''
    && [...one.closest('.m1-buttons').querySelectorAll('*'), one.closest('.m1-buttons')].every(
      part => [...part.attributes].every(({name}) => plain.has(name)));
  const attribute = ({name, value}) => name.startsWith('on') || loads.has(name)
    || (name === 'href' && !/^(https?:\/\/|mailto:|#)/.test(value))
    || (name === 'style' && /url|image/.test(value));
  const drawn = one => one.closest('mjx-assistive-mml');
  const places = ['fixed', 'sticky', 'absolute'];
  const alive = one => tags.has(one.localName)
    || [...one.attributes].some(attribute) || named(one)
    || (one.localName === 'style' && ![...one.sheet.cssRules].every(ours))
    || (places.includes(getComputedStyle(one).position) && !one.closest('mjx-container'))
    || getComputedStyle(one).position === 'fixed';
  const within = output => [...output.querySelectorAll('*')]
    .filter(one => alive(one) && !drawn(one) && !control(one) && !bar(one))
    .map(one => one.outerHTML.slice(0, 200));
  return [...document.querySelectorAll('.jp-OutputArea-output')].map(within);
}"""
