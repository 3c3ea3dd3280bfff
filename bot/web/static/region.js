// The region: which part of the pictures in a lens is seen, the same one in each of them.

const MOST = 8; // times as large as the whole is shown
const STEP = 1.5;
const AWAY = 0.15; // of what is seen: how far an arrow key goes
const WHEEL = 200; // of a wheel's pixels for e times as large
const ARROWS = { ArrowLeft: [-AWAY, 0], ArrowRight: [AWAY, 0], ArrowUp: [0, -AWAY], ArrowDown: [0, AWAY] };
const MIDDLE = { x: 0.5, y: 0.5 };

/** Lets buttons, keys, fingers and a wheel zoom and move every frame of the lens.
 * `seen` is kept: how large (`zoom`, from 1), and the place in the picture (`x`, `y`, 0 to 1) that is in the middle.
 */
export function zooming(lens, group, seen) {
  const fingers = new Map(); // where in a frame, 0 to 1, each pointer is that is down

  function show(zoom, x, y) {
    const half = 0.5 / zoom;
    const within = (place) => Math.min(Math.max(place, half), 1 - half);
    Object.assign(seen, { zoom, x: within(x), y: within(y) });
    lens.style.setProperty("--zoom", zoom);
    lens.style.setProperty("--left", `${100 * (half - seen.x)}%`);
    lens.style.setProperty("--top", `${100 * (half - seen.y)}%`);
    lens.classList.toggle("zoomed", zoom > 1);
    group.querySelector("output").textContent = `${Math.round(100 * zoom)} %`;
  }

  /** What lies at this place of a frame stays there. */
  function zoom(times, { x, y } = MIDDLE) {
    // Rounded, so that as many steps back as forth lead to 1 again.
    const next = Math.min(Math.max(Number((seen.zoom * times).toFixed(6)), 1), MOST);
    const kept = 1 / seen.zoom - 1 / next;
    show(next, seen.x + (x - 0.5) * kept, seen.y + (y - 0.5) * kept);
  }

  /** Shows what lies further on, in parts of what is seen. */
  function move(x, y) {
    show(seen.zoom, seen.x + x / seen.zoom, seen.y + y / seen.zoom);
  }

  group.hidden = false;
  group.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) {
      zoom(STEP ** Number(button.dataset.by));
    }
  });
  lens.tabIndex = 0;
  // Around the buttons too; arrows there choose a mode, or move the cut.
  lens.closest("section").addEventListener("keydown", (event) => {
    const arrow = lens.contains(event.target) && seen.zoom > 1 && ARROWS[event.key];
    const times = { "+": STEP, "=": STEP, "-": 1 / STEP, 0: 1 / MOST }[event.key];
    if (event.altKey || event.ctrlKey || event.metaKey || !(arrow || times)) {
      return;
    }
    event.preventDefault();
    if (arrow) {
      move(...arrow);
    } else {
      zoom(times);
    }
  });
  lens.addEventListener(
    "wheel",
    (event) => {
      const frame = event.target.closest(".frame");
      // A pinch on a touchpad comes as a wheel with Ctrl; without it the page is scrolled.
      if (frame && event.ctrlKey) {
        event.preventDefault();
        zoom(Math.exp(-event.deltaY / WHEEL), spot(event, frame));
      }
    },
    { passive: false },
  );
  lens.addEventListener("pointerdown", (event) => {
    const frame = event.target.closest(".frame");
    if (frame && event.button === 0) {
      frame.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, spot(event, frame));
    }
  });
  lens.addEventListener("pointermove", (event) => {
    if (fingers.has(event.pointerId)) {
      const before = [...fingers.values()];
      fingers.set(event.pointerId, spot(event, event.target.closest(".frame")));
      const after = [...fingers.values()];
      const [from, to] = [centre(before), centre(after)];
      move(from.x - to.x, from.y - to.y);
      zoom(spread(after) / spread(before), to);
    }
  });
  for (const end of ["pointerup", "pointercancel"]) {
    lens.addEventListener(end, (event) => fingers.delete(event.pointerId));
  }
  show(seen.zoom, seen.x, seen.y);
}

/** Where in a frame a pointer is, from 0 at its left and top to 1. */
export function spot(event, frame) {
  const box = frame.getBoundingClientRect();
  return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
}

function centre(spots) {
  const mean = (axis) => spots.reduce((sum, each) => sum + each[axis], 0) / spots.length;
  return { x: mean("x"), y: mean("y") };
}

/** How far two fingers are apart; 1 for a single one, which spreads nothing. */
function spread([one, other]) {
  return other ? Math.max(Math.hypot(one.x - other.x, one.y - other.y), 0.01) : 1;
}
