// An embed: a card with a colour bar, as applications write them.

import { element } from "./element.js";
import { mosaic } from "./gallery.js";
import { markdown } from "./markdown.js";
import { when } from "./time.js";

/**
 * @param {object} embed a Discord embed object
 * @param {object} names what `markdown` needs
 * @param {(url: string) => string} resolve turns attachment:// addresses into real ones
 */
export function embedNode(embed, names, resolve) {
  const bar = Number.isInteger(embed.color) ? `#${embed.color.toString(16).padStart(6, "0")}` : null;
  const titled = embed.url
    ? element("a", { href: embed.url, target: "_blank", rel: "noopener noreferrer" })
    : element("span");
  if (embed.title) titled.append(markdown(embed.title, names));
  return element(
    "article.embed",
    { style: bar ? { "--bar": bar } : {}, "aria-label": embed.title ?? "Card" },
    element(
      "div.embed-words",
      {},
      embed.author && element("div.embed-author", {}, embed.author.name),
      embed.title && element("div.embed-title", {}, titled),
      embed.description && element("div.embed-description.markdown", {}, markdown(embed.description, names)),
      embed.fields?.length > 0 && element("dl.embed-fields", {}, fieldNodes(embed.fields, names)),
    ),
    embed.thumbnail && element("img.embed-thumbnail", { src: resolve(embed.thumbnail.url), alt: "" }),
    embed.image && element("div.embed-image", {}, mosaic([picture(embed.image, resolve)])),
    (embed.footer || embed.timestamp) && element("footer.embed-footer", {}, footer(embed)),
  );
}

// Up to three inline fields share a row of twelve columns; any other field has a row of its own.
function fieldNodes(fields, names) {
  const spans = [];
  for (let at = 0; at < fields.length;) {
    let run = 1;
    if (fields[at].inline) while (run < 3 && fields[at + run]?.inline) run += 1;
    spans.push(...Array(run).fill(fields[at].inline && run > 1 ? 12 / run : 12));
    at += run;
  }
  return fields.map((field, at) =>
    element(
      "div.embed-field",
      { style: { "--span": spans[at] } },
      element("dt", {}, markdown(field.name, names)),
      element("dd.markdown", {}, markdown(field.value, names)),
    ),
  );
}

function footer({ footer, timestamp }) {
  return [footer?.text, timestamp && when(new Date(timestamp))].filter(Boolean).join(" • ");
}

function picture({ url, width, height }, resolve) {
  return { url: resolve(url), width, height, filename: url.split("/").at(-1).split("?")[0] };
}
