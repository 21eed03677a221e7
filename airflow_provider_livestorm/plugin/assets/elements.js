// Makes elements. Text becomes text nodes and nothing else, so whatever a connection is called cannot become HTML.

export const byId = (id) => document.getElementById(id);

/** An element with attributes and children; a child that is no element is text, and null is none. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null).map((child) => (child instanceof Node ? child : String(child))));
  return made;
}

const filled = new WeakMap();

/** Fills a place anew, only where what it shows has changed: else it would lose focus and selection at each look. */
export function fill(place, data, make) {
  const now = JSON.stringify(data);
  if (filled.get(place) === now) return;
  filled.set(place, now);
  const hadFocus = place.contains(document.activeElement);
  place.replaceChildren(...make(data));
  // What had the focus is gone: the card it stood on is the nearest place that is not.
  if (hadFocus) place.closest("[tabindex]")?.focus({ preventScroll: true });
}

const counts = new Intl.NumberFormat("en");

export const count = (number) => counts.format(number);

/** `1 call`, `2 calls`. */
export const many = (number, one) => `${count(number)} ${one}${number === 1 ? "" : "s"}`;

/** Writes what became of something; a screen reader says it where `note` is a live region. */
export function say(note, words, kind = "") {
  note.textContent = words;
  note.dataset.kind = kind;
}
