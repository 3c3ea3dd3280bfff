// Two pictures compared: side by side, one over the other, or what differs between their pixels.

import { spot, zooming } from "./region.js";

const NOTICED = 8; // of 255: what an eye hardly sees

/** Dresses the comparison on this page, if there is one. `seen` is kept from one to the next: its mode and region. */
export function comparing(seen) {
  const section = document.getElementById("compare");
  if (!section) {
    return;
  }
  const images = [...section.querySelectorAll("#pair img")];
  const modes = section.querySelector(".modes");
  const lids = [...section.querySelectorAll(".lift")];
  const show = () => {
    // Only side by side does a lid cover its picture.
    modes.disabled = lids.some((lid) => !lid.checked);
    const mode = modes.disabled ? "beside" : seen.mode;
    modes.querySelector(`[value="${mode}"]`).checked = true;
    for (const part of section.querySelectorAll("[data-mode]")) {
      part.hidden = part.dataset.mode !== mode;
    }
    if (mode === "minus") {
      subtract(images);
    }
  };
  modes.hidden = false;
  modes.addEventListener("change", (event) => {
    seen.mode = event.target.value;
    show();
  });
  lids.forEach((lid) => lid.addEventListener("change", show));
  document.getElementById("gain").addEventListener("input", () => subtract(images));
  section.querySelector(".keys").hidden = false;
  const lens = document.getElementById("lens");
  shape(lens, images[0]);
  images.forEach((image) => shape(image.closest(".one"), image));
  cutting(images, seen);
  zooming(lens, section.querySelector(".zoom"), seen);
  show();
}

function shape(part, image) {
  part.style.setProperty("--shape", image.getAttribute("width") / image.getAttribute("height"));
}

/** Lays the second picture over the first, and lets the slider or a pointer say where it begins. */
function cutting(images, seen) {
  const layers = document.getElementById("layers");
  const slide = document.getElementById("slide");
  layers.prepend(
    ...images.map((image) => {
      const layer = document.createElement("div");
      layer.className = "layer";
      layer.append(image.cloneNode());
      return layer;
    }),
  );
  const cut = () => layers.style.setProperty("--cut", `${slide.value}%`);
  const drag = (event) => {
    slide.value = 100 * spot(event, layers).x;
    cut();
  };
  let held = null;
  slide.addEventListener("input", cut);
  layers.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest(".grip");
    // What is enlarged is moved by dragging; then the grip alone moves the cut.
    if (event.button !== 0 || (seen.zoom > 1 && !grip)) {
      return;
    }
    if (grip) {
      event.stopPropagation();
      grip.setPointerCapture(event.pointerId);
    }
    held = event.pointerId;
    drag(event);
  });
  layers.addEventListener("pointermove", (event) => event.pointerId === held && drag(event));
  for (const end of ["pointerup", "pointercancel"]) {
    layers.addEventListener(end, () => (held = null));
  }
}

/** Draws how much each pixel differs, and says it in numbers. The second picture takes the first one's size. */
async function subtract(images) {
  const said = document.getElementById("difference");
  try {
    await Promise.all(images.map((image) => image.decode()));
  } catch {
    said.textContent = "One of the pictures could not be loaded.";
    return;
  }
  const { naturalWidth: width, naturalHeight: height } = images[0];
  const [first, second] = images.map((image) => pixels(image, width, height));
  const gain = Number(document.getElementById("gain").value);
  const drawn = new ImageData(width, height);
  let sum = 0;
  let noticed = 0;
  for (let at = 0; at < first.length; at += 4) {
    let most = 0;
    for (let channel = 0; channel < 3; channel += 1) {
      const apart = Math.abs(first[at + channel] - second[at + channel]);
      drawn.data[at + channel] = apart * gain;
      sum += apart;
      most = Math.max(most, apart);
    }
    drawn.data[at + 3] = 255;
    noticed += most > NOTICED ? 1 : 0;
  }
  const canvas = document.getElementById("canvas");
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(drawn, 0, 0);
  const share = (100 * noticed) / (width * height);
  const mean = sum / (3 * width * height);
  const scaled = images[1].naturalWidth !== width || images[1].naturalHeight !== height;
  said.textContent =
    (sum === 0
      ? "The pictures are equal, pixel by pixel."
      : `On average ${mean.toFixed(1)} of 255 apart; ${share.toFixed(share < 10 ? 1 : 0)} % of the pixels differ visibly.`) +
    (scaled ? " The second one was scaled to the size of the first." : "");
}

function pixels(image, width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}
