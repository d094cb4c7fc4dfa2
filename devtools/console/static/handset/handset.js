// The handset: one stream of both sides, the phone that is looked at, and what rings.

import { api, listen, write } from "/static/shell.js";
import { address, begin, setUpCompose } from "./compose.js";
import { known, missed, read, reveal, setUpPhones, showPhones, take } from "./phones.js";
import { setUpProvider, showProvider } from "./provider.js";
import { ring, setUpSound } from "./ring.js";
import { setUpReplies, showPhone, showTexts, toEnd } from "./screen.js";
import { setUpWaiting, showStored, showWaiting } from "./waiting.js";
import { spoken } from "./words.js";

const $ = (id) => document.getElementById(id);
const FIRST = "+12025550123", FEW = 3;
const simulated = $("main").dataset.simulated === "yes";
const arrived = new Map();
let number = FIRST, chosen = false, state = null, stop = () => {}, begun = false, followed = false;

try {
  const kept = sessionStorage.getItem("phone");
  if (kept) [number, chosen] = [kept, true];
} catch { /* then it begins with the first */ }

function look() {
  stop();
  stop = listen(`/api/handset?number=${encodeURIComponent(number)}`, show);
}

async function choose(wanted, toForm = true) {
  [number, chosen] = [wanted, true];
  try { sessionStorage.setItem("phone", number); } catch { /* only a page that is opened again would miss it */ }
  if (toForm) address(number);
  read(number);
  if (simulated && !known(number)) await adopt(number);
  if (state) show({ ...state, number, arrived: [], texts: { texts: [], opted_out: false } });
  reveal(number);
  look();
}

async function adopt(wanted) {
  try {
    take(await api("GET", `/api/handset/facts?number=${encodeURIComponent(wanted)}`));
  } catch { /* no number: nothing comes to it */ }
}

function rings(phones) {
  const rung = [];
  for (const phone of phones) {
    const before = arrived.get(phone.number) ?? (begun ? 0 : phone.arrived);
    arrived.set(phone.number, phone.arrived);
    if (phone.arrived > before) rung.push([phone.number, phone.arrived - before]);
  }
  for (const [at, fresh] of rung) {
    if (at === number) {
      ring($("phone"));
      followed = true;
      continue;
    }
    missed(at, fresh);
    // Where many come at once, a list that glows all over says nothing.
    const row = document.querySelector(`#phones li[data-key="${CSS.escape(at)}"]`);
    if (rung.length <= FEW && row) ring(row);
  }
  if (!rung.length) return;
  const who = rung.length > FEW ? `${rung.length} phones` : rung.map(([at]) => spoken(at)).join(", ");
  write($("news"), `A text came to ${who}.`);
}

function show(found) {
  if (found.number !== number) return;
  state = found;
  if (found.service) showWaiting(found.service);
  showStored(number, found.texts);
  if (!simulated) return;
  const newest = found.provider.phones[0];
  if (!chosen && newest && !found.provider.phones.some((phone) => phone.number === number)) {
    choose(newest.number);
    return;
  }
  showPhones(found.provider, found.service, number);
  showPhone(number, known(number), found.provider.moved[number] ?? known(number)?.network ?? "t_mobile");
  showTexts(found.arrived);
  showProvider(found.provider, number, known(number));
  rings(found.provider.phones);
  if (followed || !begun) toEnd();
  followed = false;
  begun = true;
}

function sent(numbers) {
  if (!simulated) return;
  for (const one of new Set(numbers)) if (!known(one)) adopt(one);
  if (!numbers.includes(number) && numbers.length) choose(numbers[0], false);
}

begin(number);
setUpCompose(sent);
setUpWaiting(choose);
if (simulated) {
  setUpSound($("sound"));
  setUpReplies(() => number);
  try {
    const choices = await api("GET", "/api/handset/choices");
    setUpPhones(choices, choose, () => state && show(state));
    setUpProvider(choices, () => number);
  } catch (problem) {
    write($("provider-error"), problem.message);
  }
  await adopt(number);
}
look();
