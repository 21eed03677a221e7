// Moments in words that stay true while the page is open, with the exact time in UTC behind them.

import { element } from "./elements.js";

const exact = new Intl.DateTimeFormat("en-GB", {
  timeZone: "UTC", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
});
const minute = new Intl.DateTimeFormat("en-GB", {
  timeZone: "UTC", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
});
const day = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", month: "short", year: "numeric" });
const shortDay = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", month: "short" });

let ahead = 0; // seconds from this browser's clock to the server's

/** Sets the clock by the server's, which the moments are told in. */
export function setClock(seconds) {
  ahead = seconds - Date.now() / 1000;
  tick();
}

export const now = () => Date.now() / 1000 + ahead;

const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

/** A length of time in its two largest units: `1 hour 48 minutes`. */
export function lasting(seconds) {
  const first = UNITS.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "less than a minute";
  const parts = [];
  let left = seconds;
  for (const [name, size] of UNITS.slice(first, first + 2)) {
    const number = Math.floor(left / size);
    left -= number * size;
    if (number) parts.push(`${number} ${name}${number === 1 ? "" : "s"}`);
    if (number >= 7) break; // after a week, hours say nothing
  }
  return parts.join(" ");
}

const ago = (seconds) => (seconds < 60 ? "just now" : `${lasting(seconds)} ago`);

// What a moment is told as; each takes the seconds since it, which are negative where it is to come.
const FORMS = {
  age: (since) => lasting(Math.max(0, since)),
  ago: (since) => ago(Math.max(0, since)),
  expiry: (since) => (since < 0 ? `in ${lasting(-since)}` : `expired ${ago(since)}`),
  renewable: (since) => (since < 0 ? `in ${lasting(-since)}` : `expired ${ago(since)}; the next call refreshes it`),
};

/** A moment (UTC, in seconds) as words that stay true; hovering tells it to the second. */
export function moment(seconds, form) {
  const made = stamp(seconds, "");
  made.dataset.at = seconds;
  made.dataset.form = form;
  write(made);
  return made;
}

/** A moment as a date and time. */
export const minuteOf = (seconds) => stamp(seconds, `${minute.format(seconds * 1000)} UTC`);

/** A moment as a date. */
export const dayOf = (seconds) => stamp(seconds, day.format(seconds * 1000));

/** `2026-11-24` as `24 Nov`. */
export const dayInWords = (text) => shortDay.format(new Date(`${text}T00:00:00Z`));

/** The time of now, for people. */
export const clock = () => `${exact.format(now() * 1000).split(", ").at(-1)} UTC`;

function stamp(seconds, words) {
  const iso = `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
  return element("time", { datetime: iso, title: `${exact.format(seconds * 1000)} UTC` }, words);
}

function write(made) {
  const words = FORMS[made.dataset.form](now() - Number(made.dataset.at));
  if (made.textContent !== words) made.textContent = words;
}

/** Writes every moment on the page anew. */
export function tick() {
  document.querySelectorAll("time[data-at]").forEach(write);
}
