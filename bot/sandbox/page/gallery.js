// The files of a message: pictures in a mosaic, everything else as a card.

import { element } from "./element.js";
import { icon } from "./icon.js";
import { openLightbox } from "./lightbox.js";

// How many pictures stand in each row, by how many there are.
const ROWS = [[], [1], [2], [1, 2], [2, 2], [2, 3], [3, 3], [3, 4], [2, 3, 3], [3, 3, 3], [3, 3, 4]];
const FRIENDLY = 280; // CSS pixels: a smaller picture is enlarged to this, smoothly
const SPOILER = "SPOILER_"; // how the name of a file begins that nobody sees unasked
const LARGEST = { width: 520, height: 350 };

/**
 * @param {object[]} attachments Discord attachment objects
 * @param {Element|null} before the same message as shown until now: its pictures are kept, so that an
 *   edit does not make them flicker
 * @returns {HTMLElement[]}
 */
export function attachmentNodes(attachments, before = null) {
  const pictures = attachments.filter(isPicture);
  const files = attachments.filter((attachment) => !isPicture(attachment));
  const nodes = files.map(fileCard);
  if (pictures.length) {
    const key = pictures.map((picture) => picture.id).join(" ");
    const kept = [...(before?.querySelectorAll(".mosaic") ?? [])].find((node) => node.dataset.key === key);
    nodes.unshift(kept ?? mosaic(pictures, key));
  }
  return nodes;
}

/** Up to ten pictures ({url, filename, width, height, description}) side by side; more go on below. */
export function mosaic(pictures, key = "") {
  const node = element(pictures.length === 1 ? "div.mosaic.single" : "div.mosaic", { data: { key } });
  const ratio = sharedRatio(pictures);
  for (let from = 0; from < pictures.length; from += 10) {
    const some = pictures.slice(from, from + 10);
    if (some.length === 3 && ratio) node.append(three(some, ratio));
    else node.append(...rows(some, pictures, ratio));
  }
  node.addEventListener("click", (event) => {
    const tile = event.target.closest(".tile");
    if (tile?.classList.contains("spoiler")) reveal(tile);
    else if (tile) openLightbox(pictures, [...node.querySelectorAll(".tile")].indexOf(tile));
  });
  return node;
}

function rows(some, all, ratio) {
  let at = 0;
  return ROWS[some.length].map((count) => {
    const row = some.slice(at, (at += count));
    const shape = all.length === 1 ? null : (ratio ?? (count === 1 ? 2 : 1));
    return element(
      "div.mosaic-row",
      { style: { "--count": count } },
      row.map((picture) => tile(picture, shape)),
    );
  });
}

// One large and two small at its right; with one shape for all, nothing has to be cropped.
function three(some, ratio) {
  return element(
    "div.mosaic-three",
    {},
    some.map((picture) => tile(picture, ratio)),
  );
}

function tile(picture, ratio) {
  const name = picture.description || picture.filename;
  const [width, height] = fit(picture);
  const style = ratio
    ? { "aspect-ratio": String(ratio) }
    : { width: `${width}px`, "aspect-ratio": `${width} / ${height}` };
  const hidden = picture.filename.startsWith(SPOILER);
  return element(
    `button.tile${hidden ? ".spoiler" : ""}`,
    {
      type: "button",
      "aria-label": hidden ? "Show what is behind the spoiler" : `Enlarge ${name}`,
      title: picture.filename,
      style,
      data: { name },
    },
    element("img", {
      src: picture.url,
      alt: name,
      draggable: "false",
      data: { testid: "attachment-image", filename: picture.filename },
    }),
  );
}

// What is behind a spoiler is shown by the first press, and enlarged by the next.
function reveal(tile) {
  tile.classList.remove("spoiler");
  tile.setAttribute("aria-label", `Enlarge ${tile.dataset.name}`);
}

function fit({ width = FRIENDLY, height = FRIENDLY }) {
  const wanted = Math.max(1, FRIENDLY / Math.max(width, height));
  const scale = Math.min(wanted, LARGEST.width / width, LARGEST.height / height);
  return [Math.round(width * scale), Math.round(height * scale)];
}

function sharedRatio(pictures) {
  const ratios = pictures.map(({ width, height }) => width / height);
  return ratios.every((ratio) => Math.abs(ratio - ratios[0]) < 0.02) ? ratios[0] : null;
}

function isPicture({ content_type: type, filename, width }) {
  return Boolean(width) && (type ? type.startsWith("image/") : /\.(png|jpe?g|webp|gif)$/i.test(filename));
}

/** A file that is no picture: its name, its size, and a way to get it. */
export function fileCard({ filename, url, size }) {
  return element(
    "a.file-card",
    { href: url, target: "_blank", rel: "noopener noreferrer", data: { testid: "attachment-file" } },
    icon("file"),
    element(
      "span.file-words",
      {},
      element("span.file-name", {}, filename),
      element("span.file-size", {}, sizeText(size)),
    ),
    icon("download"),
  );
}

/** "640 B", "12.5 KB", "3.1 MB". */
export function sizeText(bytes) {
  if (!Number.isFinite(bytes)) return "";
  if (bytes < 1024) return `${bytes} B`;
  const kilo = bytes / 1024;
  return kilo < 1024 ? `${kilo.toFixed(1)} KB` : `${(kilo / 1024).toFixed(1)} MB`;
}
