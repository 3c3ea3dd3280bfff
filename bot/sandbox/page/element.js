// An element of the page, built from values: data only ever becomes text and attributes, never markup.

/**
 * Build one element.
 * @param {string} kind tag and classes, as in "button.pill.open"
 * @param {object} properties attributes; `on` holds listeners, `data` data-attributes, `style` custom
 *   properties and styles; true sets an empty attribute, and false, null or undefined leave one out
 * @param {...(Node|string|number|null|false|Array)} children
 * @returns {HTMLElement}
 */
export function element(kind, properties = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on")
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (name === "data") for (const [key, datum] of Object.entries(value)) setDatum(node, key, datum);
    else if (name === "style")
      for (const [key, style] of Object.entries(value)) node.style.setProperty(key, style);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...present(children));
  return node;
}

/** The children that are there: null and false stand for "nothing here". */
export function present(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

function setDatum(node, key, value) {
  if (value !== null && value !== undefined) node.dataset[key] = value;
}
