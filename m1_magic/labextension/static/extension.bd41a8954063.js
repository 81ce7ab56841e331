/**
 * m1-magic in JupyterLab and Notebook 7: prompts in their own colours, code that can be taken,
 * errors that can be mended, the cost in sight.
 *
 * Served as it is, without a build; `python tests/labextension.py --write` names it by its hash.
 * What it needs of JupyterLab are the modules that extensions share, each of which may be missing.
 * Text in a page is untrusted, also where it looks like an answer: it is read as text, and written
 * only as a cell's source or into the clipboard. Nothing that costs is done without a click.
 */
"use strict";
{ // What has a name here is no name in the page.
const VERSION = "0.2.0";
const [TARGET, RECORD] = ["m1-magic", "application/vnd.m1-magic.call+json"];
const { src } = /** @type {any} */ (document.currentScript);
const STYLE = new URL("style.css?6500c6a614fa", src).href;

const MAGIC = /^[\s\p{DI}]*%%m1(?!\w)/u;
const ABOVE = /^[\s\p{DI}]*(#.*)?$/u;
const OURS = /^[\s\p{DI}]*%%?m1(?!\w)/mu;
const UNSEEN = /(?![\n\t\u200c\u200d\ufe0f])[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{DI}\u2800\ufff9-\ufffb]/gu;
// Joiners are meant between letters beyond ASCII and in emoji, the selector behind an emoji.
const WIDE = String.raw`(?!\p{ASCII})[\p{L}\p{M}\p{So}\p{Sk}]`;
const LOOSE = String.raw`(?<!${WIDE})[\u200c\u200d]|[\u200c\u200d](?!${WIDE})|(?<!\p{So})\ufe0f`;
const STRAY = new RegExp(LOOSE, "gu");

/** Untrusted text without what cannot be seen in it. @param {string} text */
const clean = (text) => text.replace(/\r\n?/g, "\n").replace(UNSEEN, "").replace(STRAY, "");

/** The number of the line with `%%m1`, below comments at most; 0: none. @param {CM.Text} doc */
function magicLine(doc) {
  let number = 1;
  while (number < doc.lines && ABOVE.test(doc.line(number).text)) number++;
  return MAGIC.test(doc.line(number).text) ? number : 0;
}

/** @type {Page.Made} */
function made(tag, className, attributes) {
  const one = Object.assign(document.createElement(tag), { className });
  for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
  return one;
}

/** The rows of buttons that are ours. */
const BARS = new WeakSet();

/** Buttons, on which the notebook's own keys do nothing; each says what came of it for a moment.
 * @type {Page.Bar} */
function bar(name, label, buttons) {
  const names = { role: "group", "aria-label": label, "data-lm-suppress-shortcuts": "true" };
  const row = made("div", `m1-buttons ${name}`, names);
  BARS.add(row);
  for (const [label, title, press] of buttons) {
    const one = made("button", "m1-button", { type: "button", "aria-label": label, title });
    one.addEventListener("click", () => {
      one.ariaLabel = press() || label;
      setTimeout(() => Object.assign(one, { ariaLabel: label }), 2000);
    });
    row.append(one);
  }
  return row;
}

/** A prompt in its own colours: Markdown, its first line as a command. */
class Colours {
  /** @param {CM.State} state @param {CM.View} view @param {CM.Extension} markdown */
  constructor({ Compartment, EditorState, Prec, Text }, { Decoration, EditorView }, markdown) {
    const part = new Compartment();
    const line = (/** @type {string} */ name) => Decoration.line({ class: name });
    const [command, above] = [line("m1-command"), line("m1-above")];
    const lines = EditorView.decorations.compute(["doc"], ({ doc }) => {
      const last = magicLine(doc);
      const starts = Array.from({ length: last }, (_, at) => doc.line(at + 1).from);
      return Decoration.set(starts.map((at, one) => (one + 1 < last ? above : command).range(at)));
    });
    const [none, prompt] = [[], [Prec.high(markdown), lines]];
    const wanted = (/** @type {CM.Text} */ doc) => (magicLine(doc) ? prompt : none);
    const follow = EditorState.transactionExtender.of(({ docChanged, newDoc, startState }) => {
      const changed = docChanged && part.get(startState) !== wanted(newDoc);
      return changed ? { effects: part.reconfigure(wanted(newDoc)) } : null;
    });
    /** What an editor begins with. @param {string} source */
    this.of = (source) => [part.of(wanted(Text.of(source.split("\n")))), follow];
  }
}

/** The cells of one notebook in sight. */
class Cells {
  /** @param {Jupyter.Panel} panel @param {Jupyter.Doing} doing */
  constructor(panel, doing) {
    this.panel = panel;
    this.doing = doing;
  }

  get writable() {
    const { content, context } = this.panel; // the file may be read-only, its model is not then
    return content.model?.readOnly === false && context.contentsModel?.writable !== false;
  }

  /** The index of the cell that holds a node, or -1. @param {Node} node */
  index(node) {
    return this.panel.content.widgets.findIndex((cell) => cell.node.contains(node));
  }

  /** Insert code below a cell, in one step to undo. @param {number} at @param {unknown} source */
  insert(at, source) {
    const { content } = this.panel;
    if (!this.writable || at < 0 || typeof source !== "string" || !source) return false;
    const cell = { cell_type: "code", source: clean(source), metadata: { trusted: true } };
    content.model?.sharedModel.insertCell(at + 1, cell);
    content.deselectAll();
    Object.assign(content, { activeCellIndex: at + 1, mode: "command" });
    content.activate();
    return true;
  }

  /** Insert code below the cell of a node, and run it. @param {Node} node @param {string} source */
  run(node, source) {
    const { content, sessionContext } = this.panel;
    if (!this.insert(this.index(node), source)) return;
    this.doing.NotebookActions?.run(content, sessionContext);
  }
}

/** The code of a block as it is seen. Any HTML can look like an answer; ours hides nothing. */
class SeenCode {
  static #CLASSES = /^(\s*(language-[\w+#.-]+|[a-z][a-z0-9]{0,2}|m1-[a-z]+)(?!\S))*\s*$/;
  static #STILL = /^(static|relative|none|auto|normal|visible|1|(auto|0px)( (auto|0px))*|)$/;
  static #MOVES = ["position", "inset", "transform", "scale", "rotate", "translate", "filter",
    "zoom", "clip", "clip-path", "mask-image", "visibility", "background-image"];

  /** The code, or nothing where a part of it is not in sight. @param {HTMLElement} pre */
  static of(pre) {
    const [text, seen] = [pre.textContent ?? "", pre.innerText].map((one) => one.trimEnd());
    const parts = [pre, ...pre.querySelectorAll("*")];
    return text === seen && parts.every(SeenCode.#shows) ? clean(text).trimEnd() : "";
  }

  /** The code where nothing around hides it or lies on it, either. @param {HTMLElement} pre */
  static taken(pre) {
    let solid = 1;
    const fine = (/** @type {Element} */ one) => {
      const [box, its] = [pre, one].map((part) => part.getBoundingClientRect());
      const beside = Math.min(box.right, its.right) - Math.max(box.left, its.left) < 4
        || Math.min(box.bottom, its.bottom) - Math.max(box.top, its.top) < 4;
      if (!one.contains(pre))
        return beside || pre.contains(one) || BARS.has(one.closest(".m1-buttons") ?? one);
      solid *= Number(getComputedStyle(one).opacity);
      return solid > 0.3 && its.width > 40 && its.height > 9 && SeenCode.#inPlace(one);
    };
    const all = pre.closest(".jp-OutputArea-output")?.querySelectorAll("*") ?? [];
    return pre.checkVisibility() && [...all].every(fine) ? SeenCode.of(pre) : "";
  }

  /** Whether a part is neither moved away nor cut off. @param {Element} part */
  static #inPlace(part) {
    const style = getComputedStyle(part);
    const { overflowX, overflowY, margin, textIndent, letterSpacing, wordSpacing } = style;
    const cut = (overflowX === "hidden" && part.scrollWidth > part.clientWidth + 1)
      || (overflowY === "hidden" && part.scrollHeight > part.clientHeight + 1);
    return !cut && !`${margin} ${textIndent} ${letterSpacing} ${wordSpacing}`.includes("-")
      && SeenCode.#MOVES.every((name) => SeenCode.#STILL.test(style.getPropertyValue(name)));
  }

  /** @param {Element} part */
  static #shows(part) {
    const style = getComputedStyle(part);
    const [size, line, solid] = [style.fontSize, style.lineHeight, style.opacity].map(parseFloat);
    const [ink, ground] = [style.webkitTextFillColor, style.backgroundColor].map((colour) => {
      const scale = /^rgb/.test(colour) ? 1 : /^color/.test(colour) ? 255 : NaN;
      return (colour.match(/[\d.]+/g) ?? []).map((one, at) => Number(one) * (at < 3 ? scale : 1));
    });
    const attribute = (/** @type {Attr} */ { name, value }) =>
      name === "title" || (name === "class" && SeenCode.#CLASSES.test(value));
    const differs = ink.slice(0, 3).some((value, at) => Math.abs(value - ground[at]) > 40);
    return /^(pre|code|span|abbr)$/.test(part.localName) && [...part.attributes].every(attribute)
      && size > 5 && solid > 0.3 && !(line < size * 0.8) && differs && (ink[3] ?? 1) > 0.3
      && SeenCode.#inPlace(part);
  }
}

/** Copy, and Into a new cell, at each block of code of an answer. */
class CodeButtons {
  #bars = /** @type {WeakMap<Element, Element>} */ (new WeakMap());

  /** @param {Cells} cells */
  constructor(cells) {
    this.cells = cells;
    const { node } = cells.panel.content;
    const watch = new MutationObserver((changes) => {
      for (const { addedNodes } of changes) addedNodes.forEach((one) => this.#add(one));
    });
    watch.observe(node, { childList: true, subtree: true });
    this.#add(node);
  }

  /** Put buttons at the blocks of what was added, before it is painted: it is not painted again for
   * them. @param {Node} added */
  #add(added) {
    const all = added instanceof Element ? [added, ...added.querySelectorAll("pre")] : [];
    for (const pre of /** @type {HTMLElement[]} */ (all)) {
      const bare = !this.#bars.get(pre)?.isConnected;
      if (bare && pre.matches(".m1-answer pre")) pre.before(this.#bar(pre));
    }
  }

  /** @param {HTMLElement} pre */
  #bar(pre) {
    const { cells } = this;
    /** @type {Page.Take} */
    const press = (take, done) => () => {
      const code = SeenCode.taken(pre); // as it is seen when a button is pressed
      if (code) take(code);
      return code ? done : "Not taken: not all in sight";
    };
    const copy = press((code) => cells.doing.Clipboard?.copyToSystem(code), "Copied");
    const insert = press((code) => cells.insert(cells.index(pre), code), "");
    const title = "Put this code into a cell below; it is not run";
    /** @type {Page.Button[]} */
    const buttons = [["Copy", "Copy this code", copy], ["Into a new cell", title, insert]];
    const row = bar("m1-code", "Code block", buttons.slice(0, cells.writable ? 2 : 1));
    this.#bars.set(pre, row);
    return row;
  }
}

/**
 * Ask our side of a kernel, by the comm that it has open while it is loaded, what a fix costs: it
 * answers what is returned. Nothing: we are not loaded there. @param {Jupyter.Kernel} kernel
 */
async function askPrice(kernel) {
  const { content } = await kernel.requestCommInfo({ target_name: TARGET });
  const [id] = Object.keys(content.comms ?? {});
  if (!id) return null;
  const comm = Object.assign(kernel.createComm(TARGET, id), { commsOverSubshells: "disabled" });
  const asked = comm.send({ ask: "fix" });
  comm.dispose(); // only for other messages
  return asked;
}

/** Fix with M1, and Explain, below the last error of this kernel. */
class ErrorButtons {
  #row = /** @type {HTMLElement | null} */ (null);
  #errors = 0;

  /** @param {Cells} cells */
  constructor(cells) {
    this.cells = cells;
    const { iopubMessage, kernelChanged, statusChanged } = cells.panel.sessionContext;
    iopubMessage.connect((_, message) => {
      const kind = message.header.msg_type;
      if (kind === "execute_input" || kind === "error") this.#forget();
      if (kind === "error") this.#hear(message);
    });
    kernelChanged.connect(() => this.#forget());
    statusChanged.connect((_, status) => void (/idle|busy/.test(status) || this.#forget()));
  }

  #forget() {
    this.#row?.remove();
    this.#errors++;
  }

  /** @param {Jupyter.Message} message */
  async #hear(message) {
    const [error, { content, sessionContext }] = [this.#errors, this.cells.panel];
    const run = message.parent_header.msg_id;
    // In one view of the notebook, where it ran.
    const cell = content.widgets.find((one) => one.outputArea?.future?.msg.header.msg_id === run);
    const kernel = sessionContext.session?.kernel;
    if (!kernel || !cell || !this.cells.writable) return;
    const stopped = message.content.ename === "KeyboardInterrupt";
    if (stopped || OURS.test(cell.model.sharedModel.getSource())) return;
    const asked = await askPrice(kernel).catch(() => null);
    if (!asked || error !== this.#errors) return;
    const press = (/** @type {string} */ source) => () => {
      this.#forget(); // a second click does not pay twice
      this.cells.run(cell.node, source);
    };
    this.#row = bar("m1-error", "This error", [
      ["Fix with M1", "Runs %m1 fix below", press("%m1 fix")],
      ["Explain", "Runs %m1 explain below", press("%m1 explain")],
    ]);
    cell.outputArea?.node.append(this.#row); // below all outputs, also those that are made anew
    const [fix] = this.#row.children;
    asked.onIOPub = ({ content: { data } }) => {
      const price = clean(String(data?.fix?.title ?? "")).slice(0, 200);
      if (price) fix.setAttribute("title", `Runs %m1 fix below: ${price}`);
    };
  }
}

/** What the calls of a notebook add up to, by the rules of `m1-magic report`. */
class Tally {
  #sums = { calls: 0, input: 0, output: 0, unknown: 0, kept: 0, twice: 0 };
  #nano = 0n; // sums of fractions would drift
  #about = "";
  #ids = new Set();

  /** Take a record, whose fields are numbers or nothing. @param {any} record */
  add(record) {
    if (!record || typeof record !== "object" || Array.isArray(record)) return;
    const [sums, { id, replays, usage, cost_usd: dollars }] = [this.#sums, record];
    if (replays && typeof replays === "string") return void sums.kept++;
    const number = (/** @type {unknown} */ value) =>
      typeof value === "number" && value >= 0 && value <= 1e9 ? value : null;
    const calls = Math.max(1, Math.trunc(number(record.questions) ?? 0)); // of a run over rows
    if (this.#ids.has(id)) return void (sums.twice += calls);
    if (id && typeof id === "string") this.#ids.add(id);
    sums.calls += calls;
    sums.input += Math.trunc(number(usage?.input) ?? 0);
    sums.output += Math.trunc(number(usage?.output) ?? 0);
    sums.unknown += Number(number(dollars) === null);
    this.#nano += BigInt((number(dollars) ?? 0).toFixed(9).replace(".", ""));
    if (record.cost_source === "estimated") this.#about = "≈";
  }

  /** The dollars, with at least four decimals and two digits. */
  get #money() {
    const digits = Math.max(4, 11 - String(this.#nano).length);
    const places = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    const { format } = new Intl.NumberFormat("en-US", { ...places, roundingMode: "halfEven" });
    const dollars = /** @type {`${number}`} */ (`${this.#nano}e-9`);
    return `${this.#about}$${this.#nano ? format(dollars) : "0"}`;
  }

  /** The sum in one line, then in several, with what else is to be said; nothing without a call. */
  get lines() {
    const { calls, input, output, unknown, kept, twice } = this.#sums;
    const of = (/** @type {number} */ number, noun = "") =>
      `${number.toLocaleString("en-US")} ${noun}${noun && number !== 1 ? "s" : ""}`.trim();
    const cost = `${this.#money}${unknown ? ` + ${unknown} unknown` : ""}`;
    const parts = [of(calls, "call"), `${of(input)} in`, `${of(output)} out`, cost];
    const lines = [`M1: ${parts.join(" · ")}`, "This notebook:", ...parts];
    if (kept) lines.push(`${of(kept, "kept answer")} besides, at $0`);
    if (twice) lines.push(`${of(twice, "call")} in more than one place, counted once`);
    return calls || kept ? lines : [];
  }
}

/** What the notebook in sight costs; with details for the mouse and the keyboard. */
class Cost {
  #details = made("div", "m1-details", { popover: "manual", role: "tooltip", id: "m1-details" });
  node = made("button", "m1-cost", { id: "m1-cost", "aria-describedby": "m1-details" });

  /** @param {Jupyter.App} app */
  constructor(app) {
    this.app = app;
    this.node.hidden = true;
    document.body.append(this.#details);
    for (const kind of ["mouseenter", "focus", "mouseleave", "blur", "keydown"]) {
      const opens = /enter|focus/.test(kind);
      this.node.addEventListener(kind, () => this.#details.togglePopover(opens));
    }
    app.shell.currentChanged?.connect(() => this.count());
  }

  /** Count the records of the notebook in sight. */
  count() {
    const tally = new Tally();
    for (const { outputs } of this.app.shell.currentWidget?.content?.model?.cells ?? []) {
      const all = Array.from({ length: outputs?.length ?? 0 }, (_, at) => outputs?.get(at));
      // A cell's call leaves one record, a panel a list.
      all.flatMap((one) => one?.data[RECORD]).forEach((record) => tally.add(record));
    }
    const [line = "", ...details] = tally.lines;
    Object.assign(this.node, { hidden: !line, textContent: line });
    this.#details.textContent = details.join("\n");
  }
}

/** Look after a notebook. @param {Cells} cells @param {Cost} cost */
function lookAfter(cells, cost) {
  const { context, node } = cells.panel;
  new CodeButtons(cells);
  new ErrorButtons(cells);
  context.model.contentChanged.connect(calmly(() => cost.count()));
  node.addEventListener("m1-magic:insert", ({ target, detail }) => {
    if (target instanceof Node) cells.insert(cells.index(target), detail?.source);
  });
}

/** Do something once nothing more came for a moment: the page is made anew as an answer grows.
 * @param {() => void} act */
function calmly(act) {
  let timer = 0;
  return () => void (clearTimeout(timer), (timer = setTimeout(act, 250)));
}

/** The plugins, over the modules that there are. @param {Jupyter.Modules} modules */
function plugins([codemirror, state, view, statusbar, widgets, notebook, apputils]) {
  /** @type {Jupyter.Plugin} */
  const notebooks = {
    id: `${TARGET}:notebooks`, autoStart: true,
    optional: statusbar ? [statusbar.IStatusBar] : [],
    activate(app, bar) {
      const cost = new Cost(app);
      const item = widgets && new widgets.Widget({ node: cost.node });
      if (item && bar) bar.registerStatusItem(`${TARGET}:cost`, { item, align: "right", rank: 1 });
      else if (item) app.shell.add(item, "top", { rank: 1000 });
      document.documentElement.dataset.m1Magic = VERSION; // the panel looks for it
      app.docRegistry.addWidgetExtension("Notebook", {
        createNew: (panel) => lookAfter(new Cells(panel, { ...notebook, ...apputils }), cost),
      });
    },
  };
  if (!codemirror || !state || !view) return [notebooks];
  /** @type {Jupyter.Plugin} */
  const colours = {
    id: `${TARGET}:colours`, autoStart: true,
    requires: [codemirror.IEditorExtensionRegistry, codemirror.IEditorLanguageRegistry],
    async activate(_, extensions, languages) {
      const markdown = await languages.getLanguage("text/x-ipythongfm"); // as in its own cells
      if (!markdown?.support) return;
      const made = new Colours(state, view, markdown.support);
      const { createImmutableExtension: fixed } = codemirror.EditorExtensionRegistry;
      const factory = (/** @type {{model: Jupyter.CellModel}} */ { model }) =>
        model.type === "code" ? fixed(made.of(model.sharedModel.getSource())) : null;
      extensions.addExtension({ name: TARGET, factory });
    },
  };
  return [notebooks, colours];
}

// What JupyterLab asks for: as a bundler's container, with the modules that it shares.
const NEEDED = [
  "@jupyterlab/codemirror", "@codemirror/state", "@codemirror/view",
  "@jupyterlab/statusbar", "@lumino/widgets", "@jupyterlab/notebook", "@jupyterlab/apputils",
];
/** @type {Jupyter.Scope} */
let scope = {};

/** The module that is loaded, else the newest; nothing without one. @param {string} name */
async function shared(name) {
  const { compare } = new Intl.Collator("en", { numeric: true });
  const newest = Object.entries(scope[name] ?? {}).sort(([one], [other]) => compare(other, one));
  const [, found] = newest.find(([, entry]) => entry.loaded) ?? newest[0] ?? [];
  return found && (await found.get())();
}

(window._JUPYTERLAB ??= {})[TARGET] = {
  init: (given) => void (scope = given),
  async get() {
    const modules = /** @type {any} */ (await Promise.all(NEEDED.map(shared)));
    document.head.append(made("link", "", { rel: "stylesheet", href: STYLE }));
    return () => ({ __esModule: true, default: plugins(modules) });
  },
};
}
