// The list of the latest texts, live, by a filter that stands in the address.

import { clock, keyed, listen, make, write } from "/static/shell.js";

const filter = document.getElementById("filter");
const list = document.getElementById("texts");
const problem = document.getElementById("problem");
const GOOD = ["delivered", "received"];
const BAD = [
  "failed", "suppressed", "expired_unsent", "sending_failed", "expired", "delivery_failed", "delivery_unconfirmed", "unknown",
];

let stop = null;
let waiting = null;
let latest = 0;

function asked() {
  const wanted = new URLSearchParams();
  for (const [name, value] of new FormData(filter)) if (value.trim()) wanted.set(name, value.trim());
  return wanted;
}

function make_row() {
  const link = make("a", "text-row");
  const parts = {
    at: make("span", "text-at soft number"),
    who: make("span", "text-who number"),
    words: make("span", "text-words soft"),
    tag: make("span", "text-tag badge"),
    status: make("span", "badge"),
  };
  link.append(parts.at, parts.who, parts.words, make("span", "text-marks", parts.tag, parts.status));
  return Object.assign(make("li", "", link), { link, parts });
}

function show_row(item, text) {
  const { parts } = item;
  item.link.href = `/texts/${encodeURIComponent(text.id)}`;
  write(parts.at, clock(text.at_ms));
  parts.at.title = new Date(text.at_ms).toISOString();
  write(parts.who, `${text.direction === "outbound" ? "→" : "←"} ${text.number}`);
  write(parts.words, text.text ?? "text not kept");
  write(parts.tag, text.tag ?? "");
  parts.tag.hidden = !text.tag;
  const held = text.held_by ? `: ${text.held_by}` : text.code && BAD.includes(text.status) ? `: ${text.code}` : "";
  write(parts.status, `${text.status}${held}`.replaceAll("_", " "));
  parts.status.className = `badge ${GOOD.includes(text.status) ? "good" : BAD.includes(text.status) ? "bad" : text.final ? "" : "wait"}`;
}

function show(found) {
  write(problem, "");
  keyed(list, found.texts, (text) => text.id, make_row, show_row);
  list.hidden = found.texts.length === 0;
  document.getElementById("none").hidden = found.texts.length > 0;
  document.getElementById("more").hidden = !found.more;
}

async function open() {
  stop?.();
  stop = null;
  const turn = ++latest;
  const wanted = asked();
  history.replaceState(null, "", wanted.size ? `/texts?${wanted}` : "/texts");
  const url = `/api/texts?${wanted}`;
  // A filter that can't be is refused before anything is listened to.
  const refused = await refusal(url);
  // Another filter has been set meanwhile.
  if (turn !== latest) return;
  for (const field of filter.elements) field.toggleAttribute("aria-invalid", false);
  if (refused) {
    write(problem, refused.error);
    filter.elements[refused.field]?.setAttribute("aria-invalid", "true");
    return;
  }
  stop = listen(url, show);
}

async function refusal(url) {
  const ended = new AbortController();
  try {
    const answer = await fetch(url, { signal: ended.signal });
    return answer.ok ? null : await answer.json();
  } catch {
    return null;
  } finally {
    ended.abort();
  }
}

for (const [name, value] of new URLSearchParams(location.search)) {
  if (filter.elements[name]) filter.elements[name].value = value;
}
// A page that is left ends its connection itself, or Firefox reports it as interrupted.
addEventListener("pagehide", () => stop?.());
addEventListener("pageshow", (event) => event.persisted && open());
filter.addEventListener("submit", (event) => event.preventDefault());
filter.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(open, 300);
});
open();
