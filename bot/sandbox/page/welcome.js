// What an empty channel says: the first step, ready to be taken.

import { usable } from "./command.js";
import { element } from "./element.js";

const STEPS = [
  ["sweep", "Type /sweep and choose an example, or drop a sweep file here"],
  ["imagine", "Draw one picture from a sentence: a portrait of a woman, red background"],
  ["faces add", "Add photos of somebody, with their consent, and draw them by name"],
  ["test_face_mecene", "See bruno, cleo and olga in fresh ideas"],
  ["wall open", "See all of it on the photo wall, and sign in there with /link"],
  ["detail", "Draw the faces of a photo again, and nothing else of it"],
  ["set", "Change a parameter: steps, guidance, sampler…"],
  ["help", "See everything the console can do"],
];

/** An introduction with a button for each first step whose command is there. */
export function welcome(world, channel, composer) {
  const commands = usable(world.commands);
  const steps = STEPS.map(([name, text]) => [commands.find((command) => command.name === name), text]).filter(
    ([command]) => command,
  );
  return element(
    "li.empty",
    {},
    element("img.empty-mark", { src: "/page/mark.svg", alt: "" }),
    element("h2", {}, `Welcome to #${channel.name}`),
    element(
      "p",
      {},
      "This is a Discord of your own: it runs on this machine, and nothing leaves it. ",
      steps.length ? "Start here:" : "When the console has connected, its commands appear here.",
    ),
    steps.map(([command, text]) =>
      element(
        "button.step",
        { type: "button", data: { testid: "step" }, on: { click: () => composer.begin(command) } },
        element("span.step-name", {}, `/${command.name}`),
        element("span.step-text", {}, text),
      ),
    ),
  );
}
