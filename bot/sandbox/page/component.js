// What can be pressed or chosen under a message, and the containers that hold text and pictures (components v2).

import { openDropdown } from "./dropdown.js";
import { element } from "./element.js";
import { fileCard, mosaic } from "./gallery.js";
import { icon } from "./icon.js";
import { markdown } from "./markdown.js";

const BUTTON_STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "link", 6: "primary" };

/**
 * Draw one component and what it contains.
 * @param {object} component a Discord component object
 * @param {object} context `names` is what `markdown` needs; `resolve(url)` finds attachment:// addresses;
 *   `use(node, component, values)` presses or chooses
 * @returns {HTMLElement}
 */
export function componentNode(component, context) {
  const draw = DRAWERS[component.type];
  if (!draw)
    return element("p.unknown-component", {}, `This page cannot show a component of type ${component.type}.`);
  return draw(component, context);
}

const children = (component, context) => component.components.map((child) => componentNode(child, context));

const DRAWERS = {
  1: (row, context) => element("div.action-row", {}, children(row, context)),
  2: button,
  3: select,
  9: (section, context) =>
    element(
      "div.section",
      {},
      element("div.section-words", {}, children(section, context)),
      componentNode(section.accessory, context),
    ),
  10: (display, { names }) => element("div.markdown", {}, markdown(display.content, names)),
  11: (thumbnail, { resolve }) =>
    element("img.section-thumbnail", { src: resolve(thumbnail.media.url), alt: thumbnail.description ?? "" }),
  12: (gallery, { resolve }) => mosaic(gallery.items.map((item) => picture(item, resolve))),
  13: ({ file, name, size }, { resolve }) =>
    fileCard({ filename: name ?? fileName(file.url), url: resolve(file.url), size }),
  14: ({ divider = true, spacing = 1 }) =>
    element(`hr.separator${divider ? "" : ".blank"}${spacing > 1 ? ".wide" : ""}`),
  17: (container, context) =>
    element(
      "div.container",
      {
        style: Number.isInteger(container.accent_color)
          ? { "--bar": `#${container.accent_color.toString(16).padStart(6, "0")}` }
          : {},
      },
      children(container, context),
    ),
};

function button(component, { use }) {
  const style = BUTTON_STYLES[component.style] ?? "secondary";
  const name = component.label ?? component.emoji?.name ?? "";
  const words = [emoji(component.emoji), component.label && element("span", {}, component.label)];
  const hooks = { testid: "button", label: name, customId: component.custom_id };
  const shared = { "aria-label": component.label ? null : name, data: hooks };
  if (component.url && !component.disabled) {
    return element(
      "a.button.link",
      { href: component.url, target: "_blank", rel: "noopener noreferrer", ...shared },
      words,
      icon("open"),
    );
  }
  const node = element(
    `button.button.${style}`,
    { type: "button", disabled: component.disabled, ...shared },
    words,
  );
  node.addEventListener("click", () => use(node, component));
  return node;
}

function select(component, { use }) {
  const chosen = component.options.filter((option) => option.default);
  const words = chosen.length
    ? element("span.select-value", {}, chosen.map((option) => option.label).join(", "))
    : element("span.select-value.placeholder", {}, component.placeholder ?? "Make a selection");
  const node = element(
    "button.select",
    {
      type: "button",
      disabled: component.disabled,
      "aria-haspopup": "listbox",
      "aria-expanded": "false",
      data: { testid: "select", customId: component.custom_id },
    },
    words,
    icon("down"),
  );
  node.addEventListener("click", () =>
    openDropdown(node, component, emoji, (values) => use(node, component, values)),
  );
  return node;
}

function emoji(value) {
  if (!value) return null;
  return element("span.emoji", { "aria-hidden": "true" }, value.id ? `:${value.name}:` : value.name);
}

function picture({ media, description }, resolve) {
  return { ...media, url: resolve(media.url), filename: fileName(media.url), description };
}

function fileName(url) {
  return decodeURIComponent(url.split("?")[0].split("/").at(-1));
}
