// Copying: buttons that put the text of another element on the clipboard, and say so.

const SAID = 1600; // milliseconds

/** Puts a text on the clipboard; false where the browser does not let us. */
async function put(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    return true;
  } catch {
    // Without https there is no clipboard: the text is at least selected, ready for the keys that copy.
    source.closest("details")?.setAttribute("open", "");
    getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }
}

/** Every button with `data-copy`, the id of what it copies. */
export function copying() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    const label = [...button.childNodes].at(-1);
    const words = label.textContent;
    button.addEventListener("click", async () => {
      label.textContent = (await put(document.getElementById(button.dataset.copy))) ? "Copied" : "Selected";
      setTimeout(() => (label.textContent = words), SAID);
    });
  }
}
