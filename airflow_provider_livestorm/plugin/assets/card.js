// A connection's card: its state, what is known of it, and the actions that its state allows.

import { chart } from "./chart.js";
import { element, fill, say } from "./elements.js";
import { minuteOf, moment, now } from "./moments.js";
import { quotaParts } from "./quota.js";

const STATES = {
  needs_reconnecting: "Needs reconnecting",
  needs_attention: "Needs attention",
  not_connected: "Not connected",
  not_tried: "Not tried yet",
  connected: "Connected",
};
const ORDER = Object.keys(STATES); // those that want somebody come first
const KINDS = { oauth: "OAuth application", api_token: "Private API token", unusable: "Cannot be used as it is" };

/** Whether somebody has to do something about it. */
export const needy = (connection) => connection.state.startsWith("needs_") || connection.kind === "unusable";

/** Those that need somebody first, then by name. */
export function sorted(connections) {
  const rank = (one) => (one.kind === "unusable" ? 0 : ORDER.indexOf(one.state));
  return connections.toSorted((one, other) => rank(one) - rank(other) || one.conn_id.localeCompare(other.conn_id));
}

/** What may be done with a connection, in the order of its buttons: `[action, label, is the main one]`. */
export function actionsOf({ kind, state, may_edit: mayEdit }) {
  if (!mayEdit || kind === "unusable") return [];
  if (kind === "api_token") return [["test", "Test", false]];
  if (state === "not_connected") return [["connect", "Connect", true]];
  const untried = state === "not_tried"; // it may well work as it is
  const connect = ["connect", untried ? "Connect" : "Reconnect", state === "needs_reconnecting"];
  const test = ["test", "Test", untried];
  return [...(untried ? [test, connect] : [connect, test]), ["disconnect", "Disconnect", false]];
}

let made = 0;

/** Makes a card; `perform(action, connection, button, note)` does what a button says. */
export class Card {
  constructor(perform) {
    const id = `card-${++made}`; // not the connection's id, which may hold a blank
    this.perform = perform;
    this.title = element("h2", { id });
    this.badge = element("p", { class: "badge" });
    this.kind = element("p", { class: "muted kind" });
    this.actions = element("div", { class: "actions", role: "group", "aria-labelledby": id });
    this.reason = element("p", { class: "reason" });
    this.note = element("p", { class: "note", role: "status" });
    this.facts = element("dl", { class: "facts" });
    this.quota = element("div", { class: "quota" });
    this.chart = chart();
    this.figures = [block("Monthly quota", this.quota), block("Calls, last 30 days", this.chart.place)];
    this.node = element("article", { class: "card", tabindex: -1, "aria-labelledby": id },
      element("div", { class: "card-head" },
        element("div", { class: "names" }, element("div", { class: "name" }, this.title, this.badge), this.kind),
        this.actions),
      this.note,
      this.reason,
      element("div", { class: "card-body" }, this.facts, ...this.figures),
    );
  }

  show(connection, connectionsUrl) {
    const { kind, state, reason } = connection;
    this.connection = connection;
    this.node.dataset.state = kind === "unusable" ? "needs_attention" : state;
    fill(this.title, connection.conn_id, (name) => [name]);
    fill(this.badge, [state, kind], () => [STATES[state] ?? state]);
    fill(this.kind, kind, () => [KINDS[kind] ?? kind]);
    const correct = connection.may_edit && (kind === "unusable" || (kind === "api_token" && needy(connection)));
    fill(this.actions, [actionsOf(connection), correct && connectionsUrl], ([actions, url]) => [
      ...actions.map((one) => this.#button(...one)),
      ...(url ? [element("a", { class: "button", href: url, "data-leaves": "" }, "Open Airflow's connections")] : []),
    ]);
    const words = [reason, guide(connection)].filter(Boolean).join(" ");
    fill(this.reason, words, () => [words]);
    this.reason.hidden = !words;
    const { quota, calls, ...known } = connection;
    fill(this.facts, known, factsOf);
    this.facts.hidden = !this.facts.childElementCount;
    fill(this.quota, [quota, quota !== null && quota.resets_at !== null && quota.resets_at <= now()], () => quotaParts(quota));
    this.chart.show(calls);
    // Where nothing was ever asked for, there is nothing to say of it.
    const silent = quota === null && !calls.length && (state.startsWith("not_") || kind === "unusable");
    for (const one of this.figures) one.hidden = silent;
    this.node.classList.toggle("is-short", silent);
  }

  /** Marks the card that a link to the page named, and goes there. */
  point() {
    this.node.classList.add("is-asked");
    this.node.scrollIntoView({ block: "start" });
    this.node.focus({ preventScroll: true });
  }

  say(words, kind) {
    say(this.note, words, kind);
  }

  #button(action, label, main) {
    const button = element("button", { type: "button", class: main ? "main" : action === "disconnect" ? "quiet" : "" }, label);
    button.setAttribute("aria-describedby", this.title.id);
    button.addEventListener("click", () => this.perform(action, this, button));
    return button;
  }
}

const block = (title, ...children) => element("section", { class: "block" }, element("h3", {}, title), ...children);

function guide({ kind, state, may_edit: mayEdit }) {
  if (state === "not_connected" && kind === "oauth") {
    return mayEdit
      ? "Nobody has agreed at Livestorm yet. Connect takes you there; afterwards you are back here."
      : "Nobody has agreed at Livestorm yet. Somebody who may edit connections can connect it here.";
  }
  if (state === "not_tried" && kind === "oauth") return "Its refresh token came with the connection, and nothing has used it yet.";
  const wants = state.startsWith("needs_") || kind === "unusable";
  return wants && !mayEdit ? "Somebody who may edit connections can mend it here." : null;
}

function factsOf(connection) {
  const { kind, state } = connection;
  const rows = [];
  const add = (term, ...values) => rows.push(element("dt", {}, term), element("dd", {}, ...values));
  // What is not known is told as such where it might be known by now.
  const row = (term, value, ...more) => {
    if (value !== null) add(term, value, ...more);
    else if (state !== "not_tried") add(term, element("span", { class: "muted" }, "Not known yet"));
  };
  if (state !== "not_connected" && kind !== "unusable") {
    const { connected_as: who, checked_at: checked, workspace, scopes, refreshed_at: refreshed, expires_at: expires } = connection;
    const when = checked === null ? null : element("span", { class: "muted small aside" }, "checked ", moment(checked, "ago"));
    row("Connected as", who, when);
    row("Workspace", workspace);
    row("Scopes", scopes.length ? chips(scopes) : kind === "api_token" ? "As chosen when the token was made; Livestorm does not tell them" : null);
    if (kind === "oauth") {
      row("Token age", refreshed && moment(refreshed, "age"));
      row("Expires", expires && moment(expires, state.startsWith("needs_") ? "expiry" : "renewable"));
      row("Last refresh", refreshed && minuteOf(refreshed));
    } else {
      add("Expires", "Never; it ends when somebody deletes it at Livestorm");
    }
  }
  if (connection.kept_elsewhere) {
    add("Kept in", kind === "oauth"
      ? "The environment or a secrets backend; the tokens that rotate, in Airflow's database"
      : "The environment or a secrets backend");
  }
  return rows;
}

const chips = (scopes) => element("ul", { class: "chips" }, ...scopes.map((one) => element("li", {}, one)));
