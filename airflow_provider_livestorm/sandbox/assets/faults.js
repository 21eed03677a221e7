// The rules by which calls fail: listed, added, cleared.

import { act, call } from "./controls.js";
import { byId, count, element, emptyRow, fill } from "./elements.js";

const numberOrNull = (field) => (field.value === "" ? null : Number(field.value));

export function showFaults({ rules, bodies }) {
  fill(byId("faults"), rules, () => (rules.length ? rules.map(row) : [emptyRow(3, "None: calls are answered as they should be.")]));
  const body = byId("fault-body");
  if (body.options.length === 1) body.append(...bodies.map((name) => element("option", { value: name }, name)));
}

function row(rule) {
  return element("tr", {},
    element("th", { scope: "row", class: "mono" }, rule.path_prefix),
    element("td", {}, outcome(rule)),
    element("td", { class: "number" }, rule.times ? `${count(rule.left)} of ${count(rule.times)}` : "all"),
  );
}

function outcome({ status, body, delay, when, chance }) {
  const parts = [];
  if (status !== null) parts.push(`status ${status}`);
  if (body !== null) parts.push(`body ${body}`);
  if (delay) parts.push(`${delay} s late`);
  if (when === "after") parts.push("after the work is done");
  if (chance < 1) parts.push(`for ${Math.round(chance * 1000) / 10} % of calls`);
  return parts.join(", ");
}

export function startFaults() {
  const note = byId("faults-note");
  byId("fault-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const rule = {
      path_prefix: byId("fault-path").value,
      status: numberOrNull(byId("fault-status")),
      body: byId("fault-body").value || null,
      delay: numberOrNull(byId("fault-delay")) ?? 0,
      times: numberOrNull(byId("fault-times")) ?? 1,
    };
    act({ trigger: event.target.querySelector("button"), note, done: "Added." }, () => call("POST", "faults", rule));
  });
  const clear = byId("clear-faults");
  clear.addEventListener("click", () => act({ trigger: clear, note, done: "Cleared." }, () => call("DELETE", "faults")));
}
