// Calls of the last 30 days, as the tasks of this Airflow reported them: bars for the eye, a table for everyone.

import { count, element, fill, many } from "./elements.js";
import { dayInWords } from "./moments.js";

const UNKNOWN =
  "What this Airflow's tasks reported. Missing: calls of other programs, which are in the quota, and of tasks that were " +
  "killed before they reported.";

/** The chart's place in a card, and what fills it; its table stays open, and where it was scrolled to, as calls come in. */
export function chart() {
  const drawn = element("div", {});
  const body = element("tbody", {});
  const details = tableOf(body);
  const place = element("div", { class: "calls" }, drawn, details, element("p", { class: "muted small" }, UNKNOWN));
  const show = (calls) => {
    fill(drawn, calls, drawing);
    fill(body, calls, rows);
    details.hidden = !calls.length;
  };
  return { place, show };
}

function drawing(calls) {
  if (!calls.length) return [element("p", { class: "muted" }, "None are kept for this connection yet.")];
  const total = calls.reduce((sum, one) => sum + one.calls, 0);
  const most = calls.reduce((best, one) => (one.calls > best.calls ? one : best));
  const peak = total ? `, most on ${dayInWords(most.day)}: ${count(most.calls)}` : "";
  const words = [element("strong", {}, count(total)), ` ${total === 1 ? "call" : "calls"}`, element("span", { class: "muted" }, peak)];
  return [element("p", { class: "figure" }, ...words), bars(calls, most, many(total, "call") + peak), days(calls)];
}

function bars(calls, most, words) {
  const made = element("div", { class: "chart", role: "img", "aria-label": `Calls on each of ${calls.length} days: ${words}` });
  for (const one of calls) {
    const bar = element("span", {});
    // A day with any call is to be seen, however small beside the largest.
    bar.style.height = one.calls ? `max(3px, ${(100 * one.calls) / most.calls}%)` : "1px";
    if (!one.calls) bar.className = "none";
    made.append(element("span", { title: `${dayInWords(one.day)}: ${many(one.calls, "call")}` }, bar));
  }
  return made;
}

function days(calls) {
  return element("p", { class: "days muted small", "aria-hidden": "true" },
    element("span", {}, dayInWords(calls[0].day)), element("span", {}, `${dayInWords(calls.at(-1).day)}, today`));
}

const rows = (calls) =>
  calls.toReversed().map((one) =>
    element("tr", {}, element("th", { scope: "row" }, dayInWords(one.day)), element("td", {}, count(one.calls))));

function tableOf(body) {
  const head = element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Day, UTC"), element("th", { scope: "col" }, "Calls")));
  const table = element("table", {}, element("caption", { class: "unseen" }, "Calls of the last 30 days, latest first"), head, body);
  // With tabindex the keyboard scrolls it too.
  const scrolled = element("div", { class: "scrolled", tabindex: 0, role: "group", "aria-label": "Calls by day" }, table);
  return element("details", {}, element("summary", {}, "As a table"), scrolled);
}
