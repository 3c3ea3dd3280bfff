// Two pictures compared: side by side, one over the other, or what differs between their pixels.

const NOTICED = 8; // of 255: what an eye hardly sees

/** Dresses the comparison on this page, if there is one. */
export function comparing() {
  const section = document.getElementById("compare");
  if (!section) {
    return;
  }
  const images = [...section.querySelectorAll("#pair img")];
  const shown = { beside: "pair", over: "over", minus: "minus" };
  const modes = section.querySelector(".modes");
  modes.hidden = false;
  modes.addEventListener("change", (event) => {
    for (const [mode, id] of Object.entries(shown)) {
      document.getElementById(id).hidden = mode !== event.target.value;
    }
    if (event.target.value === "minus") {
      subtract(images);
    }
  });
  const layers = document.getElementById("layers");
  layers.append(
    ...images.map((image) => {
      const layer = image.cloneNode();
      layer.removeAttribute("loading");
      return layer;
    }),
  );
  const slide = document.getElementById("slide");
  slide.addEventListener("input", () => layers.style.setProperty("--cut", `${slide.value}%`));
  document.getElementById("gain").addEventListener("input", () => subtract(images));
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
