// Where the page stands: by itself, or in a frame of Airflow's UI, whose sandbox lets it open no window and move no other.

export const embedded = window.parent !== window;

/** The outermost window of our own origin: Airflow's UI where we are embedded, else this one. */
export function home() {
  let here = window;
  while (here !== here.parent) {
    try {
      void here.parent.document.body; // throws where it is somebody else's
    } catch {
      break;
    }
    here = here.parent;
  }
  return here;
}

/** Takes the whole window elsewhere. Airflow's own document does it, for ours is not allowed to. */
export function leave(url) {
  const target = new URL(url, location.href);
  if (!["https:", "http:"].includes(target.protocol)) throw new TypeError(`no web address: ${target.protocol}`);
  const { document: there } = home();
  const link = there.createElement("a");
  link.href = target.href;
  link.target = "_top";
  link.rel = "noreferrer"; // nobody there needs to know what this Airflow is called
  link.hidden = true;
  there.body.append(link);
  link.click();
  link.remove();
}

/** Sends a person to the login, and back to where they are now. */
export function logIn() {
  const login = new URL("../api/v2/auth/login", location.href);
  login.searchParams.set("next", home().location.href);
  leave(login.href);
}

/** The connection that a link to this page names, or null; Airflow's own address counts too. */
export function asked() {
  for (const place of [window, home()]) {
    const found = new URLSearchParams(place.location.search).get("connection");
    if (found) return found;
  }
  return null;
}

/** Links marked `data-leaves` go for the whole window. */
export function startLinks() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-leaves]");
    if (!link || !embedded || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    leave(link.href);
  });
}
