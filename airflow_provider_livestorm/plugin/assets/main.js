// The Livestorm page: looks at the connections every 15 seconds while somebody sees it, and does what its buttons say.

import { Refusal, Unreachable, act, connections } from "./api.js";
import { Card, needy, sorted } from "./card.js";
import { askToConnect, askToDisconnect, startDialogs } from "./dialogs.js";
import { byId, element, fill, many } from "./elements.js";
import { asked, logIn, startLinks } from "./frame.js";
import { clock, setClock, tick } from "./moments.js";

const PAUSE = 15_000; // ms between looks
const BEAT = 5_000; // ms between two looks at the clock

const named = asked(); // at once: when the frame has loaded, Airflow's UI takes the query out of its address
const cards = new Map(); // by connection id
let latest = null; // what the server told last
let looks = 0;
let timer;
let pointed = false; // to the connection that the address names
let announced = ""; // the notice that was shown

async function look() {
  const mine = ++looks; // an older look that is still under way must not overwrite what this one finds
  clearTimeout(timer);
  try {
    const found = await connections();
    if (mine !== looks) return;
    show(found);
  } catch (error) {
    if (mine !== looks) return;
    if (!(error instanceof Refusal || error instanceof Unreachable)) throw error;
    showRefusal(error);
  }
  if (document.visibilityState === "visible") timer = setTimeout(look, PAUSE);
}

function show(found) {
  latest = found;
  setClock(found.now);
  byId("away").hidden = true;
  document.body.classList.remove("is-away");
  byId("airflow").href = found.airflow_url;
  const waiting = found.connections.filter(needy).length;
  const wants = waiting ? `, ${waiting} ${waiting === 1 ? "needs" : "need"} attention` : "";
  fill(byId("summary"), found.connections.length ? `${many(found.connections.length, "connection")}${wants}` : "", (words) => [words]);
  showCards(sorted(found.connections), found.connections_url);
  byId("looking")?.remove();
  showInstead(found.connections.length ? null : "none");
  showNotice(found.notice);
  pointOnce();
}

function showCards(connectionsInOrder, url) {
  const here = new Set(connectionsInOrder.map((one) => one.conn_id));
  for (const [id, card] of cards) {
    if (!here.has(id)) cards.delete(id) && card.node.remove();
  }
  const focused = document.activeElement;
  connectionsInOrder.forEach((connection, place) => {
    const { conn_id: id } = connection;
    if (!cards.has(id)) cards.set(id, new Card(perform));
    const card = cards.get(id);
    card.show(connection, url);
    const there = byId("cards").children[place];
    if (there !== card.node) byId("cards").insertBefore(card.node, there ?? null);
  });
  // Moving a card takes the focus from what is in it.
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

/** The outcome of a Connect that just came back. It stays until somebody dismisses it. */
function showNotice(notice) {
  const now = JSON.stringify(notice);
  if (notice === null || now === announced) return;
  announced = now;
  const place = byId("notice");
  place.dataset.kind = notice.kind;
  place.setAttribute("role", notice.kind === "error" ? "alert" : "status");
  place.hidden = false;
  const about = notice.conn_id ? [element("strong", {}, notice.conn_id), " "] : [];
  byId("notice-text").replaceChildren(...about, notice.message);
}

function pointOnce() {
  if (pointed || named === null) return;
  pointed = true;
  const card = cards.get(named);
  card?.point();
  byId("missing").hidden = card !== undefined;
  byId("missing").textContent = card ? "" : `There is no Livestorm connection “${named}” here, or you may not see it.`;
}

// --- when there is nothing to show -----

function showRefusal(error) {
  if (error.status === 401 || error.status === 403) {
    latest = null;
    for (const card of cards.values()) card.node.remove();
    cards.clear();
    fill(byId("summary"), "", () => []);
    byId("away").hidden = true;
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
    byId("looking")?.remove();
    showInstead(String(error.status), error.message);
    return;
  }
  const below = latest === null ? "" : ` Below is how it was at ${clock()}.`;
  const banner = byId("away");
  const words = `${error.message}${banner.hidden ? below : banner.dataset.below} This page goes on trying.`;
  if (banner.hidden) banner.dataset.below = below;
  if (banner.hidden || banner.textContent !== words) banner.textContent = words; // said once, not at each look
  banner.hidden = false;
  document.body.classList.toggle("is-away", latest !== null);
}

const INSTEAD = {
  none: () => [
    element("h2", {}, "No Livestorm connection yet"),
    element("p", {}, "Create one under Admin > Connections, of type Livestorm, with the client id and the client secret of your ",
      "Livestorm application (or with a private API token). Then come back and connect it here."),
    element("p", {}, element("a", { class: "button main", href: latest.connections_url, "data-leaves": "" }, "Open Airflow's connections")),
  ],
  401: () => {
    const button = element("button", { type: "button", class: "main" }, "Log in");
    button.addEventListener("click", logIn);
    return [element("h2", {}, "You are logged out"), element("p", {}, "Log in to Airflow again; you come back to this page."), element("p", {}, button)];
  },
  403: (words) => [
    element("h2", {}, "You may not see connections"),
    element("p", {}, words || "Ask an administrator of this Airflow for the right to read connections."),
  ],
};

function showInstead(what, words = "") {
  const place = byId("instead");
  place.hidden = what === null;
  fill(place, [what, words], () => (what === null ? [] : INSTEAD[what](words)));
}

// --- what the buttons do -----

async function perform(action, card, button) {
  const { connection } = card;
  if (button.ariaBusy === "true") return;
  if (action === "connect") return askToConnect(connection, latest);
  if (action === "disconnect" && !(await askToDisconnect(connection))) return;
  // Not `disabled`: that would take the focus away from whoever uses the keyboard.
  button.ariaBusy = "true";
  card.say(action === "test" ? "Testing…" : "Disconnecting…", "");
  try {
    const { ok, message } = await act(connection.conn_id, action);
    card.say(message, ok ? "done" : "refused");
  } catch (error) {
    if (!(error instanceof Refusal || error instanceof Unreachable)) throw error;
    card.say(error.message || (error.status === 401 ? "You are logged out." : "You may not do that."), "refused");
  } finally {
    button.ariaBusy = null;
    document.dispatchEvent(new Event("acted"));
  }
}

startLinks();
startDialogs();
byId("way-back").hidden = document.documentElement.hasAttribute("data-embedded");
byId("notice-close").addEventListener("click", () => {
  byId("notice").hidden = true;
});
document.addEventListener("acted", look);
document.addEventListener("visibilitychange", () => (document.visibilityState === "visible" ? look() : clearTimeout(timer)));
window.addEventListener("pageshow", (event) => event.persisted && look());
setInterval(tick, BEAT);
look();
