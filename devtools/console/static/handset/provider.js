// What goes wrong at the provider: behaviour and carrier of a number, outages, limits; and the latest requests.

import { api, keyed, make, write } from "/static/shell.js";
import { CARRIERS, count, countDown, plain, spoken, when } from "./words.js";

const $ = (id) => document.getElementById(id);
const GROUPS = [
  [/^0?14/, "What the receipts say"], [/^013/, "What the webhooks suffer"], [/^01(5|6)/, "Refused or not taken"],
  [/^017/, "Taken, though the answer is lost or late"],
];
const OUTAGES = {
  refused: "takes no connection", hang: "never answers", 500: "answers 500", 502: "answers 502, in HTML", 403: "answers 403, in HTML",
  404: "answers 404", 200: "answers 200, in HTML", redirect: "redirects", rate: "takes one text a second",
};
let outcomes = [], outages = [], number = null;

async function ask(method, what, body) {
  write($("provider-error"), "");
  try {
    return await api(method, `/api/handset/${what}`, body);
  } catch (problem) {
    write($("provider-error"), problem.message);
    return null;
  }
}

function option(value, title) {
  return Object.assign(make("option", "", title), { value });
}

function fillOutcomes(select) {
  select.append(option("", "as its digits say"));
  const rest = new Map([...GROUPS.map(([, title]) => title), "Over a limit"].map((title) => [title, []]));
  for (const one of outcomes) {
    const group = GROUPS.find(([digits]) => digits.test(one.suffix ?? ""))?.[1] ?? "Over a limit";
    if (one.name !== "delivered") rest.get(group).push(option(one.name, plain(one.name)));
  }
  select.append(option("delivered", "delivered"));
  for (const [title, options] of rest) {
    const group = make("optgroup", "", ...options);
    group.label = title;
    select.append(group);
  }
}

/** Set the part up from what may be chosen. `current()` is the phone that is looked at. */
export function setUpProvider(choices, current) {
  outcomes = choices.outcomes;
  outages = choices.outages;
  fillOutcomes($("outcome"));
  $("network").append(option("", "by its digits"), ...choices.networks.map((one) => option(one.name, one.title)));
  $("outage-kind").append(option("", "answers as ever"), ...outages.map((one) => option(one.name, OUTAGES[one.name] ?? plain(one.name))));
  $("outcome").addEventListener("change", () => ask("POST", "behaviour", { number: current(), outcome: $("outcome").value || null }));
  $("network").addEventListener("change", () => ask("POST", "carriers", { number: current(), network: $("network").value || null }));
  $("enforce").addEventListener("change", () => ask("POST", "limits", { enforce: $("enforce").checked }));
  $("outage-kind").addEventListener("change", noteOutage);
  $("outage").addEventListener("submit", (event) => {
    event.preventDefault();
    const kind = $("outage").dataset.on ? null : $("outage-kind").value || null;
    ask("POST", "faults", { outage: kind, ...(kind === "rate" ? { rate: 1 } : {}) });
  });
  for (const form of ["behaviour"]) $(form).addEventListener("submit", (event) => event.preventDefault());
}

function noteOutage() {
  if ($("outage").dataset.on) return;
  const chosen = outages.find((one) => one.name === $("outage-kind").value);
  write($("outage-note"), chosen ? chosen.summary : "");
  $("outage-act").disabled = !chosen;
}

function showOutage(outage) {
  const form = $("outage"), select = $("outage-kind"), on = Boolean(outage);
  if (on) select.value = outage.outage;
  else if (form.dataset.on) select.value = "";
  select.disabled = on;
  form.classList.toggle("on", on);
  if (on) form.dataset.on = "yes";
  else delete form.dataset.on;
  write($("outage-act"), on ? "End it" : "Begin");
  if (!on) return noteOutage();
  $("outage-act").disabled = false;
  write($("outage-note"), `In an outage: ${outages.find((one) => one.name === outage.outage)?.summary ?? ""}`);
}

function showBehaviour(provider, phone) {
  const fault = provider.faults.find((one) => one.to === number), own = phone?.digits ?? "delivered";
  const name = fault?.outcome ?? "", what = outcomes.find((one) => one.name === (name || own));
  write($("behaviour-number"), spoken(number));
  if (document.activeElement !== $("outcome")) $("outcome").value = name;
  if (document.activeElement !== $("network")) $("network").value = provider.moved[number] ?? "";
  const times = fault?.times ? `the next ${count(fault.times, "request")}: ` : "";
  write($("outcome-note"), what ? times + what.summary : "");
}

function showCaps(limits) {
  const rows = limits.today.map((row) => [CARRIERS[row.network] ?? row.network, row]);
  keyed($("caps"), rows.flatMap(([name, row]) => [["dt", name], ["dd", name, row]]), ([tag, name]) => tag + name,
    ([tag, name]) => (tag === "dt" ? make("dt", "", name) : make("dd", "number")), (element, [tag, , row]) => {
      if (tag === "dt") return;
      const cap = row.network === "t_mobile" ? ` of ${limits.t_mobile.cap.toLocaleString("en-US")} a day` : row.network === "att"
        ? ` today; at most ${limits.att_per_minute.toLocaleString("en-US")} a minute` : " today";
      const over = row.failed + row.refused + row.expired;
      write(element, `${count(row.sent, "segment")}${cap}${over ? `, ${over} over` : ""}`);
    });
  if (document.activeElement !== $("enforce")) $("enforce").checked = limits.enforce;
}

function createRequest(row) {
  return make("li", "", make("span", "soft number", when(row.arrived_ms)), make("span", "number", row.to ? spoken(row.to) : "?"),
    make("span", "http"), make("span", "soft small outcome"));
}

function updateRequest(item, row) {
  const [, , http, outcome] = item.children;
  write(http, (row.status ?? "no answer") + (row.code ? ` / ${row.code}` : ""));
  http.className = `http number ${row.accepted || row.replayed ? "good" : "bad"}`;
  write(outcome, plain(row.outcome ?? "refused") + (row.replayed ? ", a repetition" : ""));
}

/** Show all of it for the phone that is looked at. */
export function showProvider(provider, current, phone) {
  number = current;
  showBehaviour(provider, phone);
  showOutage(provider.outage);
  showCaps(provider.limits);
  write($("request-count"), provider.request_count ? String(provider.request_count) : "none yet");
  keyed($("requests"), provider.requests, (row) => row.seq, createRequest, updateRequest);
}
