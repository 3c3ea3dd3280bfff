// One message: who, when, what they wrote, and what hangs below it.

import { componentNode } from "./component.js";
import { element } from "./element.js";
import { embedNode } from "./embed.js";
import { attachmentNodes } from "./gallery.js";
import { icon } from "./icon.js";
import { markdown } from "./markdown.js";
import { clockTime, when } from "./time.js";
import { avatar } from "./world.js";

const EPHEMERAL = 1 << 6;
const LOADING = 1 << 7;
const COMPONENTS_V2 = 1 << 15;

export const isEphemeral = (message) => Boolean(message.flags & EPHEMERAL);
export const isWaiting = (message) => Boolean(message.flags & LOADING);

/** The id of the interaction that a message answers, or null. */
export function answers(message) {
  const { interaction, interaction_metadata: metadata } = message;
  return interaction?.id ?? (typeof interaction === "string" ? interaction : null) ?? metadata?.id ?? null;
}

/**
 * Draw a message.
 * @param {object} message a Discord message object
 * @param {World} world
 * @param {object} acts `use(message, node, component, values)` presses or chooses; `dismiss(message)` takes it away
 * @param {Element|null} before the same message as shown until now
 * @returns {HTMLElement} a list item
 */
export function messageNode(message, world, acts, before = null) {
  const author = world.author(message);
  const date = new Date(message.timestamp);
  const hidden = isEphemeral(message);
  const body = isWaiting(message) ? thinkingNode(message) : contentNodes(message, world, acts, before);
  return element(
    `li.message${hidden ? ".ephemeral" : ""}`,
    { data: { testid: "message", messageId: message.id } },
    message.interaction_by?.command && byLine(message.interaction_by, world),
    element(
      "article.message-main",
      { "aria-label": `${author.name}, ${when(date)}` },
      element(
        "div.gutter",
        {},
        avatar(author),
        element("time.side-time", { datetime: message.timestamp }, clockTime(date)),
      ),
      element(
        "div.message-body",
        {},
        element(
          "div.message-head",
          {},
          element("span.author", {}, author.name),
          author.app && element("span.tag", {}, "APP"),
          element("time.time", { datetime: message.timestamp }, when(date)),
        ),
        body,
        hidden && ephemeralNote(() => acts.dismiss(message)),
      ),
    ),
  );
}

/** Stands where an answer will: a command was sent (`heard` false), is worked on, or failed (`sentence`). */
export function placeholder(thought, world) {
  const application = world.application ?? { id: "0", name: "Atelier" };
  return {
    id: thought.message ?? thought.interaction,
    timestamp: new Date().toISOString(),
    author: { id: application.id, username: application.name, bot: true },
    flags: LOADING | (thought.ephemeral ? EPHEMERAL : 0),
    sentence: thought.sentence ?? null,
    heard: thought.heard ?? true,
    interaction: thought.interaction,
    interaction_by: {
      ...(typeof thought.by === "object" ? thought.by : { id: thought.by }),
      command: thought.command,
    },
  };
}

function byLine(by, world) {
  const id = by.member?.id ?? by.member ?? by.id;
  const member = world.members.find((known) => known.id === id);
  const name = member?.name ?? by.name ?? "Somebody";
  return element(
    "div.by-line",
    {},
    element("span.by-hook", { "aria-hidden": "true" }),
    member && avatar(member, ".tiny"),
    element("strong", {}, name),
    " used ",
    element("span.by-command", {}, `/${by.command}`),
  );
}

function thinkingNode(message) {
  if (message.sentence) {
    return element(
      "p.failed",
      { role: "alert", data: { testid: "error" } },
      icon("warning"),
      message.sentence,
    );
  }
  const dots = element("span.dots", { "aria-hidden": "true" }, element("i"), element("i"), element("i"));
  return element(
    "p.thinking",
    { data: { testid: "thinking" } },
    dots,
    message.heard === false ? "Sending the command…" : `${message.author.username} is thinking…`,
  );
}

function contentNodes(message, world, acts, before) {
  const files = message.attachments ?? [];
  const used = new Set();
  const resolve = (url) => {
    const file = files.find(
      (attachment) => url === `attachment://${attachment.filename}` || url === attachment.url,
    );
    if (file) used.add(file.id);
    return file?.url ?? url;
  };
  const context = {
    names: world,
    resolve,
    use: (node, component, values) => acts.use(message, node, component, values),
  };
  const embeds = (message.embeds ?? []).map((embed) => embedNode(embed, world, resolve));
  const components = (message.components ?? []).map((component) => componentNode(component, context));
  const loose = message.flags & COMPONENTS_V2 ? [] : files.filter((file) => !used.has(file.id));
  const edited =
    message.edited_timestamp &&
    element("span.edited", { title: when(new Date(message.edited_timestamp)) }, "(edited)");
  const text = message.content && element("div.message-text.markdown", {}, markdown(message.content, world));
  if (text && edited)
    (text.lastElementChild?.matches(".line") ? text.lastElementChild : text).append(" ", edited);
  return [text, attachmentNodes(loose, before), embeds, components, !text && edited];
}

function ephemeralNote(dismiss) {
  return element(
    "p.ephemeral-note",
    { data: { testid: "ephemeral" } },
    icon("eye"),
    "Only you can see this · ",
    element("button.text-button", { type: "button", on: { click: dismiss } }, "Dismiss message"),
  );
}
