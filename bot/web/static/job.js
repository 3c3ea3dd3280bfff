// A sweep's page: other axes without a new page, the size of cells, arrow keys, and which two are compared.

import { comparing } from "./compare.js";
import { page } from "./fetching.js";
import { hang } from "./masonry.js";
import { remember } from "./walk.js";

const SIZE = "atelier-cell";
const place = document.getElementById("job");

function dress() {
  for (const grid of place.querySelectorAll(".masonry")) {
    hang(grid);
  }
  comparing();
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

/** Exchanges the page's inside for what another address shows. */
async function show(address, focus) {
  place.setAttribute("aria-busy", "true");
  try {
    const next = await page(address);
    place.replaceChildren(...next.getElementById("job").childNodes);
    dress();
    place.removeAttribute("aria-busy");
    document.querySelector(focus)?.focus();
  } catch {
    location.assign(address);
  }
}

function go(parts, focus) {
  const address = `${location.pathname}?${new URLSearchParams(parts)}`;
  history.pushState(null, "", address);
  show(address, focus);
}

function axes() {
  const form = document.getElementById("axes");
  form.querySelector(".axes-go").hidden = true;
  const [rows, columns] = [form.elements.rows, form.elements.columns];
  let before = { rows: rows.value, columns: columns.value };
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
    before = { rows: rows.value, columns: columns.value };
    go(new FormData(form), `#axes [name="${event.target.name}"]`);
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
  const form = document.getElementById("pick");
  const picked = document.getElementById("picked");
  form.querySelector(".pick-go").hidden = true;
  const boxes = () => [...grid.querySelectorAll("input:checked")];
  const tell = () => {
    const count = boxes().length;
    picked.textContent =
      count === 1
        ? `${boxes()[0].value} is marked; mark another one to compare the two.`
        : "Mark two pictures in their corners to compare them.";
  };
  grid.addEventListener("change", (event) => {
    const chosen = boxes();
    if (chosen.length > 2) {
      // The third one takes the place of the one that was marked first on the page.
      (chosen[0] === event.target ? chosen[1] : chosen[0]).checked = false;
    }
    tell();
    if (boxes().length === 2) {
      go(new FormData(form), "#compare .modes input:checked");
    }
  });
  document.getElementById("compared-enough")?.addEventListener("click", (event) => {
    event.preventDefault();
    const href = event.currentTarget.getAttribute("href");
    history.pushState(null, "", location.pathname + href);
    show(location.pathname + href, "#grid [data-cell]");
  });
  tell();
}

/** One stop for Tab; from there the arrow keys go on, and C marks the cell. */
function keys(grid) {
  document.querySelector(".keys").hidden = false;
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

addEventListener("popstate", () => show(location.pathname + location.search, ".none-such"));
dress();
