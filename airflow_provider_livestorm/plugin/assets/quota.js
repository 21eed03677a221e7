// A connection's monthly quota: Livestorm's own figure, as a bar, and when it is full again.

import { count, element, many } from "./elements.js";
import { dayOf, minuteOf, moment, now } from "./moments.js";

const LOW = 0.1; // of the limit: what is left is shown as running out

/** What stands under "Monthly quota". */
export function quotaParts(quota) {
  if (quota === null) return [element("p", { class: "muted" }, "Not known yet: Livestorm tells it with its answers to calls.")];
  const { limit, remaining } = quota;
  const known = limit !== null && remaining !== null;
  const parts = [];
  if (known) {
    const used = Math.max(0, limit - remaining);
    const kind = remaining <= 0 ? "bad" : remaining <= limit * LOW ? "warn" : "";
    parts.push(
      element("p", { class: "figure" }, element("strong", {}, count(used)), ` of ${many(limit, "call")} used`),
      bar(used, limit, kind),
    );
  }
  const left = remaining === null ? null : remaining <= 0 ? "Used up" : `${count(remaining)} left`;
  parts.push(element("p", {}, left ?? `${many(limit ?? 0, "call")} a month; what is left is not known`, ", as of ", moment(quota.at, "ago"), "."));
  parts.push(element("p", { class: "muted small" }, ...reset(quota), " Livestorm's own figure, for all programs of the workspace."));
  return parts;
}

function bar(used, limit, kind) {
  const fill = element("span", {});
  fill.style.width = `${limit ? Math.min(100, (used / limit) * 100) : 0}%`;
  return element("div", {
    class: "bar", "data-kind": kind, role: "meter", "aria-label": "Monthly quota used",
    "aria-valuemin": 0, "aria-valuemax": limit, "aria-valuenow": Math.min(used, limit), "aria-valuetext": `${count(used)} of ${many(limit, "call")}`,
  }, fill);
}

function reset({ resets_at: at, resets_at_estimated: estimated }) {
  if (at === null) return ["Livestorm tells the reset date only once the quota is used up."];
  if (at <= now()) return ["It was to be full again on ", dayOf(at), estimated ? " (estimated)" : "", "; the next call tells."];
  return estimated ? ["Full again about ", dayOf(at), " (estimated)."] : ["Full again on ", minuteOf(at), "."];
}
