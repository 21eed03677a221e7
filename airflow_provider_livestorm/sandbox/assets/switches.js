// Every setting of the sandbox: its choices, what it does, and changing it.

import { act, call } from "./controls.js";
import { byId, element } from "./elements.js";

const rows = new Map(); // by the setting's name

/** Builds the list; once for each sandbox, for choices and words do not change while it runs. */
export function buildSwitches(settings) {
  rows.clear();
  byId("switches").replaceChildren(...settings.map(build));
  search();
}

/** Shows the values as they are now, but in a field that somebody is changing. */
export function showSwitches(values) {
  for (const [name, { setting, control, row, changing }] of rows) {
    if (changing()) continue;
    write(setting, control, values[name]);
    row.toggleAttribute("data-changed", values[name] !== setting.default);
  }
}

function build(setting) {
  const { name, choices, about } = setting;
  const id = `switch-${name}`;
  const described = { id, "aria-describedby": `${id}-about ${id}-note` };
  const control = choices === null
    ? element("input", { ...described, type: "number", min: 0, step: 1, inputmode: "numeric" })
    : element("select", described, ...choices.map((choice, number) => element("option", { value: number }, String(choice))));
  const note = element("p", { id: `${id}-note`, class: "note", "aria-live": "polite" });
  const row = element("li", {},
    element("div", { class: "about" },
      element("label", { for: id }, name),
      element("span", { class: "changed" }, `changed from ${String(setting.default)}`),
      element("p", { id: `${id}-about`, class: "muted" }, about)),
    control,
    note,
  );
  let changing = false;
  control.addEventListener("input", () => { changing = true; });
  control.addEventListener("change", async () => {
    changing = true;
    // A value that was refused stays, beside the reason, until it is mended.
    changing = !(await act({ trigger: control, field: control, note }, () =>
      call("PATCH", "settings", { [name]: read(setting, control) })));
  });
  rows.set(name, { setting, control, row, changing: () => changing });
  return row;
}

/** The value with its type: 403 is not "403", nor is 1 true. */
function read({ choices }, control) {
  if (choices !== null) return choices[Number(control.value)];
  return control.value === "" ? null : Number(control.value);
}

function write({ choices }, control, value) {
  const text = String(choices === null ? value : choices.indexOf(value));
  if (control.value !== text) control.value = text;
}

function search() {
  const sought = byId("switch-search").value.trim().toLowerCase();
  let found = 0;
  for (const [name, { setting, row }] of rows) {
    row.hidden = !`${name} ${name.replaceAll("_", " ")} ${setting.about}`.toLowerCase().includes(sought);
    found += !row.hidden;
  }
  byId("switches-none").hidden = found > 0;
}

export function startSwitches() {
  byId("switch-search").addEventListener("input", search);
}
