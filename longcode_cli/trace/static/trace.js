// The flight recorder: draws one text's way. `new Recorder(root).show(trace)` draws it, and draws it anew in place
// when it is called again with a later one.

import { brief, clock, makeScale, ticksOf } from "./scale.js";
import { details, endOf, fillRow, lastedWords, make, makeRow, pairs, put, shares, signed, table } from "./parts.js";

export class Recorder {
  constructor(root) {
    this.root = root;
    this.rows = new Map();
    this.groups = new Map();
    this.selected = null;
    this.shorten = true;
    this.build();
  }

  build() {
    this.eyebrow = make("p", "rec-eyebrow");
    this.title = make("h1", "rec-title");
    this.subtitle = make("p", "rec-subtitle");
    this.ident = make("code", "rec-ident");
    this.facts = make("div", "rec-facts");
    this.shares = make("div", "rec-shares-box");
    this.notes = make("ul", "rec-notes");
    this.head = make("header", "rec-head", this.eyebrow, this.title, this.subtitle, this.ident);
    this.axis = make("div", "rec-axis");
    this.axis.setAttribute("aria-hidden", "true");
    this.grid = make("div", "rec-grid");
    this.grid.setAttribute("aria-hidden", "true");
    this.chart = make("div", "rec-chart", this.axis, this.grid);
    this.panel = make("aside", "rec-panel");
    this.panel.setAttribute("aria-label", "Details of the selected step");
    this.panelBody = make("div", "rec-panel-body");
    this.close = button("rec-close", "Close", () => this.select(null));
    this.panel.append(this.close, this.panelBody);
    this.toggle = button("rec-toggle", "True scale", () => this.rescale());
    this.table = make("div", "rec-table-box");
    const timeline = make("section", "rec-timeline", this.tools(), this.chart);
    timeline.setAttribute("aria-label", "Timeline");
    this.asTable = make("details", "rec-as-table", make("summary", "", "As a table"), this.table);
    this.asTable.addEventListener("toggle", () => this.trace && this.tabulate());
    const main = make("div", "rec-main", timeline, this.asTable);
    this.root.classList.add("recorder");
    this.root.append(this.head, this.shares, this.notes, make("div", "rec-body", main, this.panel), this.facts);
    this.chart.addEventListener("keydown", (event) => this.move(event));
    this.root.addEventListener("keydown", (event) => event.key === "Escape" && this.select(null));
    new ResizeObserver(() => this.trace && this.place()).observe(this.chart);
  }

  tools() {
    const hint = make("p", "rec-hint", "Select a step for its details and log lines. ↑ and ↓ go from step to step.");
    this.toggle.setAttribute("aria-pressed", "false");
    return make("div", "rec-tools", make("h2", "rec-eyebrow", "The way of the text"), hint, this.toggle);
  }

  show(trace) {
    this.trace = trace;
    this.root.dataset.state = trace.state;
    put(this.eyebrow, `Flight recorder · ${trace.stack}`);
    put(this.title, trace.title);
    put(this.subtitle, trace.subtitle);
    put(this.ident, trace.id);
    this.notes.replaceChildren(...trace.notes.map((note) => make("li", "", note)));
    this.shares.replaceChildren(shares(trace));
    this.facts.replaceChildren(make("h2", "rec-eyebrow", "The text"), pairs(trace.facts));
    this.tabulate();
    this.fill();
    this.place();
    if (this.selected) this.detail();
    else if (!this.chosen) this.preselect();
  }

  // Made anew only while it is looked at, and once a step has come or changed: a part of it may be selected.
  tabulate() {
    const rows = JSON.stringify(this.trace.spans);
    if (rows === this.tabulated || !this.asTable.open) return;
    this.tabulated = rows;
    this.table.replaceChildren(table(this.trace));
  }

  // Rows are kept by what they stand for: what is focused or selected stays so while the text is under way.
  fill() {
    const seen = new Set();
    const often = new Map();
    let place = this.grid;
    for (const [name, title] of this.trace.groups) {
      const spans = this.trace.spans.filter((one) => one.group === name);
      if (spans.length === 0) {
        this.groups.get(name)?.remove();
        this.groups.delete(name);
        continue;
      }
      place = after(place, this.heading(name, title));
      for (const one of spans) {
        const same = `${name} ${one.kind} ${one.start_ms}`;
        const number = often.get(same) ?? 0;
        often.set(same, number + 1);
        const key = `${same} ${number}`;
        seen.add(key);
        const row = this.row(key);
        row.span = one;
        place = after(place, row);
      }
    }
    for (const [key, row] of this.rows) {
      if (seen.has(key)) continue;
      if (this.selected === row) this.select(null);
      row.remove();
      this.rows.delete(key);
    }
  }

  heading(name, title) {
    if (!this.groups.has(name)) this.groups.set(name, make("h3", "rec-group", title));
    return this.groups.get(name);
  }

  row(key) {
    if (!this.rows.has(key)) this.rows.set(key, makeRow((row) => this.select(row)));
    return this.rows.get(key);
  }

  place() {
    const { trace } = this;
    const moments = trace.spans.flatMap((one) => [one.start_ms, endOf(one, trace)]);
    const end = Math.max(...moments, trace.begun_ms + 1, trace.ended_ms ?? trace.now_ms);
    const width = Math.max(this.axis.clientWidth, 200);
    const scale = makeScale(trace.begun_ms, end, moments, width, this.shorten);
    for (const row of this.rows.values()) fillRow(row, row.span, trace, scale);
    const ticks = ticksOf(scale, trace.begun_ms, 64 / width);
    this.axis.replaceChildren(
      ...ticks.filter((tick) => tick.x < 0.97).map((tick) => mark("rec-tick", tick.x, signed(tick.ms - trace.begun_ms))),
      ...scale.breaks.map((one) => mark("rec-break-label", one.x + one.width / 2, brief(one.to - one.from))),
    );
    this.grid.replaceChildren(
      ...ticks.map((tick) => mark("rec-gridline", tick.x)),
      ...scale.breaks.map((one) => band(one)),
    );
    this.toggle.hidden = !scale.shortened && this.shorten;
    this.axis.title = clock(trace.begun_ms, true);
  }

  rescale() {
    this.shorten = !this.shorten;
    this.toggle.setAttribute("aria-pressed", String(!this.shorten));
    this.place();
  }

  // What went wrong is what a reader came for; without it the longest wait.
  preselect() {
    const rows = [...this.rows.values()];
    const length = (row) => endOf(row.span, this.trace) - row.span.start_ms;
    const waits = rows.filter((row) => row.span.state === "waiting").sort((a, b) => length(b) - length(a));
    const first = rows.find((row) => row.span.state === "fault") ?? waits[0] ?? rows[0];
    if (first && matchMedia("(min-width: 64rem)").matches) this.select(first);
  }

  select(row) {
    this.chosen = true;
    const before = this.selected;
    before?.removeAttribute("aria-current");
    this.selected = row;
    this.root.classList.toggle("has-panel", row !== null);
    if (row === null) {
      this.shown = null;
      // The panel may go, and the focus is not to go with it.
      if (this.panel.contains(document.activeElement)) before?.focus();
      this.panelBody.replaceChildren(make("p", "rec-said", "Nothing is selected."));
      return;
    }
    row.setAttribute("aria-current", "true");
    this.detail();
  }

  detail() {
    const shown = JSON.stringify(this.selected.span);
    if (shown === this.shown && this.panelBody.childElementCount > 0) {
      // The panel may be scrolled or selected in: of what is not over only its length goes on.
      put(this.panelBody.querySelectorAll(".rec-pairs dd")[2], lastedWords(this.selected.span, this.trace) || "a moment");
      return;
    }
    this.shown = shown;
    this.panelBody.replaceChildren(...details(this.selected.span, this.trace));
  }

  move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const rows = [...this.chart.querySelectorAll(".rec-row")];
    const place = rows.indexOf(document.activeElement);
    const next = rows[place + step];
    if (!step || place < 0 || !next) return;
    event.preventDefault();
    next.focus();
    this.select(next);
  }
}

function button(className, text, act) {
  const made = make("button", className, text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

// Puts an element behind another one, unless it is there already: what is moved would lose its focus.
function after(place, element) {
  if (place.nextElementSibling !== element) place.after(element);
  return element;
}

function mark(className, x, text = "") {
  const made = make("span", className, text);
  made.style.left = `${x * 100}%`;
  return made;
}

function band(one) {
  const made = mark("rec-break", one.x);
  made.style.width = `${one.width * 100}%`;
  return made;
}

// In a file that was made by the command, the trace is in the page.
const inPage = document.getElementById("recorder-data");
if (inPage) new Recorder(document.getElementById("recorder")).show(JSON.parse(inPage.textContent));
