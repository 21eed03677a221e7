// Calls of the sandbox's controls, and how their refusals are shown. Used by every module that has a button.

const PATIENCE = 30_000; // ms

/** The sandbox said no, and why. */
export class Refusal extends Error {}

/** There is no sandbox to say anything. */
export class Gone extends Error {}

/** Asks a control under /_sandbox/; `path` is relative, for the page lies there as well. */
export async function call(method, path, body, patience = PATIENCE) {
  let answer, found;
  try {
    const signal = AbortSignal.timeout(patience);
    answer = await fetch(path, { method, signal, body: body === undefined ? undefined : JSON.stringify(body) });
    found = await answer.json();
  } catch (cause) {
    const late = cause.name === "TimeoutError";
    throw new Gone(late ? `no answer within ${patience / 1000} seconds` : "it cannot be reached", { cause });
  }
  if (!answer.ok) throw new Refusal(found.error ?? `HTTP status ${answer.status}`);
  return found;
}

let underWay = 0;

/** Whether a change is under way: the sandbox may be too busy with it to answer anything else. */
export const busy = () => underWay > 0;

/**
 * Does what a person asked for. A refusal is written into `note`, and `field` is marked as what caused it.
 * Returns whether it was done; a second call while `trigger` is at work does nothing.
 */
export async function act({ trigger, field, note, done = "" }, work) {
  if (trigger.ariaBusy === "true") return false;
  // Not `disabled`: that would take the focus away from whoever uses the keyboard.
  trigger.ariaBusy = "true";
  underWay += 1;
  say(note, "");
  field?.removeAttribute("aria-invalid");
  try {
    await work();
    say(note, done, "done");
    return true;
  } catch (error) {
    if (!(error instanceof Refusal || error instanceof Gone)) throw error;
    const refused = error instanceof Refusal;
    say(note, refused ? `Refused: ${error.message}.` : `The sandbox did not do it: ${error.message}.`, "refused");
    field?.setAttribute("aria-invalid", "true");
    return false;
  } finally {
    trigger.ariaBusy = null;
    underWay -= 1;
    document.dispatchEvent(new Event("acted"));
  }
}

function say(note, words, kind = "") {
  note.textContent = words;
  note.dataset.kind = kind;
}
