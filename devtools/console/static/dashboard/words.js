// Alarms, tables of log lines, and texts.

import { clock, keyed, make, write } from "/static/shell.js";

const STATES = { OK: ["ok", "good"], ALARM: ["alarm", "bad"], INSUFFICIENT_DATA: ["no data", ""] };

/** The alarms of a widget: those that are on first say why in full. */
export function alarms(body, widget) {
  const list = body.firstElementChild ?? body.appendChild(make("ul", "alarms"));
  list.classList.toggle("many", widget.alarms.length > 12);
  keyed(list, widget.alarms, (alarm) => alarm.id, anAlarm, (item, alarm) => {
    const [words, tone] = STATES[alarm.state];
    item.dataset.state = alarm.state;
    const [summary, more] = item.firstElementChild.children;
    write(summary.querySelector(".name"), alarm.name);
    const badge = summary.querySelector(".badge");
    write(badge, words);
    badge.className = `badge ${tone}`;
    write(summary.querySelector(".reason"), alarm.reason);
    write(more.children[0], alarm.reason);
    write(more.children[1], alarm.description);
    write(more.children[2], `On if ${alarm.condition}` + (alarm.since_ms ? ` · so since ${clock(alarm.since_ms)}` : ""));
    more.children[3].hidden = !alarm.runbook;
    more.children[3].href = alarm.runbook ?? "";
  });
}

function anAlarm(alarm) {
  const link = make("a", "", `Runbook of ${alarm.name}`);
  return make("li", "", make("details", "",
    make("summary", "", make("span", "name"), make("span", "badge"), make("span", "reason soft small")),
    make("div", "more small", make("p", "why"), make("p"), make("p", "soft"), link)));
}

/** A frame that scrolls, by keyboard as well. */
export function scrolling(name, ...content) {
  const frame = make("div", "scroll", ...content);
  frame.tabIndex = 0;
  frame.setAttribute("role", "region");
  frame.setAttribute("aria-label", name);
  return frame;
}

/** The answer of a query on the log. */
export function table(body, widget, page) {
  if (!body.firstElementChild) {
    const rows = make("table", "", make("thead", "", make("tr")), make("tbody"));
    body.append(scrolling(`Rows of ${widget.title}`, rows), make("p", "none soft", "No log line matches"));
  }
  const [frame, none] = body.children;
  frame.hidden = !widget.rows.length;
  none.hidden = widget.rows.length > 0;
  // A column in which nothing stands would only take room.
  const used = widget.columns.map((_, place) => widget.rows.some((row) => row[place] !== null && row[place] !== ""));
  const pick = (cells) => cells.filter((_, place) => used[place]);
  const columns = pick(widget.columns);
  keyed(frame.querySelector("thead tr"), columns.map((name) => ({ name })), ({ name }) => name, ({ name }) => {
    const cell = make("th", "", title(name));
    cell.scope = "col";
    return cell;
  }, () => {});
  const seen = new Map();
  const rows = widget.rows.map((row) => {
    const cells = pick(row).map((value, place) => shown(columns[place], value, page.service)), text = JSON.stringify(cells);
    seen.set(text, (seen.get(text) ?? 0) + 1);
    return { cells, key: `${text} ${seen.get(text)}` };
  });
  keyed(frame.querySelector("tbody"), rows, (row) => row.key,
    (row) => make("tr", "", ...row.cells.map((text, place) => make("td", "", linked(columns[place], text)))), () => {});
}

function title(name) {
  const plain = { "@timestamp": "time", "@log": "function", message_id: "text" }[name] ?? name.replaceAll("_", " ");
  return plain.replace(/\.(\d+)$/, (_, number) => (number === "0" ? "" : ` ${Number(number) + 1}`));
}

function linked(name, text) {
  if (name !== "message_id" || !text) return text;
  const link = make("a", "mono", text);
  link.href = `/texts/${encodeURIComponent(text)}`;
  return link;
}

function shown(name, value, service) {
  if (value === null) return "";
  if (name === "@timestamp" || name.startsWith("bin(")) return clock(value);
  if (name === "@log") return String(value).split("/").at(-1).replace(`${service}-`, "");
  return typeof value === "number" ? String(Number(value.toFixed(3))) : String(value);
}

/** A text of the dashboard's own. */
export function words(body, widget) {
  const parts = [];
  for (const block of widget.blocks) {
    const inner = block.words.map(word);
    if (block.kind === "item") {
      if (parts.at(-1)?.tagName !== "UL") parts.push(make("ul"));
      parts.at(-1).append(make("li", "", ...inner));
    } else parts.push(make(block.kind === "heading" ? "h2" : "p", "", ...inner));
  }
  body.replaceChildren(...parts);
}

function word({ text, bold, code, url }) {
  let inner = code ? make("code", "", text) : text;
  if (bold) inner = make("strong", "", inner);
  if (!/^(https?:|\/)/.test(url ?? "")) return inner;
  const link = make("a", "", inner);
  link.href = url;
  if (url.startsWith("http")) link.rel = "noreferrer";
  return link;
}
