// The walk: in which order pictures were seen on the wall, so that a picture's page can go on in it.

const KEY = "atelier-walk";

/** Remember the pictures of a page of the wall, in their order, and how to come back to them. */
export function remember(names, address) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ names, address }));
  } catch {
    // A browser that keeps nothing: the page's own links go on.
  }
}

/** What comes before and after a picture in the walk, and the address of the wall; null where it is not on it. */
export function beside(name) {
  try {
    const { names, address } = JSON.parse(sessionStorage.getItem(KEY)) ?? {};
    const at = names?.indexOf(name) ?? -1;
    return at < 0 ? null : { before: names[at - 1], after: names[at + 1], address };
  } catch {
    return null;
  }
}
