// The two questions of the page: what to ask Livestorm for, and whether to disconnect. In the page's own dialogs, for a
// framed page may open no others.

import { Refusal, Unreachable, act } from "./api.js";
import { byId, element, say } from "./elements.js";
import { embedded, leave } from "./frame.js";

const SLOW = 10_000; // ms until a person is told that Livestorm does not open

let asking = null; // the connection that the open dialog is about
let waiting;

/** Asks what DAGs may do, and goes to Livestorm. */
export function askToConnect(connection, { scopes, redirect_uri: redirect }) {
  asking = connection;
  const again = connection.state !== "not_connected" && connection.state !== "not_tried";
  byId("connect-title").textContent = `${again ? "Reconnect" : "Connect"} ${connection.conn_id}`;
  byId("redirect-uri").textContent = redirect;
  say(byId("redirect-note"), "");
  const granted = new Set(connection.scopes);
  const ticked = (one) => (granted.size ? granted.has(one.name) : one.preselected);
  for (const [place, write] of [["scopes-read", false], ["scopes-write", true]]) {
    const here = scopes.filter((one) => one.write === write);
    byId(place).hidden = !here.length;
    byId(place).querySelector("ul").replaceChildren(...here.map((one) => choice(one, ticked(one))));
  }
  warnOfOtherAddress(redirect, connection.conn_id);
  rest();
  show(byId("connect"));
}

function choice({ name, about }, checked) {
  const box = element("input", { type: "checkbox", value: name });
  box.checked = checked;
  return element("li", {}, element("label", {}, box, element("span", {}, element("code", {}, name), " ", element("span", { class: "muted" }, about))));
}

/** A login at one address is none at another: Livestorm would send the person back to where nobody knows them. */
function warnOfOtherAddress(redirect, connId) {
  const back = new URL(redirect);
  const other = back.origin !== location.origin;
  const place = byId("connect-elsewhere");
  place.hidden = !other;
  byId("connect-go").disabled = other;
  byId("connect-go").setAttribute("aria-describedby", other ? place.id : "");
  if (!other) return;
  const there = new URL("./", back);
  there.searchParams.set("connection", connId);
  place.replaceChildren(
    `You are at ${location.origin}, and Livestorm would send you back to ${back.origin}, where this login does not count. `,
    element("a", { href: there.href, "data-leaves": "" }, `Open this page at ${back.origin}`),
    " and connect there.",
  );
}

async function goToLivestorm() {
  const go = byId("connect-go");
  const note = byId("connect-note");
  if (go.ariaBusy === "true") return;
  const scopes = [...byId("connect").querySelectorAll("input[type=checkbox]:checked")].map((box) => box.value);
  if (!scopes.length) return say(note, "Choose at least one scope.", "refused");
  go.ariaBusy = "true";
  say(note, "Going to Livestorm…");
  try {
    const { url } = await act(asking.conn_id, "authorize", { scopes, embedded });
    if (!byId("connect").open) return; // cancelled meanwhile
    leave(url);
    waiting = setTimeout(() => (rest(), say(note, "Livestorm does not open. Try again.", "refused")), SLOW);
  } catch (error) {
    if (!(error instanceof Refusal || error instanceof Unreachable || error instanceof TypeError)) throw error;
    rest();
    say(note, error.message || "You may not connect it.", "refused");
    document.dispatchEvent(new Event("acted"));
  }
}

/** Nothing is under way. */
function rest() {
  clearTimeout(waiting);
  byId("connect-go").ariaBusy = null;
  say(byId("connect-note"), "");
}

async function copyRedirect() {
  const field = byId("redirect-uri");
  const note = byId("redirect-note");
  getSelection().selectAllChildren(field);
  try {
    await navigator.clipboard.writeText(field.textContent);
    say(note, "Copied.", "done");
  } catch {
    // No https, or the frame may not: the text is selected, and the person's own keys may do what we may not.
    say(note, "Selected. Copy it with Ctrl+C (⌘C on a Mac).", "done");
  }
}

/** Asks whether to disconnect; resolves to the answer. */
export function askToDisconnect(connection) {
  byId("disconnect-title").textContent = `Disconnect ${connection.conn_id}?`;
  const dialog = byId("disconnect");
  dialog.returnValue = "";
  show(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

function show(dialog) {
  dialog.showModal();
  dialog.querySelector(".dialog-body").scrollTop = 0;
}

export function startDialogs() {
  byId("connect-form").addEventListener("submit", (event) => {
    event.preventDefault();
    goToLivestorm();
  });
  byId("connect-cancel").addEventListener("click", () => byId("connect").close());
  byId("connect").addEventListener("close", rest);
  byId("redirect-copy").addEventListener("click", copyRedirect);
  byId("disconnect-form").addEventListener("submit", (event) => {
    event.preventDefault();
    byId("disconnect").close("yes");
  });
  byId("disconnect-cancel").addEventListener("click", () => byId("disconnect").close());
  // Back from Livestorm with the browser's own button: the page is as it was left.
  window.addEventListener("pageshow", (event) => event.persisted && rest());
}
