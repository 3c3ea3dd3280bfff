// Fetching: pages, parts of pages, and what a form sends, without leaving the page.

/** A page of ours as a document. Throws where the answer is no page of the wall's. */
export async function page(address, signal) {
  const answer = await fetch(address, { headers: { Accept: "text/html" }, signal });
  if (!answer.ok) {
    throw new Error(`${answer.status}`);
  }
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

/** What a form sends when this button is pressed, answered in JSON. Throws an Error with the sentence it got. */
export async function send(form, button) {
  const fields = new URLSearchParams(new FormData(form, button));
  const answer = await fetch(form.action, {
    method: "POST",
    headers: { Accept: "application/json", "X-Atelier-Token": fields.get("token") },
    body: fields,
  });
  const told = await answer.json();
  if (!answer.ok) {
    throw new Error(told.error);
  }
  return told;
}

/** A form's fields as the query of an address, without those that say nothing. */
export function query(form) {
  const filled = [...new FormData(form)].filter(([, value]) => value !== "");
  const told = new URLSearchParams(filled).toString();
  return told ? `?${told}` : "";
}
