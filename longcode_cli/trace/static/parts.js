// The parts of the recorder's page: rows, the panel of details, the bar of shares, the table. A text of others is
// only ever put in as text.

import { clock, span } from "./scale.js";

export function make(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content.filter((one) => one !== null && one !== undefined));
  return element;
}

export const STATES = { ok: "went well", waiting: "a wait", fault: "a fault" };
const SOURCES = {
  log: "from the log",
  table: "from the messages table",
  derived: "worked out from what came before and after",
  simulator: "as the simulated provider saw it",
};

// What a span's colour goes by: waits of one family share one.
export function familyOf(kind) {
  if (kind === "wait.schedule" || kind === "wait.quiet_hours") return "time";
  if (["wait.breaker", "wait.paused", "wait.tag_paused", "wait.carrier_paused"].includes(kind)) return "stop";
  if (kind === "wait.carrier" || kind === "wait.provider") return "carrier";
  if (kind === "wait.queue" || kind === "wait.unknown") return "queue";
  if (kind.startsWith("wait.")) return "rate";
  return kind.split(".")[0];
}

export function endOf(one, trace) {
  return one.end_ms === null ? trace.now_ms : one.end_ms;
}

export function lastedWords(one, trace) {
  const ms = endOf(one, trace) - one.start_ms;
  if (one.end_ms === null) return `${span(ms)} so far`;
  return ms > 0 ? span(ms) : "";
}

// A row of the chart: a button with its label, its bar and how long it lasted.
export function makeRow(onSelect) {
  const row = make("button", "rec-row");
  row.type = "button";
  const mark = make("span", "rec-mark");
  mark.setAttribute("aria-hidden", "true");
  const label = make("span", "rec-label");
  const track = make("span", "rec-track");
  track.setAttribute("aria-hidden", "true");
  const bar = make("span", "rec-bar");
  track.append(bar);
  const lasted = make("span", "rec-lasted");
  row.append(make("span", "rec-name", mark, label), track, lasted);
  row.addEventListener("click", () => onSelect(row));
  return Object.assign(row, { parts: { label, bar, lasted } });
}

export function fillRow(row, one, trace, scale) {
  const { label, bar, lasted } = row.parts;
  const end = endOf(one, trace);
  row.dataset.state = one.state;
  row.dataset.family = familyOf(one.kind);
  row.dataset.source = one.source;
  put(label, one.label);
  put(lasted, lastedWords(one, trace));
  const from = scale.at(one.start_ms);
  const to = scale.at(end);
  bar.style.left = `${from * 100}%`;
  bar.style.width = `${(to - from) * 100}%`;
  bar.classList.toggle("is-point", end <= one.start_ms);
  bar.classList.toggle("is-open", one.end_ms === null);
  const began = `at ${signed(one.start_ms - trace.begun_ms)}`;
  const words = [one.label, began, lastedWords(one, trace) || "a moment", STATES[one.state]];
  row.setAttribute("aria-label", words.join(", "));
}

export function signed(ms) {
  return ms < 0 ? `−${span(-ms)}` : `+${span(ms)}`;
}

// Changes a text only where it differs, so that nothing is announced or selected anew while live.
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// The panel of details of one span, with the log lines behind it.
export function details(one, trace) {
  const badge = make("span", "rec-badge", one.state === "fault" ? "fault" : one.state === "waiting" ? "wait" : "ok");
  badge.dataset.state = one.state;
  const rows = [
    ["began", `${clock(one.start_ms, true)} (${signed(one.start_ms - trace.begun_ms)})`],
    ["ended", one.end_ms === null ? "not yet" : clock(one.end_ms, true)],
    ["lasted", lastedWords(one, trace) || "a moment"],
    ...one.facts,
    ["known", SOURCES[one.source] ?? one.source],
  ];
  const title = make("h2", "rec-panel-title", one.label, " ", badge);
  const parts = [title, make("p", "rec-said", one.detail), pairs(rows)];
  const lines = one.lines.map((place) => trace.lines[place]).filter(Boolean);
  if (lines.length > 0) {
    parts.push(make("h3", "", lines.length === 1 ? "The log line behind it" : "The log lines behind it"));
    parts.push(...lines.map((line) => logLine(line)));
  }
  return parts;
}

export function pairs(rows) {
  const list = make("dl", "rec-pairs");
  for (const [name, value] of rows) list.append(make("div", "", make("dt", "", name), make("dd", "", value)));
  return list;
}

function logLine(line) {
  const head = make("p", "rec-line-head", `${clock(line.at_ms)} · ${line.function} · ${line.event}`);
  head.dataset.level = line.level;
  const text = make("pre", "rec-line", JSON.stringify(line.fields, null, 2));
  text.tabIndex = 0;
  text.setAttribute("aria-label", `Fields of ${line.event}`);
  return make("div", "rec-line-box", head, text);
}

// Where the time went: one bar, and what each part of it is.
export function shares(trace) {
  const all = trace.shares.filter(([, , ms]) => ms > 0);
  const total = all.reduce((sum, [, , ms]) => sum + ms, 0);
  const box = make("section", "rec-shares");
  if (total <= 0) return box;
  const bar = make("div", "rec-shares-bar");
  bar.setAttribute("aria-hidden", "true");
  const legend = make("ul", "rec-legend");
  for (const [kind, label, ms] of all) {
    const part = make("span", "rec-share");
    part.dataset.family = familyOf(kind);
    part.style.flexGrow = String(Math.max(ms / total, 0.008));
    bar.append(part);
    const key = make("span", "rec-key");
    key.dataset.family = familyOf(kind);
    key.setAttribute("aria-hidden", "true");
    legend.append(make("li", "", key, make("span", "", label), make("b", "", span(ms))));
  }
  box.setAttribute("aria-label", "Where the time went");
  box.append(make("h2", "rec-eyebrow", "Where the time went"), bar, legend);
  return box;
}

// The same as a table, for those who read with their ears, and for copying.
export function table(trace) {
  const head = make("tr", "", ...["Began", "Lasted", "Who", "What", "How", "Details"].map(heading));
  const names = new Map(trace.groups);
  const body = make("tbody", "");
  for (const one of [...trace.spans].sort((a, b) => a.start_ms - b.start_ms)) {
    const cells = [
      `${clock(one.start_ms)} (${signed(one.start_ms - trace.begun_ms)})`,
      lastedWords(one, trace) || "a moment",
      names.get(one.group) ?? one.group,
      one.label,
      STATES[one.state],
      one.detail,
    ];
    body.append(make("tr", "", ...cells.map((text) => make("td", "", text))));
  }
  const caption = make("caption", "", "Every step in the order of time; times are UTC.");
  return make("table", "rec-table", caption, make("thead", "", head), body);
}

function heading(text) {
  const cell = make("th", "", text);
  cell.scope = "col";
  return cell;
}
