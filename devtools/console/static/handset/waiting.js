// What waits at the service, what holds it, and the pause.

import { api, keyed, make, write } from "/static/shell.js";
import { CARRIERS, count, countDown, far, HELD_BY, plain, spoken, tone, when } from "./words.js";

const $ = (id) => document.getElementById(id);
let choose = () => {};

async function act(body) {
  write($("waiting-error"), "");
  try {
    await api("POST", "/api/handset/sending", body);
  } catch (problem) {
    write($("waiting-error"), problem.message);
  }
}

async function takeBack(id, error) {
  write(error, "");
  try {
    await api("DELETE", `/api/handset/waiting/${encodeURIComponent(id)}`);
  } catch (problem) {
    write(error, `Not taken back: ${problem.message}`);
  }
}

// ------------------------------------------------------------------------------------- sending

const why = (reason) => (reason ? `: ${reason}` : "");

function standing(service) {
  const control = service.control, rows = [];
  const paused = control.paused_since_ms;
  rows.push(paused === null
    ? { key: "all", kind: "good", words: "Sending", act: "pause", title: "Pause" }
    : { key: "all", kind: "wait", words: `Paused since ${when(paused)}${why(control.pause_reason)}`, act: "resume", title: "Resume" });
  if (control.breaker_until_ms !== null) {
    const by = control.breaker_stopped_by === "outage" ? "an outage of the provider" : control.breaker_reason;
    rows.push({ key: "breaker", kind: "bad", words: `The breaker is open${why(by)}`, until: control.breaker_until_ms,
      then: "the next text tries", act: "close_breaker", title: "Close it" });
  }
  for (const stop of service.stops) {
    const of = stop.carrier ? `Texts to ${CARRIERS[stop.carrier]} wait` : "All texts wait";
    const by = HELD_BY[stop.held_by] ?? plain(stop.held_by);
    rows.push({ key: `stop ${stop.carrier}`, kind: "wait", words: `${of}: ${by}`, until: stop.until_ms });
  }
  for (const pause of service.carrier_pauses) {
    rows.push({ key: `carrier ${pause.carrier}`, kind: "wait", act: "resume", title: "Resume", carrier: pause.carrier,
      words: `Bulk texts to ${CARRIERS[pause.carrier] ?? pause.carrier} are paused${why(pause.reason)}` });
  }
  return rows;
}

function createStanding() {
  const row = make("div", "standing", make("p", "", make("b"), make("span", "soft number")), make("button", "small"));
  row.lastChild.type = "button";
  row.lastChild.addEventListener("click", () => act({ act: row.dataset.act, carrier: row.dataset.carrier || null }));
  return row;
}

function updateStanding(row, one) {
  const [words, button] = row.children;
  row.className = `standing ${one.kind}`;
  Object.assign(row.dataset, { act: one.act ?? "", carrier: one.carrier ?? "" });
  write(words.firstChild, one.words);
  countDown(words.lastChild, one.until ?? null);
  button.hidden = !one.act;
  write(button, one.title ?? "");
}

function createTag(one) {
  const button = make("button", "row-act small");
  button.type = "button";
  button.addEventListener("click", () => act({ act: button.dataset.act, tag: one.tag }));
  return make("li", "stored-row", make("div", "line", make("b", "words", one.tag), button), make("p", "why soft small"));
}

function updateTag(item, one) {
  const button = item.querySelector("button"), act = one.pause ? "Resume" : "Pause";
  const by = one.pause?.by === "brake" ? " by its brake" : "";
  write(item.querySelector(".why"), one.pause ? `paused since ${when(one.pause.since_ms)}${by}${why(one.pause.reason)}` : "");
  button.dataset.act = act.toLowerCase();
  write(button, act);
  button.setAttribute("aria-label", `${act} bulk texts with the tag ${one.tag}`);
}

function tile(priority) {
  const box = make("div", "tile", make("h3", "", priority), make("p", "figure number"), make("p", "soft small"), make("button", "small"));
  box.lastChild.type = "button";
  box.lastChild.addEventListener("click", () => act({ act: box.dataset.act, priority }));
  return box;
}

function updateTile(box, [priority, depth, pause]) {
  const [, figure, note, button] = box.children;
  write(figure, (depth.visible + depth.hidden).toLocaleString("en-US"));
  const state = depth.hidden ? `${depth.hidden} in hand` : "in the queue";
  write(note, pause ? `paused since ${when(pause.since_ms)}${why(pause.reason)}` : state);
  box.classList.toggle("paused", Boolean(pause));
  box.dataset.act = pause ? "resume" : "pause";
  write(button, pause ? "Resume" : "Pause");
  button.setAttribute("aria-label", `${pause ? "Resume" : "Pause"} ${priority} texts`);
}

// -------------------------------------------------------------------------------------- queues

function createQueue(one) {
  const button = make("button", "row queue-row", make("b", "name number"), make("span", "badge"), make("span", "eta number"),
    make("span", "why soft small"));
  button.type = "button";
  button.addEventListener("click", () => choose(one.number));
  return make("li", "", button);
}

function updateQueue(item, one) {
  const [name, badge, eta, held] = item.firstChild.children;
  write(name, spoken(one.number) + (one.test ? " (test)" : ""));
  write(badge, one.priority === "bulk" ? `${one.texts} bulk` : String(one.texts));
  badge.className = `badge ${one.priority === "bulk" ? "" : "info"}`;
  countDown(eta, one.eta_ms, one.held_by ? "held" : "");
  write(held, one.held_by ? HELD_BY[one.held_by] ?? plain(one.held_by) : "");
}

function createLater(one) {
  const button = make("button", "row-act small", "Cancel");
  button.type = "button";
  button.setAttribute("aria-label", `Cancel the text to ${spoken(one.number)}`);
  button.addEventListener("click", () => takeBack(one.message_id, $("waiting-error")));
  const link = make("a", "name number", spoken(one.number));
  link.href = `/texts/${encodeURIComponent(one.message_id)}`;
  return make("li", "stored-row", make("div", "line", link, make("span", "eta number")), make("p", "words"),
    make("div", "line", make("span", "why soft small"), button));
}

function updateLater(item, one) {
  countDown(item.querySelector(".eta"), one.ready_ms);
  write(item.querySelector(".words"), one.text ?? "(text removed)");
  write(item.querySelector(".why"), `${when(one.ready_ms)}, for ${HELD_BY[one.held_by] ?? "its time"}`);
}

// ------------------------------------------------------------------------- what the API says

function createStored(text) {
  const link = make("a", "small", "its way");
  link.href = `/texts/${encodeURIComponent(text.message_id)}`;
  const button = make("button", "row-act small", "Cancel");
  button.type = "button";
  button.setAttribute("aria-label", "Cancel this text");
  button.addEventListener("click", () => takeBack(text.message_id, $("stored-error")));
  return make("li", "stored-row", make("div", "line", make("span", "badge"), make("span", "eta number"), link),
    make("p", "words"), make("div", "line", make("span", "why soft small"), button));
}

function reasons(text) {
  const error = text.errors.at(-1), parts = [];
  if (text.direction === "inbound") parts.push(text.opt_out ? `read as ${text.opt_out}` : "from the phone");
  else parts.push(`/sms/${text.route}`);
  if (text.priority === "bulk") parts.push("bulk");
  if (text.category === "marketing") parts.push("marketing");
  if (text.tag) parts.push(`tag ${text.tag}`);
  if (text.segments > 1) parts.push(`${text.segments} segments`);
  if (text.held_by) parts.push(`held by ${HELD_BY[text.held_by] ?? plain(text.held_by)}`);
  if (error) parts.push(`${error.code} ${error.title}`);
  return parts.join(" · ");
}

function updateStored(item, text) {
  const badge = item.querySelector(".badge"), eta = item.querySelector(".eta");
  write(badge, plain(text.status));
  badge.className = `badge ${tone(text.status)}`;
  if (text.waiting) countDown(eta, text.eta_ms, "held");
  else countDown(eta, null, when(text.accepted_ms));
  write(item.querySelector(".words"), text.text || (text.media ? "(picture)" : "(text removed)"));
  write(item.querySelector(".why"), reasons(text));
  item.querySelector("button").hidden = !text.waiting;
}

/** Show what the service has of the person whose phone is looked at; null while that is not known. */
export function showStored(number, known) {
  const said = known ?? { texts: [], opted_out: false };
  write($("stored-number"), spoken(number));
  $("stored-optout").hidden = !said.opted_out;
  $("stored-none").hidden = known === null || said.texts.length > 0;
  keyed($("stored"), said.texts, (text) => text.message_id, createStored, updateStored);
}

function inQueues(service) {
  if (!service.texts) return `none waits; one number gets a text every ${far(service.interval_ms)}`;
  const shown = service.recipient_queues.length, texts = count(service.texts, "text") + (service.complete ? "" : " or more");
  return `${texts} to ${count(service.recipients, "number")}${service.recipients > shown ? `, the first ${shown}` : ""}`;
}

/** Show what waits. */
export function showWaiting(service) {
  keyed($("sending"), standing(service), (one) => one.key, createStanding, updateStanding);
  const pauses = service.control.pauses;
  keyed($("tiles"), Object.entries(service.queues).map(([name, depth]) => [name, depth, pauses[name]]), ([name]) => name,
    ([name]) => tile(name), updateTile);
  write($("queues-count"), inQueues(service));
  keyed($("queues"), service.recipient_queues, (one) => `${one.number} ${one.priority} ${one.test}`, createQueue, updateQueue);
  $("tags-block").hidden = !service.tags.length;
  keyed($("tags"), service.tags, (one) => one.tag, createTag, updateTag);
  $("scheduled-block").hidden = !service.held;
  write($("scheduled-count"), service.held > service.scheduled.length ? `the first of ${service.held}` : String(service.held));
  keyed($("scheduled"), service.scheduled, (one) => one.message_id, createLater, updateLater);
}

/** `onChoose(number)` is called when a person takes a recipient queue. */
export function setUpWaiting(onChoose) {
  choose = onChoose;
}
