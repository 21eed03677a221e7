// Subscriptions, and what became of the last try of each. Their secrets are not shown.

import { call } from "./controls.js";
import { byId, element, fill } from "./elements.js";

let asking = false;

/** Asks apart from the rest: the answer waits for what is being delivered. */
export async function showWebhooks(number) {
  byId("webhooks-card").hidden = number === 0;
  if (number === 0 || asking) return;
  asking = true;
  try {
    const { webhooks, deliveries } = await call("GET", "webhooks");
    const last = new Map(deliveries.map((one) => [one.webhook_id, one]));
    const shown = webhooks.map(({ id, event, url, enabled }) => [event, url, enabled ? "enabled" : "given up", outcome(last.get(id))]);
    fill(byId("webhooks"), shown, () => shown.map(row));
  } catch {
    // Where the sandbox is gone, the banner says so.
  } finally {
    asking = false;
  }
}

function row([event, url, state, tried]) {
  return element("tr", {},
    element("th", { scope: "row", class: "mono" }, event),
    element("td", { class: "mono" }, url),
    element("td", {}, state),
    element("td", {}, tried),
  );
}

function outcome(tried) {
  if (!tried) return "none yet";
  return tried.status === undefined ? tried.error : `answered ${tried.status}`;
}
