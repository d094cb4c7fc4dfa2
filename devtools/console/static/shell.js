// What all pages share: the choice of colours, the live connection, and the making of elements.

const THEMES = ["system", "light", "dark"];
const AGAIN_MS = 2000;
const SIGNS = { system: "◐", light: "☀", dark: "☾" };

function showTheme(theme) {
  const root = document.documentElement, button = document.getElementById("theme");
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
  button.textContent = SIGNS[theme];
  button.title = `Colours: ${theme}`;
  button.setAttribute("aria-label", `Colours: ${theme}. Change`);
}

function setUpTheme() {
  let theme = document.documentElement.dataset.theme ?? "system";
  showTheme(theme);
  document.getElementById("theme").addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    try { localStorage.setItem("theme", theme); } catch { /* then it holds for this page only */ }
    showTheme(theme);
    document.dispatchEvent(new CustomEvent("theme", { detail: theme }));
  });
}

/** An element. Content is text or elements, and a text is never read as markup. */
export function make(tag, className = "", ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content.filter((part) => part !== null && part !== undefined && part !== false)
    .map((part) => (part instanceof Node ? part : String(part))));
  return element;
}

/** Bring the children of `parent` to `rows`, in order, and keep each element whose key stays: `create(row)` makes
 * one, `update(element, row)` brings it up to date. What is focused or typed in is kept. */
export function keyed(parent, rows, key, create, update) {
  const there = new Map([...parent.children].map((element) => [element.dataset.key, element]));
  const wanted = rows.map((row) => {
    const name = String(key(row));
    let element = there.get(name);
    there.delete(name);
    if (!element) {
      element = create(row);
      element.dataset.key = name;
    }
    update(element, row);
    return element;
  });
  for (const element of there.values()) element.remove();
  wanted.forEach((element, place) => {
    if (parent.children[place] !== element) parent.insertBefore(element, parent.children[place] ?? null);
  });
}

/** Set an element's text, unless it has it already. */
export function write(element, text) {
  const words = text === null || text === undefined ? "" : String(text);
  if (element.textContent !== words) element.textContent = words;
}

/** Say how the page is connected: `live`, `connecting` or `down`, or `ended` where nothing more is to come. */
export function connection(words, state) {
  const element = document.getElementById("connection");
  write(element, words);
  element.dataset.state = state;
}

/** Call `onData` with what the server says of `url`, at first and with each change. Answers a function that ends it. */
export function listen(url, onData) {
  let source = null, again = null;
  const open = () => {
    source = new EventSource(url);
    source.onmessage = (event) => {
      connection("live", "live");
      onData(JSON.parse(event.data));
    };
    source.addEventListener("problem", (event) => connection(JSON.parse(event.data).error, "down"));
    source.onerror = () => {
      connection("not connected", "down");
      // A browser asks again by itself after a broken connection, but not after an answer that is an error.
      if (source?.readyState !== EventSource.CLOSED) return;
      clearTimeout(again);
      again = setTimeout(open, AGAIN_MS);
    };
  };
  // A page that is not looked at asks for nothing.
  const turn = () => {
    if (document.hidden) {
      clearTimeout(again);
      source?.close();
      source = null;
    } else if (source === null) open();
  };
  // A page that turns to another address is not disconnected in between.
  if (document.getElementById("connection").dataset.state !== "live") connection("connecting …", "connecting");
  document.addEventListener("visibilitychange", turn);
  turn();
  return () => {
    document.removeEventListener("visibilitychange", turn);
    clearTimeout(again);
    source?.close();
  };
}

/** Call the console. Raises an Error with `status`, `field` and `body` where the answer is a refusal. */
export async function api(method, url, body) {
  let answer;
  try {
    answer = await fetch(url, {
      method,
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw Object.assign(new Error("The console does not answer. Does make up still run?"), { status: 0 });
  }
  const found = await answer.json().catch(() => ({}));
  if (answer.ok) return found;
  const words = found.error ?? `The answer was ${answer.status}.`;
  throw Object.assign(new Error(words), { status: answer.status, field: found.field ?? null, body: found });
}

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

/** The time of day of a moment, a number of milliseconds or an ISO text; with milliseconds if asked for. */
export function clock(moment, exact = false) {
  const at = new Date(moment);
  return TIME.format(at) + (exact ? `.${String(at.getMilliseconds()).padStart(3, "0")}` : "");
}

/** A span of milliseconds in words: 850 ms, 2.5 s, 3 min, 9 h. */
export function span(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return `${(ms / 3_600_000).toFixed(1)} h`;
}

setUpTheme();
