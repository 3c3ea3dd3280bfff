// The list that opens over the composer: commands, options or choices, walked by arrow keys while typing goes on.

import { element } from "./element.js";

/** @typedef {{title: string, detail?: string, hint?: string, data: object, pick: () => void}} Item */

export class Menu {
  constructor() {
    this.title = element("div.menu-title", { id: "menu-title" });
    this.list = element("div.menu-list", { id: "menu", role: "listbox", "aria-labelledby": "menu-title" });
    this.node = element("div.menu", { hidden: true }, this.title, this.list);
    this.items = [];
    this.at = -1;
    // The field keeps its focus: what is typed next still goes there.
    this.node.addEventListener("mousedown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const row = event.target.closest(".menu-row");
      if (row) this.items[this.rows.indexOf(row)].pick();
    });
    this.list.addEventListener("mousemove", (event) => {
      const row = event.target.closest(".menu-row");
      if (row) this.highlight(this.rows.indexOf(row), false);
    });
  }

  get open() {
    return !this.node.hidden;
  }

  get rows() {
    return [...this.list.children];
  }

  /**
   * Show these items for `field`.
   * @param {HTMLElement} field where the member is typing
   * @param {{title: string, testid: string, items: Item[], at?: number, note?: string}} content `at` is the
   *   row highlighted to begin with (-1: none); `note` stands in for an empty list
   */
  show(field, { title, testid, items, at = -1, note = "" }) {
    if (!items.length && !note) return this.hide();
    if (this.field !== field) this.hide();
    this.field = field;
    this.items = items;
    this.title.textContent = title;
    this.list.dataset.testid = testid;
    this.list.replaceChildren(...items.map(row));
    if (!items.length) this.title.textContent = note;
    this.node.hidden = false;
    field.setAttribute("aria-controls", "menu");
    field.setAttribute("aria-expanded", "true");
    this.highlight(Math.min(at, items.length - 1));
  }

  hide() {
    this.node.hidden = true;
    this.items = [];
    this.at = -1;
    this.list.replaceChildren();
    this.field?.setAttribute("aria-expanded", "false");
    this.field?.removeAttribute("aria-activedescendant");
    this.field = null;
  }

  highlight(at, scroll = true) {
    this.at = at;
    this.rows.forEach((node, place) => node.setAttribute("aria-selected", String(place === at)));
    const node = this.rows[at];
    if (!node) return this.field?.removeAttribute("aria-activedescendant");
    this.field?.setAttribute("aria-activedescendant", node.id);
    if (scroll) node.scrollIntoView({ block: "nearest" });
  }

  /** Take the key if it belongs to an open list; says whether it did. */
  key(event) {
    if (!this.open || !this.items.length) return false;
    const { length } = this.items;
    if (event.key === "ArrowDown") this.highlight((this.at + 1) % length);
    else if (event.key === "ArrowUp") this.highlight((this.at <= 0 ? length : this.at) - 1);
    else if (this.at >= 0 && (event.key === "Enter" || (event.key === "Tab" && !event.shiftKey)))
      this.items[this.at].pick();
    else return false;
    return true;
  }
}

function row({ title, detail, hint, data }, at) {
  return element(
    "div.menu-row",
    { role: "option", id: `menu-row-${at}`, "aria-selected": "false", data },
    element(
      "span.menu-words",
      {},
      element("span.menu-name", {}, title),
      detail && element("span.menu-detail", {}, detail),
    ),
    hint && element("span.menu-hint", {}, hint),
  );
}
