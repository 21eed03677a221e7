// Asks the api-server, below the page's own address, so that a path prefix or a proxy does not matter.

const PATIENCE = 60_000; // ms; a Test waits for Livestorm

/** The api-server said no, and why; `status` is HTTP's. */
export class Refusal extends Error {
  constructor(words, status) {
    super(words);
    this.status = status;
  }
}

/** There was no answer, or none of the api-server's. */
export class Unreachable extends Error {}

export const connections = () => ask("GET", "page/connections");

/** Does something to one connection: `authorize`, `test` or `disconnect`. */
export const act = (connId, action, body = {}) =>
  ask("POST", `page/connections/${encodeURIComponent(connId)}/${action}`, body);

async function ask(method, path, body) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) Object.assign(headers, { "Content-Type": "application/json", "X-Livestorm-Page": "1" });
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE),
    });
  } catch (cause) {
    const late = cause.name === "TimeoutError";
    throw new Unreachable(late ? `Airflow did not answer within ${PATIENCE / 1000} seconds.` : "Airflow cannot be reached.", { cause });
  }
  const found = await answer.json().catch(() => null);
  if (answer.ok && found !== null) return found;
  const words = [found?.error, found?.detail].find((one) => typeof one === "string");
  if (words === undefined && answer.status !== 401 && answer.status !== 403) {
    throw new Unreachable(`Airflow's server answered with HTTP status ${answer.status} and no more words.`);
  }
  throw new Refusal(words ?? "", answer.status);
}
