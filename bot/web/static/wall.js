// The wall: filters without a new page, more pictures as one comes near the end, and the way back.

import { complain, page, query } from "./fetching.js";
import { hang, lay } from "./masonry.js";
import { keeping, restore } from "./place.js";
import { remember } from "./walk.js";

const PATIENCE = 300; // milliseconds after the last letter
const AHEAD = "1200px 0px";

let asked = new AbortController();
let watcher;
let restoring = false;
let shown = location.pathname + location.search;

/** Everything that the results of now need; called again when they were exchanged. */
function dress() {
  watcher?.disconnect();
  for (const grid of document.querySelectorAll(".masonry")) {
    hang(grid);
  }
  note();
  watch();
}

function note() {
  const cards = document.querySelectorAll("#masonry .card");
  if (cards.length) {
    remember([...cards].map((card) => card.dataset.name), location.pathname + location.search);
  }
}

function watch() {
  const more = document.getElementById("more");
  if (!more) {
    return;
  }
  more.onclick = (event) => {
    event.preventDefault();
    append(more, true);
  };
  watcher = new IntersectionObserver(
    ([seen]) => {
      if (seen.isIntersecting) {
        append(more, false);
      }
    },
    { rootMargin: AHEAD },
  );
  if (!restoring) {
    watcher.observe(more);
  }
}

/** Hangs as much as hung when this page was left, and goes to where it was left. */
async function comeBack() {
  restoring = true;
  watcher?.disconnect();
  await restore(async () => {
    const more = document.getElementById("more");
    return more !== null && (await append(more, false));
  });
  restoring = false;
  watch();
}

/** Puts the next pictures behind those that hang; whether it did. Where that fails, the link is still there to press. */
async function append(more, pressed) {
  if (more.dataset.asked) {
    return false;
  }
  more.dataset.asked = "1";
  watcher.disconnect();
  const grid = document.getElementById("masonry");
  // A person's page has pictures with that person alone; its own link says so.
  const address = `/api/wall${new URL(more.href).search}`;
  try {
    const next = await page(address);
    const cards = [...next.querySelectorAll(".card")];
    const further = next.querySelector(".further");
    grid.append(...cards);
    more.parentElement.remove();
    if (further) {
      grid.after(further);
    }
    lay(grid);
    note();
    if (pressed) {
      cards[0]?.querySelector("a").focus({ preventScroll: true });
    }
    watch();
    return true;
  } catch {
    delete more.dataset.asked;
    more.textContent = "That did not work. Try again";
    return false;
  }
}

/** Shows what another address finds, and leaves the filters as they are being typed; whether it is shown. */
async function show(address) {
  shown = address;
  const trouble = document.getElementById("trouble");
  asked.abort();
  asked = new AbortController();
  const results = document.getElementById("results");
  results.setAttribute("aria-busy", "true");
  try {
    const next = await page(address, asked.signal);
    for (const id of ["chips", "results"]) {
      document.getElementById(id).replaceChildren(...next.getElementById(id).childNodes);
    }
    const count = document.getElementById("count");
    count.textContent = next.getElementById("count").textContent;
    trouble.replaceChildren();
    results.removeAttribute("aria-busy");
    dress();
    return true;
  } catch (error) {
    if (error.name !== "AbortError") {
      shown = null; // to be asked for again, by the same filters or by the way back
      results.removeAttribute("aria-busy");
      complain(trouble, error);
    }
    return false;
  }
}

function mark(form) {
  for (const choice of form.querySelectorAll(".choice")) {
    const field = choice.querySelector("select, input");
    choice.classList.toggle("chosen", field.name !== "order" && field.type !== "checkbox" && field.value !== "");
  }
}

/** Sets the filters to what an address says. */
function fill(form, address) {
  const told = new URL(address, location.href).searchParams;
  for (const field of form.elements) {
    if (field.type === "checkbox") {
      field.checked = told.get(field.name) === field.value;
    } else if (field.name) {
      field.value = told.get(field.name) ?? "";
    }
  }
  mark(form);
}

function go(address) {
  if (address !== location.pathname + location.search) {
    keep();
    history.pushState(null, "", address);
  }
  show(address);
}

history.scrollRestoration = "manual";
const keep = keeping();
const form = document.getElementById("seek");
if (form) {
  let pause;
  const seek = () => {
    clearTimeout(pause);
    const address = `/${query(form)}`;
    mark(form);
    if (address !== shown) {
      go(address);
    }
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    seek();
  });
  form.addEventListener("change", seek);
  form.addEventListener("input", (event) => {
    if (event.target.type === "search" || event.target.type === "text") {
      clearTimeout(pause);
      pause = setTimeout(seek, PATIENCE);
    }
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".chip:not(.plain), #results .empty a[href='/']");
    if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
      event.preventDefault();
      fill(form, link.href);
      go(new URL(link.href).pathname + new URL(link.href).search);
      document.getElementById("words").focus({ preventScroll: true });
    }
  });
  addEventListener("popstate", async () => {
    const address = location.pathname + location.search;
    if (address === shown) {
      return; // within the page, as the skip links lead
    }
    fill(form, location.href);
    if (await show(address)) {
      await comeBack();
    }
  });
}
dress();
comeBack();
