// The place: how far down a visitor had come, so that the way back leads there and not to the top.

const RETURN = "atelier-return";
const OFTEN = 400; // milliseconds: browsers take only so many notes of an entry in their history

/** Notes in this entry of the history how many cards hang and where the window stands. */
function noted() {
  const cards = document.querySelectorAll("#masonry .card").length;
  history.replaceState({ ...history.state, cards, y: Math.round(scrollY) }, "");
}

/** Keeps the note while one scrolls and when one leaves; the function that is returned notes at once. */
export function keeping() {
  let due = null;
  const now = () => {
    clearTimeout(due);
    due = null;
    noted();
  };
  addEventListener("scroll", () => (due ??= setTimeout(now, OFTEN)), { passive: true });
  addEventListener("pagehide", now);
  // What was to be noted belongs to the entry that is left.
  addEventListener("popstate", () => {
    clearTimeout(due);
    due = null;
  });
  document.addEventListener("click", (event) => event.target.closest("a") && now(), { capture: true });
  return now;
}

/** Remembers that a picture's page leads back to the wall, where that picture is to be found again. */
export function returning(name) {
  try {
    sessionStorage.setItem(RETURN, name);
  } catch {
    // A browser that keeps nothing: the wall begins at its top.
  }
}

/** The picture from which the visitor just came back, told once; null for everybody else. */
function returned() {
  try {
    const name = sessionStorage.getItem(RETURN);
    sessionStorage.removeItem(RETURN);
    return name;
  } catch {
    return null;
  }
}

/** Goes to where this entry of the history was left. `append` hangs the next cards, false where there are none. */
export async function restore(append) {
  const name = returned();
  const { cards = 0, y = 0 } = history.state ?? {};
  if (!name && !y) {
    return;
  }
  // Who begins to move meanwhile has found a place of their own.
  let moved = false;
  const stop = () => (moved = true);
  const moves = ["wheel", "touchmove", "keydown", "pointerdown"];
  moves.forEach((move) => addEventListener(move, stop, { once: true, passive: true }));
  const hanging = () => [...document.querySelectorAll("#masonry .card")];
  const left = () => hanging().find((card) => card.dataset.name === name);
  while (!moved && (name ? !left() : hanging().length < cards) && (await append())) {
    // The next ones hang.
  }
  moves.forEach((move) => removeEventListener(move, stop));
  if (moved) {
    return;
  }
  if (name) {
    left()?.scrollIntoView({ block: "center" });
    left()?.querySelector("a").focus({ preventScroll: true });
  } else {
    scrollTo(0, y);
  }
}
