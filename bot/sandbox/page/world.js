// What the page knows of the sandbox: who is here, which channels and commands there are.

import { element } from "./element.js";

/** The state of one member's view; `replace` renews it after a reconnect. */
export class World {
  constructor(state) {
    this.replace(state);
  }

  replace(state) {
    this.guild = state.guild;
    this.channels = state.channels;
    this.members = state.members;
    this.me = this.members.find((member) => member.id === (state.me?.id ?? state.me)) ?? this.members[0];
    this.application = state.application;
    this.commands = state.commands;
  }

  memberName = (id) => {
    const member = this.members.find((known) => known.id === id);
    return member?.name ?? (this.application?.id === id ? this.application.name : null);
  };

  channelName = (id) => this.channels.find((channel) => channel.id === id)?.name ?? null;

  /** Who wrote a message, with the colour and initials to draw them by. */
  author(message) {
    const { id, username, global_name: display, bot } = message.author;
    const member = this.members.find((known) => known.id === id);
    const name = member?.name ?? display ?? username;
    return {
      id,
      name,
      app: Boolean(bot),
      color: member?.color,
      initials: member?.initials ?? initials(name),
    };
  }
}

/** A round picture of somebody: initials on their colour, or the mark for the application. */
export function avatar(person, size = "") {
  if (person.app) return element(`img.avatar.app${size}`, { src: "/page/mark.svg", alt: "" });
  return element(
    `span.avatar${size}`,
    { "aria-hidden": "true", style: { "--tint": tint(person.color) } },
    person.initials,
  );
}

function initials(name) {
  return name
    .split(/\s+/)
    .map((word) => [...word][0])
    .join("")
    .slice(0, 2)
    .toUpperCase();
}

function tint(color) {
  if (typeof color === "number") return `#${color.toString(16).padStart(6, "0")}`;
  return color ?? "#6259d9";
}
