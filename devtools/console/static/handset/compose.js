// The form that sends: by each route, with all fields of the API, whose refusals stand beside the field they name.

import { api, make, write } from "/static/shell.js";
import { fictional } from "./phones.js";
import { CARRIERS, count, HELD_BY, plain, spoken, when } from "./words.js";

const $ = (id) => document.getElementById(id);
const value = (name) => $(`field-${name}`).value;
const ACTS = { send: "Send the text", queue: "Queue the text", batch: "Queue the batch" };
const PLAIN = ["priority", "category", "timezone"];
const NUMBERS = ["ttl_s", "max_segments", "refuse_duplicates_s", "duplicate_window_s"];
const YES_NO = ["respect_quiet_hours", "smart_encoding"];
const MOMENTS = ["send_at", "expires_at"];
// What a preview takes of them.
const PREVIEWED = ["to", "message", "metadata", "max_segments", "smart_encoding", "priority", "refuse_duplicates_s",
  "category", "respect_quiet_hours", "timezone"];
let token = null, filledIn = "";

const route = () => document.querySelector("#compose input[name=route]:checked").value;
const used = (name) => $(`field-${name}`).closest(".field").dataset.routes.split(" ").includes(route());
const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

function pairs(text) {
  return Object.fromEntries(lines(text).map((line) => {
    const [name, ...rest] = line.split("=");
    return [name.trim(), rest.join("=").trim()];
  }));
}

// A number is sent as one, and anything else as it is: whether it will do is the API's to say.
const numeric = (text) => (/^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text);

function options() {
  const body = {};
  const take = (names, read) => {
    for (const name of names) if (used(name) && value(name).trim()) body[name] = read(value(name).trim());
  };
  take(PLAIN, (text) => text);
  take(NUMBERS, numeric);
  take(YES_NO, (text) => text === "true");
  take(MOMENTS, (text) => (isNaN(new Date(text)) ? text : new Date(text).toISOString()));
  take(["media_urls"], lines);
  const metadata = { ...pairs(value("metadata")), ...(value("tag") ? { tag: value("tag") } : {}) };
  if (Object.keys(metadata).length) body.metadata = metadata;
  return body;
}

function batch() {
  const rows = lines(value("recipients")).map((line) => {
    const [to, ...words] = line.split(/\s+(?=\S+=)/);
    return words.length ? { to: to.trim(), values: pairs(words.join("\n")) } : { to: to.trim() };
  });
  const filled = rows.some((row) => row.values);
  const body = { messages: filled ? rows : rows.map((row) => ({ ...row, message: value("message") })), ...options() };
  return filled ? { ...body, template: value("message") } : body;
}

const single = () => ({ to: value("to").trim(), message: value("message"), ...options() });

// ------------------------------------------------------------------------------------ refusals

function clear() {
  for (const error of document.querySelectorAll("#compose .error")) {
    error.hidden = true;
    error.textContent = "";
  }
  for (const field of document.querySelectorAll("#compose [aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
}

function fieldOf(name) {
  const last = (name ?? "").replace(/^messages\[\d+\]\.?/, "") || (name?.startsWith("messages") ? "recipients" : "");
  const own = { to: route() === "batch" ? "recipients" : "to", template: "message", values: "recipients", "metadata.tag": "tag" };
  const wanted = own[last] ?? last.split(/[.[]/)[0];
  const found = [wanted, own[wanted]].find((one) => one && $(`field-${one}`));
  return found ? $(`field-${found}`) : document.querySelector(`[name="${CSS.escape(name ?? "")}" i]`);
}

function refused(problem) {
  const field = problem.field ? fieldOf(problem.field) : null;
  const where = problem.field && !field ? ` (${problem.field})` : "";
  say("bad", make("b", "", "Text refused: "), problem.message + where);
  if (!field?.closest(".field")) return;
  const error = field.closest(".field").querySelector(".error");
  error.hidden = false;
  const row = /^messages\[(\d+)\]/.exec(problem.field);
  write(error, (row ? `Line ${Number(row[1]) + 1}: ` : "") + problem.message);
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", error.id);
  if (field.closest("details")) $("more").open = true;
  field.focus();
}

function say(kind, ...content) {
  $("result").replaceChildren(make("div", `said ${kind}`, ...content));
}

// ------------------------------------------------------------------------------------- answers

function wayOf(id) {
  const link = make("a", "", "See its way");
  link.href = `/texts/${encodeURIComponent(id)}`;
  return link;
}

function accepted(answer, to) {
  if (!answer.queued) return say("good", make("b", "", "Handed over. "), `${spoken(to)} gets it. `, wayOf(answer.message_id));
  const held = answer.held_by ? `, held by ${HELD_BY[answer.held_by] ?? plain(answer.held_by)}` : "";
  const time = answer.eta ? `leaves about ${when(Date.parse(answer.eta))}` : "leaves when that ends";
  say("good", make("b", "", "Accepted. "), `Place ${answer.position}, ${time}${held}. `, wayOf(answer.message_id));
}

function refusedRows(rows) {
  const bad = rows.map((row, place) => [row, place]).filter(([row]) => row.error);
  return bad.length ? make("ul", "", ...bad.slice(0, 8).map(([row, place]) =>
    make("li", "bad", `Line ${place + 1}: ${row.error}`)), bad.length > 8 ? make("li", "", `and ${bad.length - 8} more`) : null) : null;
}

function acceptedBatch(answer) {
  token = null;
  const some = answer.refused ? "wait" : "good";
  const words = `${count(answer.accepted, "text")} accepted, ${answer.refused} refused.`;
  say(some, make("b", "", words), refusedRows(answer.messages));
}

function facts(rows) {
  return make("dl", "facts", ...rows.filter(([, what]) => what !== null && what !== undefined && what !== "")
    .flatMap(([name, what]) => [make("dt", "", name), make("dd", "", what)]));
}

function dryRun(answer) {
  const totals = answer.totals;
  token = answer.token;
  say("info", make("b", "", "Dry run: nothing is stored. "), facts([
    ["would be accepted", `${totals.valid} of ${totals.messages}`], ["segments", totals.segments],
    ["cost", totals.cost && `${totals.cost} ${totals.currency}`], ["opted out", totals.opted_out || null],
    ["the same twice", totals.duplicates || null], ["wait for quiet hours", totals.held_by_quiet_hours || null],
    ["expire before", totals.expired_unsent || null], ["last one leaves", totals.finishes_at && when(Date.parse(totals.finishes_at))],
    ["carriers", Object.entries(totals.by_carrier).map(([name, many]) => `${CARRIERS[name] ?? plain(name)} ${many}`).join(", ")],
  ]), refusedRows(answer.messages), make("p", "soft small", "Queue the batch now, and it is accepted only as this dry run saw it."));
}

function preview(answer) {
  const smart = answer.smart_encoding, cost = answer.cost;
  const forced = answer.forced_by.map((one) => `${one.character} (${one.name.toLowerCase()})`).join(", ");
  say("info", make("b", "", `${count(answer.segments, "segment")}, ${answer.encoding === "ucs2" ? "UCS-2" : "GSM-7"}. `), facts([
    ["room left", answer.left], ["forces UCS-2", forced],
    ["smart encoding", smart.segments < answer.segments ? `${smart.segments} instead` : ""],
    ["cost", cost && `${cost.amount} ${cost.currency}`], ["carrier", answer.outlook?.carrier && plain(answer.outlook.carrier)],
    ["quiet hours", answer.quiet_hours?.quiet ? "yes, now" : ""],
  ]));
}

// ---------------------------------------------------------------------------------------- acts

async function asked(button, call) {
  if (button.disabled) return;
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  clear();
  try {
    await call();
  } catch (problem) {
    if (problem.status === undefined) throw problem;
    refused(problem);
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}

async function sent(onSend) {
  const by = route(), key = value("Idempotency-Key").trim() || null;
  const request = by === "batch" ? { ...batch(), ...(token ? { token } : {}) } : single();
  onSend(by === "batch" ? request.messages.map((row) => row.to) : [request.to]);
  try {
    const answer = await api("POST", `/api/handset/texts/${by}`, { request, idempotency_key: key });
    if (by === "batch") acceptedBatch(answer);
    else accepted(answer, request.to);
  } finally {
    // What a dry run saw holds for one batch.
    token = null;
  }
}

async function looked() {
  if (route() === "batch") return dryRun(await api("POST", "/api/handset/texts/batch", { request: { ...batch(), dry_run: true } }));
  const all = single(), request = Object.fromEntries(PREVIEWED.filter((name) => name in all).map((name) => [name, all[name]]));
  preview(await api("POST", "/api/handset/texts/preview", { request }));
}

function turn() {
  for (const part of document.querySelectorAll("#compose [data-routes]")) {
    part.hidden = !part.dataset.routes.split(" ").includes(route());
  }
  write($("send"), ACTS[route()]);
  write($("preview"), route() === "batch" ? "Dry run" : "Preview");
  changed();
}

function changed() {
  token = null;
  const given = [...document.querySelectorAll("#more .field")].filter((field) =>
    !field.hidden && field.querySelector("input, select, textarea").value).length;
  write($("given"), given ? `${given} given` : "");
}

function later(seconds) {
  const at = new Date(Date.now() + seconds * 1000);
  at.setMinutes(at.getMinutes() - at.getTimezoneOffset());
  $("field-send_at").value = at.toISOString().slice(0, 19);
  changed();
}

function fill(many) {
  const numbers = fictional(Math.min(many, 40));
  $("field-recipients").value = Array.from({ length: many }, (_, place) => numbers[place % numbers.length]).join("\n");
  changed();
}

/** Set the form up. `onSend(numbers)` is called before the texts leave. */
export function setUpCompose(onSend) {
  const form = $("compose");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    asked($("send"), () => sent(onSend));
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  $("preview").addEventListener("click", () => asked($("preview"), looked));
  form.addEventListener("input", changed);
  for (const radio of form.elements.route) radio.addEventListener("change", turn);
  for (const button of form.querySelectorAll("[data-later]")) button.addEventListener("click", () => later(Number(button.dataset.later)));
  for (const button of form.querySelectorAll("[data-fill]")) button.addEventListener("click", () => fill(Number(button.dataset.fill)));
  turn();
}

/** Put the number of a phone that a person has chosen into the form. */
export function address(number) {
  $("field-to").value = number;
  filledIn = number;
}

/** The same where the page chose it: what a person has typed stays. */
export function suggest(number) {
  if ($("field-to").value === filledIn && document.activeElement !== $("field-to")) address(number);
}

/** Whom the form is filled in for, and with what, when the page opens. */
export function begin(number) {
  if (!$("field-to").value) address(number);
  if (!$("field-message").value) $("field-message").value = "Hello from Long Code SMS. Reply STOP to opt out.";
}
