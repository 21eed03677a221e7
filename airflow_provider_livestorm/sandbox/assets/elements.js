// Makes elements. Text becomes text nodes and nothing else, so whatever the sandbox sends cannot become HTML.

export const byId = (id) => document.getElementById(id);

/** An element with attributes and children; a child that is no element is text. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return made;
}

/** A bar whose length is a share of 0 to 1; its value stands beside it as text. */
export function bar(share) {
  const made = element("span", { class: "bar", "aria-hidden": "true" });
  lengthen(made, share);
  return made;
}

export function lengthen(made, share) {
  made.style.setProperty("--share", String(Math.min(1, Math.max(0, share || 0))));
}

const filled = new WeakMap();

/** Fills a place anew, only where what it shows has changed: else it would lose focus and selection at each look. */
export function fill(place, data, make) {
  const now = JSON.stringify(data);
  if (filled.get(place) === now) return;
  filled.set(place, now);
  place.replaceChildren(...make(data));
}

/** A table's only row, where it has nothing to show. */
export const emptyRow = (columns, words) =>
  element("tr", {}, element("td", { colspan: columns, class: "muted" }, words));

const counts = new Intl.NumberFormat("en");

export const count = (number) => counts.format(number);

/** `session_people` as words. */
export const words = (name) => name.replaceAll("_", " ");
