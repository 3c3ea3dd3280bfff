// A sweep's page: other axes without a new page, the size of cells, arrow keys, and which two are compared.

import { comparing } from "./compare.js";
import { complain, page } from "./fetching.js";
import { hang } from "./masonry.js";
import { remember } from "./walk.js";

const SIZE = "atelier-cell";
const place = document.getElementById("job");
const seen = { mode: "beside", zoom: 1, x: 0.5, y: 0.5 }; // how pictures are compared, from one pair to the next
let asked = new AbortController();
let shown = location.pathname + location.search;

function dress() {
  for (const grid of place.querySelectorAll(".masonry")) {
    hang(grid);
  }
  comparing(seen);
  const grid = document.getElementById("grid");
  if (!grid) {
    note(place.querySelectorAll(".card"));
    return;
  }
  note(grid.querySelectorAll("[data-cell]"));
  sizing();
  axes();
  picking(grid);
  keys(grid);
}

function note(marked) {
  const names = [...marked].map((each) => each.dataset.name ?? each.pathname.split("/").at(-1));
  remember(names, location.pathname + location.search);
}

/** Exchanges the page's inside for what another address shows. Without a connection it says so and stays as it is. */
async function show(address, focus, entry = "pushState") {
  asked.abort();
  asked = new AbortController();
  place.setAttribute("aria-busy", "true");
  try {
    const next = await page(address, asked.signal);
    place.replaceChildren(...next.getElementById("job").childNodes);
  } catch (error) {
    if (error.name === "AbortError") {
      return;
    }
    place.removeAttribute("aria-busy");
    if (error.cause) {
      for (const select of place.querySelectorAll("#axes select")) {
        select.value = select.querySelector("[selected]").value;
      }
      const picked = document.getElementById("picked");
      if (picked) {
        complain(picked, error);
        picked.scrollIntoView({ block: "nearest" });
      }
    } else {
      location.assign(address); // an answer, such as to who is signed in no more: that page says what to do
    }
    return;
  }
  place.removeAttribute("aria-busy");
  history[entry](null, "", address);
  shown = address;
  dress();
  const focused = document.querySelector(focus);
  focused?.focus({ preventScroll: true });
  focused?.scrollIntoView({ block: "nearest" });
}

function go(form, focus) {
  show(`${location.pathname}?${new URLSearchParams(new FormData(form))}`, focus);
}

/** The form of the axes says what the page shows; in it are also the marked pictures, in the order of their marking. */
function axes() {
  const form = document.getElementById("axes");
  form.querySelector(".axes-go").hidden = true;
  const [rows, columns] = [form.elements.rows, form.elements.columns];
  const before = { rows: rows.value, columns: columns.value };
  form.addEventListener("change", (event) => {
    if (event.target.type === "range") {
      return;
    }
    // Whoever asks for columns by what are the rows now means to turn the grid round.
    if (rows.value === columns.value) {
      const other = event.target === rows ? columns : rows;
      const was = before[event.target.name];
      other.add(new Option(was, was));
      other.value = was;
    }
    go(form, `#axes [name="${event.target.name}"]`);
  });
}

function sizing() {
  const size = document.getElementById("size");
  size.closest("label").hidden = false;
  const set = () => document.querySelector(".grid-place").style.setProperty("--cell", `${size.value}px`);
  try {
    size.value = localStorage.getItem(SIZE) ?? (innerWidth < 640 ? 104 : size.value);
  } catch {
    // A browser that keeps nothing begins with the usual size.
  }
  set();
  size.addEventListener("input", () => {
    set();
    try {
      localStorage.setItem(SIZE, size.value);
    } catch {
      // The size holds for this page then.
    }
  });
}

function picking(grid) {
  const form = document.getElementById("axes");
  const picked = document.getElementById("picked");
  document.querySelector(".pick-go").hidden = true;
  const marks = () => [...form.querySelectorAll('[name="compare"]')];
  const tell = () => {
    const names = marks().map((mark) => mark.value);
    for (const box of grid.querySelectorAll("input")) {
      box.checked = names.includes(box.value);
    }
    picked.textContent =
      names.length === 1
        ? `${names[0]} is marked; mark another one to compare the two.`
        : "Mark two pictures in their corners to compare them.";
  };
  grid.addEventListener("change", ({ target }) => {
    const others = marks().map((mark) => mark.value).filter((name) => name !== target.value);
    // A third one takes the place of the one that was marked first.
    const names = others.concat(target.checked ? target.value : []).slice(-2);
    marks().forEach((mark) => mark.remove());
    for (const value of names) {
      form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "compare", value }));
    }
    tell();
    if (names.length === 2) {
      go(form, "#lens");
    }
  });
  document.getElementById("compared-enough")?.addEventListener("click", (event) => {
    event.preventDefault();
    show(location.pathname + event.currentTarget.getAttribute("href"), "#grid [data-cell]");
  });
  tell();
}

/** One stop for Tab; from there the arrow keys go on, and C marks the cell. */
function keys(grid) {
  document.querySelector("#pick .keys").hidden = false;
  const links = [...grid.querySelectorAll("[data-cell]")];
  const stop = (link) => {
    for (const each of links) {
      each.tabIndex = each === link ? 0 : -1;
    }
  };
  for (const box of grid.querySelectorAll("input")) {
    box.tabIndex = -1;
  }
  stop(links[0]);
  grid.addEventListener("focusin", (event) => {
    if (event.target.matches("[data-cell]")) {
      stop(event.target);
    }
  });
  grid.addEventListener("keydown", (event) => {
    const cell = event.target.closest(".cell");
    if (!cell || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (moves[event.key]) {
      event.preventDefault();
      step(grid, cell, ...moves[event.key])?.focus();
    } else if (event.key === "Home" || event.key === "End") {
      event.preventDefault();
      const line = [...cell.parentElement.querySelectorAll("[data-cell]")];
      line.at(event.key === "Home" ? 0 : -1).focus();
    } else if (event.key.toLowerCase() === "c") {
      event.preventDefault();
      cell.querySelector("input").click();
    }
  });
}

/** The next picture in a direction, over gaps. */
function step(grid, cell, down, across) {
  const lines = [...grid.tBodies[0].rows];
  let row = lines.indexOf(cell.parentElement);
  let column = cell.cellIndex;
  for (;;) {
    row += down;
    column += across;
    const next = lines[row]?.cells[column];
    if (!next) {
      return null;
    }
    const link = next.querySelector("[data-cell]");
    if (link) {
      return link;
    }
  }
}

addEventListener("popstate", () => {
  const address = location.pathname + location.search;
  // Not within the page, as the skip links lead.
  if (address !== shown) {
    show(address, ".none-such", "replaceState");
  }
});
dress();
