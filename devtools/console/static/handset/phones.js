// The list of phones, and a new one.

import { api, keyed, make, write } from "/static/shell.js";
import { count, plain, spoken, tone } from "./words.js";

const $ = (id) => document.getElementById(id);
const AREAS = ["202", "212", "303", "312", "404", "415", "503", "512", "602", "617", "702", "713"];
const MANY = 8;
const order = [], own = new Map(), unread = new Map();
let choose = () => {}, rows = [];

/** Numbers reserved for fiction whose texts arrive, `many` of them. */
export function fictional(many) {
  return Array.from({ length: many }, (_, place) =>
    `+1${AREAS[place % AREAS.length]}55501${String(Math.floor(place / AREAS.length) + 1).padStart(2, "0")}`);
}

function create() {
  const button = make("button", "row phone-row", make("span", "face"), make("b", "name number"), make("span", "marks"),
    make("span", "last"), make("span", "unread"));
  button.type = "button";
  const item = make("li", "", button);
  button.addEventListener("click", () => choose(item.dataset.key));
  return item;
}

function update(item, phone, current, waiting) {
  const button = item.firstChild, [face, name, marks, last, fresh] = button.children;
  write(name, spoken(phone.number));
  write(face, phone.number.slice(-2));
  face.dataset.network = phone.network;
  const words = [];
  if (phone.opted_out) words.push(["bad", "opted out"]);
  if (phone.outcome !== "delivered") words.push(["wait", plain(phone.outcome)]);
  if (waiting) words.push(["info", `${waiting} wait`]);
  keyed(marks, words, ([kind, text]) => kind + text, ([kind, text]) => make("span", `badge ${kind}`, text), () => {});
  write(last, phone.last ? (phone.last.text || "(picture)") : "no text yet");
  last.className = `last ${phone.last && tone(phone.last.status) === "bad" ? "bad" : "soft"}`;
  const many = phone.number === current ? 0 : unread.get(phone.number) ?? 0;
  write(fresh, many ? String(many) : "");
  fresh.hidden = !many;
  if (many) fresh.setAttribute("aria-label", `${many} new`);
  button.setAttribute("aria-current", String(phone.number === current));
}

/** Show the phones: one that was there keeps its place, a new one comes first. */
export function showPhones(provider, service, current) {
  const byNumber = new Map(provider.phones.map((phone) => [phone.number, phone]));
  for (const phone of [...own.values(), ...provider.phones.toReversed()]) {
    if (!order.includes(phone.number)) order.unshift(phone.number);
  }
  const waiting = new Map(Object.entries(service?.by_number ?? {}));
  const wanted = $("filter").value.replace(/\D/g, "");
  rows = order.map((number) => byNumber.get(number) ?? own.get(number)).filter(Boolean);
  for (const phone of rows) {
    // What its digits say, and what is programmed in their place.
    phone.digits ??= phone.outcome;
    phone.home ??= phone.network;
    phone.outcome = provider.faults.find((fault) => fault.to === phone.number)?.outcome ?? phone.digits;
    phone.network = provider.moved[phone.number] ?? phone.home;
  }
  $("filter").hidden = rows.length <= MANY;
  keyed($("phones"), rows.filter((phone) => phone.number.includes(wanted)), (phone) => phone.number, create,
    (item, phone) => update(item, phone, current, waiting.get(phone.number)));
  write($("phones-count"), provider.total > 1 ? count(provider.total, "phone") : "");
}

/** That a phone is there, though no text has come to it. `facts` are its number, outcome and network. */
export function take(facts) {
  if (!own.has(facts.number)) own.set(facts.number, { ...facts, last: null, arrived: 0, opted_out: false });
}

/** Bring the row of a phone into the part of the list that is seen. */
export function reveal(number) {
  const list = $("phones"), row = list.querySelector(`li[data-key="${CSS.escape(number)}"]`);
  if (!row) return;
  const top = row.offsetTop - list.offsetTop, bottom = top + row.offsetHeight;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
}

/** What is known of a phone; null of one that is not in the list. */
export const known = (number) => rows.find((phone) => phone.number === number) ?? null;

/** Count new texts on a phone that is not looked at; and forget them. */
export const missed = (number, many) => unread.set(number, (unread.get(number) ?? 0) + many);
export const read = (number) => unread.delete(number);

function unused(suffix) {
  const ends = suffix ? [suffix] : Array.from({ length: 20 }, (_, place) => `01${String(place + 1).padStart(2, "0")}`);
  const taken = new Set(order);
  for (const end of ends) for (const area of AREAS) if (!taken.has(`+1${area}555${end}`)) return `+1${area}555${end}`;
  return `+1202555${ends[0]}`;
}

function setUpNew(choices) {
  const outcomes = $("add-outcome"), networks = $("add-network");
  for (const one of choices.outcomes.filter((outcome) => outcome.suffix || outcome.name === "delivered")) {
    const option = make("option", "", one.suffix ? `…${one.suffix} ${plain(one.name)}` : "nothing: they arrive");
    option.value = one.suffix ?? "";
    outcomes.append(option);
  }
  networks.append(Object.assign(make("option", "", "by its number"), { value: "" }));
  for (const one of choices.networks) networks.append(Object.assign(make("option", "", one.title), { value: one.name }));
  $("add").addEventListener("submit", async (event) => {
    event.preventDefault();
    const number = unused(outcomes.value);
    try {
      if (networks.value) await api("POST", "/api/handset/carriers", { number, network: networks.value });
      choose(number);
    } catch (problem) {
      write($("provider-error"), problem.message);
    }
  });
}

/** Set the list up. `onChoose(number)` is called when a person takes a phone. */
export function setUpPhones(choices, onChoose, onFilter) {
  choose = onChoose;
  setUpNew(choices);
  $("filter").addEventListener("input", onFilter);
  $("phones").addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const item = event.target.closest("li");
    const next = step === 1 ? item?.nextElementSibling : step === -1 ? item?.previousElementSibling : null;
    if (!next) return;
    event.preventDefault();
    next.firstChild.focus();
    choose(next.dataset.key);
  });
}
