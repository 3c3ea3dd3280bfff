// The sandbox's server as the page sees it: one state, one live stream, and five things a member can do.

/** What the server refused, in its own sentence. */
export class Refusal extends Error {}

async function ask(path, init) {
  let response;
  try {
    response = await fetch(path, init);
  } catch (cause) {
    if (cause.name === "AbortError") throw cause;
    throw new Refusal("The sandbox does not answer. Is it still running?", { cause });
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok)
    throw new Refusal(body.error ?? `The sandbox answered ${response.status} without saying why.`);
  return body;
}

function post(path, body, signal) {
  return ask(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
}

/** Everything the member may see: guild, channels, members, commands, messages. */
export const readState = (member) => ask(`/sandbox/state?${query({ member })}`);

/** Use a command; `files` maps the form field named by an attachment option to its File. */
export function useCommand(payload, files) {
  const form = new FormData();
  form.append("payload", JSON.stringify(payload));
  for (const [field, file] of Object.entries(files)) form.append(field, file, file.name);
  return ask("/sandbox/interactions", { method: "POST", body: form });
}

/** The choices for the one option that has `focused: true`. */
export const complete = (payload, signal) => post("/sandbox/autocomplete", payload, signal);

/** Press a button (component type 2) or choose in a select (3). */
export const useComponent = (payload) => post("/sandbox/components", payload);

/** Write a plain message. */
export const say = (payload) => post("/sandbox/messages", payload);

/**
 * Follow the live stream for as long as the page is open, reconnecting with growing pauses.
 * @param {string} member whose eyes we look through
 * @param {{event: (event: {type: string, data: object}) => void, up: (again: boolean) => void, down: () => void}} to
 */
export function follow(member, to) {
  let pause = 500;
  let again = false;
  const connect = () => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/sandbox/live?${query({ member })}`);
    socket.addEventListener("open", () => {
      pause = 500;
      to.up(again);
      again = true;
    });
    socket.addEventListener("message", (message) => to.event(JSON.parse(message.data)));
    socket.addEventListener("close", () => {
      to.down();
      setTimeout(connect, pause);
      pause = Math.min(pause * 2, 5000);
    });
  };
  connect();
}

function query(values) {
  return new URLSearchParams(Object.entries(values).filter(([, value]) => value));
}
