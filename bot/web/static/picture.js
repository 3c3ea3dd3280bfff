// A picture's page: enlarge it, copy from it, star and rate it, and go on with the keys.

import { copying } from "./copy.js";
import { enlarging } from "./enlarge.js";
import { complain, send } from "./fetching.js";
import { returning } from "./place.js";
import { beside } from "./walk.js";

const name = document.querySelector(".sheet").dataset.name;

/** Goes on in the order in which the wall was seen, where this picture was opened from it. */
function walk() {
  const found = beside(name);
  if (!found) {
    return;
  }
  for (const side of ["before", "after"]) {
    const link = document.getElementById(side);
    link.hidden = !found[side];
    link.href = `/pictures/${found[side]}`;
  }
  const back = document.getElementById("back");
  back.href = found.address;
  if (!found.address.startsWith("/jobs/")) {
    back.addEventListener("click", () => returning(name));
  }
  back.textContent = /^\/(people|jobs)\//.test(found.address) ? "back" : "the wall";
}

/** The stars and the ratings as they stand after one was given. */
function tell(told) {
  const star = document.getElementById("star");
  star.setAttribute("aria-pressed", `${told.starred}`);
  star.value = told.starred ? "0" : "1";
  document.getElementById("stars").textContent = told.stars;
  for (const button of document.querySelectorAll(".rating button")) {
    const value = Number(button.dataset.value);
    button.setAttribute("aria-pressed", `${value === told.own_rating}`);
    button.classList.toggle("lit", value <= (told.own_rating ?? 0));
    button.value = value === told.own_rating ? "" : `${value}`;
  }
  const members = told.ratings === 1 ? "1 member" : `${told.ratings} members`;
  say(told.ratings ? `${told.rating.toFixed(1)} of 5, rated by ${members}` : "Not rated yet");
}

function say(sentence) {
  document.getElementById("mean").textContent = sentence;
}

for (const form of document.querySelectorAll(".star, .rating")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      tell(await send(form, event.submitter));
    } catch (error) {
      complain(document.getElementById("mean"), error);
    }
  });
}

addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea, pre, dialog");
  if (typing || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) {
    return;
  }
  const link = { ArrowLeft: "before", ArrowRight: "after", Escape: "back" }[event.key];
  const target = link && document.getElementById(link);
  if (target && !target.hidden) {
    target.click();
  }
});

walk();
copying();
enlarging(document.getElementById("enlarge"));
