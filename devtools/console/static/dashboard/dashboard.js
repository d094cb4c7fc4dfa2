// The page: which time is shown, where each widget stands, and what it is made of.

import { clock, keyed, listen, make, write } from "/static/shell.js";
import { bars, numbers } from "./numbers.js";
import { chart, recolor } from "./charts.js";
import { alarms, table, words } from "./words.js";

const KINDS = { text: words, alarms, table, numbers, bars, chart };
const grid = document.getElementById("grid");
let stop = () => {};

function card(widget) {
  const element = make("section", `widget ${widget.kind}`);
  if (widget.title) {
    const heading = make("h2", "", widget.title);
    heading.id = `widget-${widget.key.replace(/\W+/g, "-")}`;
    element.setAttribute("aria-labelledby", heading.id);
    element.append(heading);
  }
  if (widget.kind !== "text") element.classList.add("card");
  if (widget.width >= 12) element.classList.add("wide");
  element.style.setProperty("--column", `${widget.x + 1} / span ${widget.width}`);
  element.style.setProperty("--row", `${widget.y + 1} / span ${widget.height}`);
  const body = make("div", "body");
  element.append(body);
  return element;
}

// What is the same as before is left alone: a selection in it, its zoom and its focus stay.
function update(element, widget, page) {
  const said = JSON.stringify([widget, widget.kind === "chart" ? [page.start_ms, page.end_ms] : null]);
  if (element.said === said) return;
  element.said = said;
  KINDS[widget.kind](element.lastElementChild, widget, page);
}

function show(page) {
  const { on, all } = page.alarms;
  const summary = document.getElementById("summary");
  const state = on ? `${on} of ${all} alarms ${on === 1 ? "is" : "are"} on` : `none of ${all} alarms is on`;
  write(summary, `${clock(page.start_ms)} to ${clock(page.end_ms)} · ${state}${page.behind ? " · still reading the log" : ""}`);
  summary.classList.toggle("bad", on > 0);
  document.getElementById("empty").hidden = !page.quiet || page.behind;
  const ordered = page.widgets.toSorted((one, other) => one.y - other.y || one.x - other.x);
  keyed(grid, ordered, (widget) => `${widget.kind}-${widget.key}`, card,
    (element, widget) => update(element, widget, page));
  keyed(document.getElementById("notes"), page.notes.map((text, place) => ({ text, place })), (note) => note.place,
    () => make("li"), (element, note) => write(element, note.text));
}

function watch(range) {
  stop();
  stop = listen(`/api/dashboard?range=${range}`, show);
}

function chosen() {
  const asked = new URLSearchParams(location.search).get("range");
  const input = document.querySelector(`#ranges input[value="${CSS.escape(asked ?? "")}"]`);
  if (input) input.checked = true;
  return document.querySelector("#ranges input:checked").value;
}

document.getElementById("ranges").addEventListener("change", (event) => {
  history.replaceState(null, "", `?range=${event.target.value}`);
  watch(event.target.value);
});
document.addEventListener("theme", recolor);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolor);
watch(chosen());
