// Fetching: pages, parts of pages, and what a form sends, without leaving the page.

const UNREACHED = "The wall cannot be reached. Look whether you are online, then try again.";

/** A page of ours as a document. Throws an Error with a sentence where the answer is no page of the wall's. */
export async function page(address, signal) {
  const answer = await ask(address, { headers: { Accept: "text/html" }, signal });
  const told = new DOMParser().parseFromString(await read(answer, "text"), "text/html");
  if (!answer.ok) {
    throw new Error(told.querySelector("[data-sentence]")?.textContent ?? UNREACHED);
  }
  return told;
}

/** What a form sends when this button is pressed, answered in JSON. Throws an Error with the sentence it got. */
export async function send(form, button) {
  const fields = new URLSearchParams(new FormData(form, button));
  const answer = await ask(form.action, {
    method: "POST",
    headers: { Accept: "application/json", "X-Atelier-Token": fields.get("token") },
    body: fields,
  });
  const told = await read(answer, "json");
  if (!answer.ok) {
    throw new Error(told.error ?? UNREACHED);
  }
  return told;
}

/** Says on the page what went wrong, where `send` or `page` threw it; the words "Sign in" lead there, and back here. */
export function complain(place, error) {
  const [before, words, after] = error.message.split(/\b(sign in)\b/i);
  place.replaceChildren(before);
  if (words) {
    const link = document.createElement("a");
    link.href = `/link?next=${encodeURIComponent(location.pathname + location.search)}`;
    link.textContent = words;
    place.append(link, after);
  }
}

/** Browsers say "Failed to fetch", each in words of its own, where a connection drops; that is none of our sentences. */
async function ask(address, how) {
  try {
    return await fetch(address, how);
  } catch (error) {
    throw error.name === "AbortError" ? error : new Error(UNREACHED, { cause: error });
  }
}

/** An answer's body, which may break off, or be that of something else that stands before the wall. */
async function read(answer, as) {
  try {
    return await answer[as]();
  } catch (error) {
    throw error.name === "AbortError" ? error : new Error(UNREACHED, { cause: error });
  }
}

/** A form's fields as the query of an address, without those that say nothing. */
export function query(form) {
  const filled = [...new FormData(form)].filter(([, value]) => value !== "");
  const told = new URLSearchParams(filled).toString();
  return told ? `?${told}` : "";
}
