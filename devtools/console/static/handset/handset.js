// The handset: one stream of both sides, the phone that is looked at, and what rings.

import { api, listen, write } from "/static/shell.js";
import { address, begin, setUpCompose, suggest } from "./compose.js";
import { known, missed, read, reveal, setUpPhones, showPhones, take } from "./phones.js";
import { setUpProvider, showProvider } from "./provider.js";
import { ring, setUpSound } from "./ring.js";
import { setUpReplies, showPhone, showTexts, toEnd } from "./screen.js";
import { setUpWaiting, showStored, showWaiting } from "./waiting.js";
import { spoken } from "./words.js";

const $ = (id) => document.getElementById(id);
const FIRST = "+12025550123", FEW = 3;
const simulated = $("main").dataset.simulated === "yes";
const opened = Date.now(), arrived = new Map();
let number = FIRST, chosen = false, state = null, stop = () => {}, begun = false, asked = null;

try {
  const kept = sessionStorage.getItem("phone");
  if (kept) [number, chosen] = [kept, true];
} catch { /* then it begins with the first */ }

function look() {
  stop();
  stop = listen(`/api/handset?number=${encodeURIComponent(number)}`, show);
}

async function choose(wanted, toForm = address) {
  if (wanted === number && chosen) return toForm(number);
  // From now on the page chooses none by itself.
  [asked, chosen] = [wanted, true];
  // What is no number has no phone. Another may have been chosen while it was asked after.
  if (!(simulated && known(wanted)) && !(await adopt(wanted)) || asked !== wanted) return;
  number = wanted;
  try { sessionStorage.setItem("phone", number); } catch { /* only a page that is opened again would miss it */ }
  toForm(number);
  read(number);
  // What both sides have of it is not known yet.
  if (state) show({ ...state, number, arrived: null, texts: null });
  reveal(number);
  look();
}

async function adopt(wanted) {
  try {
    take(await api("GET", `/api/handset/facts?number=${encodeURIComponent(wanted)}`));
    return true;
  } catch {
    return false;
  }
}

// What came before the page was opened rings no more. What came since then does, although the page had not yet heard
// of any phone: one who sends at once is to hear it. The simulated provider has the same clock.
function old(phone) {
  if (begun) return 0;
  const since = phone.last?.kind === "text" && phone.last.at_ms >= opened;
  return phone.arrived - (since ? 1 : 0);
}

function fresh(phones) {
  const rung = [];
  for (const phone of phones) {
    const before = arrived.get(phone.number) ?? old(phone);
    arrived.set(phone.number, phone.arrived);
    if (phone.arrived <= before) continue;
    rung.push(phone.number);
    if (phone.number !== number) missed(phone.number, phone.arrived - before);
  }
  return rung;
}

function rings(rung) {
  for (const at of rung) {
    if (at === number) {
      ring($("phone"));
      continue;
    }
    // Where many come at once, a list that glows all over says nothing.
    const row = document.querySelector(`#phones li[data-key="${CSS.escape(at)}"]`);
    if (rung.length <= FEW && row) ring(row);
  }
  if (!rung.length) return;
  const who = rung.length > FEW ? `${rung.length} phones` : rung.map(spoken).join(", ");
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
    choose(newest.number, suggest);
    return;
  }
  const rung = fresh(found.provider.phones);
  showPhones(found.provider, found.service, number);
  showPhone(number, known(number), found.provider.moved[number] ?? known(number)?.network ?? "t_mobile");
  showTexts(found.arrived);
  showProvider(found.provider, number, known(number));
  rings(rung);
  if (rung.includes(number) || !begun) toEnd();
  begun = true;
}

// The phone is looked at before its text comes, so that one sees it ring.
function sends(numbers) {
  if (!numbers.includes(number) && numbers.length) choose(numbers[0], suggest);
}

begin(number);
setUpCompose(sends);
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
}
await adopt(number);
look();
