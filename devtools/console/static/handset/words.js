// Words and numbers as a person reads them.

import { write } from "/static/shell.js";

export const CARRIERS = {
  att: "AT&T", t_mobile: "T-Mobile", verizon: "Verizon", us_cellular: "US Cellular", other: "another carrier",
  voip: "VoIP", landline: "landline", unknown: "unknown carrier",
};

export const HELD_BY = {
  recipient_rate: "pacing of this number", sender_rate: "pacing of our number", account_rate: "pacing of the account",
  paused: "sending is paused", breaker: "the breaker is open", provider_backoff: "the provider asked for less or took no text",
  opt_out_unclear: "an unclear reply is to be read", carrier_rate: "the carrier's rate",
  carrier_day_cap: "the carrier's day cap", schedule: "its time", quiet_hours: "quiet hours",
  recipient_limit: "the limit of this number", tag_paused: "its tag is paused", carrier_paused: "its carrier is paused",
};

const GOOD = new Set(["delivered", "received", "delivered_at_once"]);
const BAD = new Set(["failed", "suppressed", "cancelled", "expired_unsent", "sending_failed", "expired", "delivery_failed"]);
const DOUBT = new Set(["unknown", "delivery_unconfirmed"]);

/** The class of a status: good, bad, wait or info. */
export function tone(status) {
  if (GOOD.has(status)) return "good";
  if (BAD.has(status)) return "bad";
  return DOUBT.has(status) ? "wait" : "info";
}

/** A status or a name as words. */
export const plain = (name) => (name ?? "").replaceAll("_", " ");

/** +12025550123 as +1 202 555 0123; any other number as it is. */
export function spoken(number) {
  const parts = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(number);
  return parts ? `+1 ${parts[1]} ${parts[2]} ${parts[3]}` : number;
}

/** 1 text, 2 texts. */
export const count = (many, what) => `${many.toLocaleString("en-US")} ${what}${many === 1 ? "" : "s"}`;

/** How far a moment is: 4.2 s, 3:20, 2 h 5 min, 3 d 4 h. */
export function far(ms) {
  const seconds = Math.max(ms, 0) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${String(Math.floor(seconds % 60)).padStart(2, "0")} min`;
  if (minutes < 2880) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const MINUTE = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
const SECOND = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

/** A moment: the time of day, with its date if that is another day's. */
export function when(ms, seconds = true) {
  const at = new Date(ms), time = (seconds ? SECOND : MINUTE).format(at);
  return at.toDateString() === new Date().toDateString() ? time : `${DAY.format(at)}, ${time}`;
}

const counting = new Map();

/** Let an element say how far `ms` still is, and count down; null: it says `otherwise`. */
export function countDown(element, ms, otherwise = "") {
  if (ms === null || ms === undefined) {
    counting.delete(element);
    write(element, otherwise);
    return;
  }
  counting.set(element, ms);
  show(element, ms);
}

function show(element, ms) {
  const left = ms - Date.now();
  write(element, left > 250 ? `in ${far(left)}` : "now");
}

setInterval(() => {
  for (const [element, ms] of counting) {
    if (element.isConnected) show(element, ms);
    else counting.delete(element);
  }
}, 200);
