// The open list of a select: one choice closes it; several are sent when it closes.

import { element } from "./element.js";
import { icon } from "./icon.js";

/**
 * Open the options of a string select below its button.
 * @param {HTMLElement} anchor the select's button
 * @param {object} component a Discord string select
 * @param {(emoji: object) => HTMLElement|null} drawEmoji
 * @param {(values: string[]) => void} choose called once, and only when the choice changed
 */
export function openDropdown(anchor, component, drawEmoji, choose) {
  const { options, min_values: least = 1, max_values: most = 1 } = component;
  const several = most > 1;
  const before = options.filter((option) => option.default).map((option) => option.value);
  const chosen = new Set(before);
  const rows = options.map((option) =>
    element(
      "div.dropdown-row",
      { role: "option", tabindex: -1, data: { testid: "choice", value: option.value } },
      drawEmoji(option.emoji),
      element(
        "span.dropdown-words",
        {},
        element("span", {}, option.label),
        option.description && element("small", {}, option.description),
      ),
      element("span.dropdown-mark", {}, icon("check")),
    ),
  );
  const list = element(
    `div.dropdown${several ? ".several" : ""}`,
    {
      popover: "auto",
      role: "listbox",
      "aria-multiselectable": String(several),
      "aria-label": component.placeholder ?? "Selection",
    },
    rows,
  );

  const mark = () =>
    rows.forEach((row, at) => row.setAttribute("aria-selected", String(chosen.has(options[at].value))));
  const pick = (at) => {
    const { value } = options[at];
    if (!several) {
      chosen.clear();
      chosen.add(value);
      list.hidePopover();
      return;
    }
    if (chosen.has(value)) chosen.delete(value);
    else if (chosen.size < most) chosen.add(value);
    mark();
  };

  list.addEventListener("click", (event) => {
    const row = event.target.closest(".dropdown-row");
    if (row) pick(rows.indexOf(row));
  });
  list.addEventListener("keydown", (event) => {
    const at = rows.indexOf(document.activeElement);
    const steps = { ArrowDown: at + 1, ArrowUp: at - 1 + rows.length, Home: 0, End: rows.length - 1 };
    if (event.key in steps) rows[steps[event.key] % rows.length].focus();
    else if (event.key === "Enter" || event.key === " ") pick(at);
    else if (event.key === "Tab") list.hidePopover();
    else return;
    event.preventDefault();
  });
  list.addEventListener("toggle", (event) => {
    if (event.newState !== "closed") return;
    list.remove();
    anchor.setAttribute("aria-expanded", "false");
    if (document.activeElement === document.body) anchor.focus();
    const values = options.map((option) => option.value).filter((value) => chosen.has(value));
    const changed = !several || values.join("\n") !== before.join("\n");
    if (changed && values.length >= least && (several || values.length)) choose(values);
  });

  mark();
  document.body.append(list);
  list.showPopover();
  place(list, anchor);
  anchor.setAttribute("aria-expanded", "true");
  rows[
    Math.max(
      0,
      options.findIndex((option) => chosen.has(option.value)),
    )
  ].focus();
}

function place(list, anchor) {
  const { left, top, bottom, width } = anchor.getBoundingClientRect();
  list.style.width = `${width}px`;
  list.style.left = `${left}px`;
  const room = innerHeight - bottom - 12;
  const above = room < Math.min(list.scrollHeight, 240) && top > room;
  list.style.maxHeight = `${Math.min(320, (above ? top : room + 4) - 8)}px`;
  if (above) list.style.bottom = `${innerHeight - top + 4}px`;
  else list.style.top = `${bottom + 4}px`;
}
