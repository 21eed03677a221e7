// The status page: looks at the sandbox every two seconds and shows what it finds.

import { act, busy, call } from "./controls.js";
import { byId } from "./elements.js";
import { showFaults, startFaults } from "./faults.js";
import { showFigures } from "./figures.js";
import { buildSwitches, showSwitches, startSwitches } from "./switches.js";
import { showClock, startClock, stopClock } from "./time.js";
import { showWebhooks } from "./webhooks.js";

const PAUSE = 2_000; // ms between looks
const PATIENCE = 10_000; // ms for one

let looks = 0;
let timer;
let streams = null; // null: what does not change while a sandbox runs is still to be asked for

async function look() {
  const mine = ++looks; // an older look that is still under way must not overwrite what this one finds
  clearTimeout(timer);
  try {
    if (streams === null) await begin();
    const asked = ["status", "faults"].map((path) => call("GET", path, undefined, PATIENCE));
    const [status, faults] = await Promise.all(asked);
    if (mine !== looks) return;
    show(status, faults);
  } catch (error) {
    if (mine !== looks) return;
    if (!busy()) showGone(error);
  }
  timer = setTimeout(look, PAUSE);
}

async function begin() {
  const asked = ["settings", "truth"].map((path) => call("GET", path, undefined, PATIENCE));
  const [described, truth] = await Promise.all(asked);
  buildSwitches(described.settings);
  streams = truth.streams;
}

function show(status, faults) {
  showClock(status.clock);
  showFigures(status, streams);
  showFaults(faults);
  showSwitches(status.settings);
  showWebhooks(status.workspace.webhooks);
  byId("gone").hidden = true;
  document.body.classList.remove("is-gone");
  byId("pulse-text").textContent = "Live";
}

function showGone(error) {
  streams = null; // the next one may be another
  stopClock();
  document.body.classList.add("is-gone");
  byId("pulse-text").textContent = "Gone";
  const banner = byId("gone");
  const words = `The sandbox is gone: ${error.message}. Below is how it was. This page goes on looking for it.`;
  if (banner.hidden || banner.textContent !== words) banner.textContent = words; // said once, not at each look
  banner.hidden = false;
}

byId("api-url").textContent = `${location.origin}/v1`;
startClock();
startFaults();
startSwitches();
const reset = byId("reset-counters");
reset.addEventListener("click", () =>
  act({ trigger: reset, note: byId("calls-note"), done: "Reset." }, () => call("POST", "reset-counters")));
document.addEventListener("acted", look);
look();
