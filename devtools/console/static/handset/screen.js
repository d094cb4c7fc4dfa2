// The phone that is looked at: its texts as bubbles, and what a person does on it.

import { api, keyed, make, write } from "/static/shell.js";
import { plain, spoken, tone, when, CARRIERS } from "./words.js";

const $ = (id) => document.getElementById(id);
const NEAR = 60;

function picture(url) {
  // Only a file of this console is loaded; any other picture is named.
  let address = null;
  try { address = new URL(url); } catch { /* no URL: it is shown as it is */ }
  if (address?.origin === location.origin) {
    const image = make("img", "picture");
    image.src = address.href;
    image.alt = "The picture that came with the text";
    // Its place is kept before it is loaded, so that nothing moves then.
    [image.width, image.height] = [320, 200];
    return image;
  }
  return make("span", "file", address ? address.pathname.split("/").pop() || address.host : url);
}

function bubble(text) {
  const kind = text.kind === "inbound" ? "mine" : "theirs";
  const link = text.message_id ?? (text.kind === "inbound" ? text.id : null);
  const way = link ? make("a", "way", "its way") : null;
  if (way) way.href = `/texts/${encodeURIComponent(link)}`;
  const box = make("div", "bubble", ...text.media.map(picture));
  if (text.text) box.append(make("p", "", text.text));
  if (!text.text && !text.media.length) box.append(make("p", "soft", "(no text)"));
  const meta = make("p", "meta", make("span", "at"), make("span", "parts"), make("span", "state"), way);
  return make("article", `text ${kind} ${text.kind}`, box, meta);
}

function refresh(row, text) {
  const [at, parts, state] = row.querySelectorAll(".meta > span");
  write(at, when(text.at_ms));
  const form = text.type === "MMS" ? "picture" : text.parts > 1 ? `${text.parts} segments` : "1 segment";
  write(parts, text.kind === "text" ? form : "");
  const errors = text.errors.map((error) => ` ${error.code} ${error.title}`).join(";");
  const from = { inbound: "from this phone", autoresponse: "from the provider itself" }[text.kind];
  write(state, from ?? plain(text.status) + errors);
  state.className = `state ${from ? "" : tone(text.status)}`;
}

function nothing() {
  const box = $("talk");
  if (box.querySelector(".quiet-screen")) return;
  box.replaceChildren(make("div", "quiet-screen", make("p", "big", when(Date.now(), false)),
    make("p", "", "No texts yet."), make("p", "soft", "Send one, and this phone rings.")));
}

/** Show the texts of a phone, null while they are not known; whether it was at its end stays so. */
export function showTexts(texts) {
  const box = $("talk"), atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
  if (texts === null) return box.replaceChildren();
  if (!texts.length) return nothing();
  box.querySelector(".quiet-screen")?.remove();
  keyed(box, texts, (text) => text.id, bubble, refresh);
  if (atEnd) box.scrollTop = box.scrollHeight;
}

/** Show whose phone it is. `phone` is null as long as no text came to it. */
export function showPhone(number, phone, network) {
  write($("phone-number"), spoken(number));
  write($("phone-carrier"), CARRIERS[network] ?? "");
  write($("phone-clock"), when(Date.now(), false));
  const note = phone?.opted_out ? "opted out at the provider" : `texts with ${spoken(document.getElementById("main").dataset.number)}`;
  write($("phone-note"), note);
  $("phone-note").classList.toggle("bad", phone?.opted_out ?? false);
}

/** Go to the newest text. */
export function toEnd() {
  $("talk").scrollTop = $("talk").scrollHeight;
}

async function say(number, text, media) {
  try {
    const answer = await api("POST", "/api/handset/inbound", { from: number, text, media_urls: media });
    write($("said"), answer.webhook_url ? "" : "No webhook URL is set on the profile: the service does not hear of it.");
    $("said").className = "said small wait";
    return true;
  } catch (problem) {
    write($("said"), `Not sent: ${problem.message}`);
    $("said").className = "said small bad";
    return false;
  }
}

/** Let a person text from the phone; `current()` is its number. */
export function setUpReplies(current) {
  const input = $("reply-text");
  $("reply").addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = input.value;
    if (!text.trim()) return;
    if (await say(current(), text, []) && input.value === text) input.value = "";
    toEnd();
  });
  for (const button of document.querySelectorAll("[data-word]")) {
    button.addEventListener("click", () => say(current(), button.dataset.word, []).then(toEnd));
  }
  $("picture").addEventListener("click", () => {
    const text = input.value;
    say(current(), text, [`${location.origin}/static/handset/picture.svg`]).then((done) => {
      if (done && input.value === text) input.value = "";
      toEnd();
    });
  });
}
