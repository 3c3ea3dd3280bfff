// Masonry: pictures of any shape in columns of one width, in order. Sizes are known before a picture is there.

const ROW = 4; // pixels, as in wall.css

/** Lays the cards of a grid, and lays them anew when its width changes. */
export function hang(grid) {
  let width = 0;
  new ResizeObserver(() => {
    if (grid.clientWidth !== width) {
      width = grid.clientWidth;
      lay(grid);
    }
  }).observe(grid);
  width = grid.clientWidth;
  lay(grid);
}

/** Tells each card how many rows it spans. */
export function lay(grid) {
  grid.classList.add("laid");
  const style = getComputedStyle(grid);
  const column = parseFloat(style.gridTemplateColumns);
  const gap = parseFloat(style.columnGap);
  if (!(column > 0)) {
    return;
  }
  for (const card of grid.children) {
    const image = card.querySelector("img");
    const height = (column * Number(image.getAttribute("height"))) / Number(image.getAttribute("width"));
    const rows = Math.max(1, Math.round((height + gap) / ROW));
    card.style.gridRowEnd = `span ${rows}`;
    card.style.height = `${rows * ROW - gap}px`;
  }
}
