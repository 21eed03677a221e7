// The sandbox's clock: shown as it runs, and moved.

import { act, call } from "./controls.js";
import { byId } from "./elements.js";

const LONGEST = 600_000; // ms; all that lies between has to happen, and webhooks to be delivered

const day = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", weekday: "long", day: "numeric", month: "long", year: "numeric" });
const short = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", month: "short", year: "numeric" });

let ahead = null; // seconds from this browser's steady clock to the sandbox's

/** A moment of the sandbox as a day. */
export const onDay = (seconds) => short.format(new Date(seconds * 1000));

export function showClock(seconds) {
  ahead = seconds - performance.now() / 1000;
  tick();
}

/** No sandbox, no time: a clock that ran on would be a lie. */
export function stopClock() {
  ahead = null;
}

function tick() {
  if (ahead === null) return;
  const now = new Date(1000 * (ahead + performance.now() / 1000));
  const text = now.toISOString();
  byId("clock").textContent = text.slice(11, 19);
  byId("clock").dateTime = `${text.slice(0, 19)}Z`;
  byId("clock-day").textContent = `${day.format(now)}, UTC`;
}

export function startClock() {
  setInterval(tick, 1000);
  const note = byId("clock-note");
  const move = (trigger, body, field) =>
    act({ trigger, field, note, done: "Moved; all that lay between has happened." }, () => call("POST", "clock", body, LONGEST));
  for (const button of document.querySelectorAll("[data-advance]")) {
    button.addEventListener("click", () => move(button, { advance: Number(button.dataset.advance) }));
  }
  byId("clock-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const field = byId("clock-moment");
    move(event.submitter ?? field, { set: Date.parse(`${field.value}Z`) / 1000 }, field);
  });
}
