// Light or dark, as Airflow's UI is: embedded it follows the document around it as that changes; by itself it reads what
// Airflow keeps in this browser (localStorage, `theme`), and else does as the system does. Runs before the first paint.

import { embedded, home } from "./frame.js";

const root = document.documentElement;
const around = embedded ? home().document.documentElement : null;

function chosen() {
  const classes = around !== root ? around?.classList : undefined;
  const found = ["dark", "light"].find((name) => classes?.contains(name));
  if (found) return found;
  try {
    return localStorage.getItem("theme");
  } catch {
    return null; // a browser that keeps nothing
  }
}

function follow() {
  const theme = chosen();
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  else delete root.dataset.theme;
}

root.toggleAttribute("data-embedded", embedded);
follow();
if (around) new MutationObserver(follow).observe(around, { attributes: true, attributeFilter: ["class", "style"] });
window.addEventListener("storage", follow);
