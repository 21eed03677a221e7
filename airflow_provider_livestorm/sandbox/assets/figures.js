// What the sandbox counted, and what is in its workspace.

import { bar, byId, count, element, emptyRow, fill, lengthen, words } from "./elements.js";
import { onDay } from "./time.js";

export function showFigures(status, streams) {
  const { counters, made_from: from } = status;
  byId("workspace-name").textContent = status.name;
  byId("made-from").textContent = `preset ${from.preset}, seed ${from.seed}`;
  showMonth(status);
  fill(byId("refused"), counters.refused_by_limit, ({ interval = 0, monthly = 0 }) => [
    ...fact("429, too many in a second", interval, "warn"),
    ...fact("429, the month is used up", monthly, "warn"),
  ]);
  fill(byId("tokens"), counters, showTokens);
  fill(byId("operations"), counters.calls_by_operation, (calls) => shares(calls, counters.calls_total, "No calls yet."));
  fill(byId("statuses"), counters.answers_by_status, (answers) => shares(answers, counters.calls_total, "No answers yet."));
  fill(byId("streams"), [streams, status.workspace], ([names, held]) => names.map((name) => stream(name, held[name])));
}

function showMonth({ clock, counters, settings, month_renews_at: renews }) {
  // The sandbox begins a new month with the first call after the old one, not before.
  const over = renews !== null && clock >= renews;
  const used = over ? 0 : counters.used_this_month;
  const limit = settings.monthly_limit;
  byId("month-used").textContent = count(used);
  byId("month-limit").textContent = limit ? `of ${count(limit)}` : "and no limit";
  lengthen(byId("month-bar"), limit ? used / limit : 0);
  byId("month-bar").dataset.kind = limit && used >= limit * 0.9 ? "bad" : "";
  const left = limit ? `${count(Math.max(0, limit - used))} left; ` : "";
  const begins = renews === null || over ? "the month begins with the next call" : `renews on ${onDay(renews)}`;
  byId("month-left").textContent = left + begins;
}

function showTokens(counters) {
  return [
    ...fact("Connections opened", counters.connections_opened),
    ...fact("Refreshes", counters.refreshes),
    ...fact("Refreshes refused", counters.refused_refreshes, "warn"),
    ...fact("Spent tokens used again", counters.reuses_of_spent_tokens, "bad"),
    ...fact("Faults met", counters.faults_met),
    ...fact("Recordings served", counters.recordings_served),
    ...fact("Tokens shown to file storage", counters.tokens_shown_to_storage, "bad"),
  ];
}

/** A name and its number; `kind` colours a number that is not nought. */
function fact(name, number, kind = "") {
  return [element("dt", {}, name), element("dd", { "data-kind": number ? kind : "" }, count(number))];
}

function shares(calls, total, none) {
  const rows = Object.entries(calls).sort(([name, one], [next, other]) => other - one || name.localeCompare(next));
  if (!rows.length) return [emptyRow(2, none)];
  return rows.map(([name, number]) =>
    element("tr", {},
      element("th", { scope: "row", class: "mono" }, name),
      element("td", { class: "number" }, element("span", { class: "measure" }, bar(number / total), count(number))),
    ));
}

function stream(name, held) {
  const link = element("a", { href: `truth/${encodeURIComponent(name)}`, download: `${name}.jsonl` }, "JSONL");
  link.setAttribute("aria-label", `${words(name)}, JSON Lines`);
  return element("tr", {},
    element("th", { scope: "row" }, words(name)),
    element("td", { class: "number" }, held === undefined ? "–" : count(held)),
    element("td", { class: "number" }, link),
  );
}
