// The lightbox: one picture large, its name, its neighbours an arrow key away.

import { element } from "./element.js";
import { icon } from "./icon.js";

const SMALLEST = 512; // CSS pixels: a smaller picture is enlarged to this where the window allows

/** Show `pictures[index]` ({url, filename, width, height, description}) over the page until it is closed. */
export function openLightbox(pictures, index) {
  let at = index;
  const image = element("img.lightbox-image", { draggable: "false" });
  const name = element("span.lightbox-name");
  const count = element("span.lightbox-count");
  const original = element(
    "a.lightbox-link",
    { target: "_blank", rel: "noopener noreferrer" },
    icon("open"),
    "Open original",
  );
  const close = element("button.icon-button", { type: "button", "aria-label": "Close" }, icon("close"));
  const step = (by) => show((at + by + pictures.length) % pictures.length);
  const arrow = (by, drawing, label) =>
    element(
      `button.lightbox-arrow.${drawing}`,
      { type: "button", "aria-label": label, on: { click: () => step(by) } },
      icon(drawing),
    );
  const many = pictures.length > 1;
  const dialog = element(
    "dialog.lightbox",
    { "aria-label": "Picture", tabindex: -1, data: { testid: "lightbox" } },
    element("div.lightbox-head", {}, name, count, original, close),
    element(
      "div.lightbox-stage",
      {},
      many && arrow(-1, "left", "Previous picture"),
      image,
      many && arrow(1, "right", "Next picture"),
    ),
  );

  function show(next) {
    at = next;
    const { url, filename, width, height, description } = pictures[at];
    image.src = url;
    image.alt = description || filename;
    const scale = width ? Math.max(1, SMALLEST / Math.max(width, height)) : 1;
    image.style.width = width ? `${Math.round(width * scale)}px` : "auto";
    name.textContent = filename;
    count.textContent = [width && `${width} × ${height}`, many && `${at + 1} of ${pictures.length}`]
      .filter(Boolean)
      .join(" · ");
    original.href = url;
  }

  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.classList.contains("lightbox-stage")) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  dialog.addEventListener("close", () => dialog.remove());
  show(at);
  document.body.append(dialog);
  dialog.showModal();
  dialog.focus();
}
