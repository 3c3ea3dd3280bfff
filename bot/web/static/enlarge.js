// Enlarged: a picture over the whole window, in its own pixels or more, to be moved about.

const STEPS = [1, 1.5, 2, 3, 4, 6, 8];

/** Opens the picture of a link in a dialog; click, +, - and 0 zoom, Escape closes. */
export function enlarging(link) {
  const shown = link.querySelector("img");
  const dialog = document.createElement("dialog");
  dialog.className = "enlarged";
  dialog.setAttribute("aria-label", "The picture, enlarged");
  const pane = document.createElement("div");
  pane.className = "enlarged-pane";
  pane.tabIndex = 0;
  const image = new Image();
  image.alt = shown.alt;
  pane.append(image);
  const bar = document.createElement("div");
  bar.className = "enlarged-bar";
  dialog.append(pane, bar);
  let step = 0;

  const own = { width: Number(shown.getAttribute("width")), height: Number(shown.getAttribute("height")) };
  const fit = () => Math.min(innerWidth / own.width, innerHeight / own.height);

  function size(to, at) {
    const x = at ? (pane.scrollLeft + at.x) / Math.max(pane.scrollWidth, 1) : 0.5;
    const y = at ? (pane.scrollTop + at.y) / Math.max(pane.scrollHeight, 1) : 0.5;
    step = Math.max(0, Math.min(STEPS.length - 1, to));
    image.width = Math.round(own.width * fit() * STEPS[step]);
    image.height = Math.round(own.height * fit() * STEPS[step]);
    pane.classList.toggle("zoomed", step > 0);
    pane.scrollTo(x * pane.scrollWidth - innerWidth / 2, y * pane.scrollHeight - innerHeight / 2);
  }

  for (const [sign, words, act] of [
    ["−", "Smaller", () => size(step - 1)],
    ["+", "Larger", () => size(step + 1)],
    ["×", "Close", () => dialog.close()],
  ]) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = sign;
    button.setAttribute("aria-label", words);
    button.addEventListener("click", act);
    bar.append(button);
  }
  pane.addEventListener("click", (event) => {
    size(step > 0 ? 0 : 2, { x: event.clientX, y: event.clientY });
  });
  dialog.addEventListener("keydown", (event) => {
    const acts = { "+": () => size(step + 1), "=": () => size(step + 1), "-": () => size(step - 1), 0: () => size(0) };
    if (acts[event.key]) {
      event.preventDefault();
      acts[event.key]();
    }
  });
  addEventListener("resize", () => dialog.open && size(step));
  document.body.append(dialog);
  link.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) {
      return;
    }
    event.preventDefault();
    image.src = link.href;
    dialog.showModal();
    size(0);
    pane.focus();
  });
}
