// The left column: the guild, its channels, and which of its members this page acts as.

import { element } from "./element.js";
import { icon } from "./icon.js";
import { avatar } from "./world.js";

const THREADS = new Set([10, 11, 12]);

/** Where the page goes to show a channel or act as another member. */
export function address(member, channel) {
  const values = Object.entries({ member, channel }).filter(([, value]) => value);
  return `?${new URLSearchParams(values)}`;
}

/** Draw the column; `current` is the channel shown, `unread` the ids of channels with something new. */
export function drawSidebar(place, world, current, unread) {
  place.replaceChildren(
    element(
      "header.guild",
      {},
      element("img.guild-mark", { src: "/page/mark.svg", alt: "" }),
      element(
        "div.guild-words",
        {},
        element("strong", {}, world.guild.name),
        element("span", {}, "Sandbox on this machine"),
      ),
    ),
    element("h2.side-title", { id: "channels-title" }, "Channels"),
    element(
      "ul.side-list.channels",
      { "aria-labelledby": "channels-title" },
      world.channels.map((channel) => channelRow(channel, world, current, unread)),
    ),
    element(
      "div.members",
      {},
      element("h2.side-title", { id: "members-title" }, "You act as"),
      element(
        "ul.side-list",
        { "aria-labelledby": "members-title" },
        world.members.map((member) => memberRow(member, world, current)),
      ),
    ),
  );
}

function channelRow(channel, world, current, unread) {
  const here = channel.id === current.id;
  const thread = THREADS.has(channel.type);
  const isNew = unread.has(channel.id) && !here;
  return element(
    `li${thread ? ".thread" : ""}`,
    {},
    element(
      `a.side-row${here ? ".here" : ""}${isNew ? ".unread" : ""}`,
      {
        href: address(world.me.id, channel.id),
        "aria-current": here ? "page" : null,
        data: { testid: "channel" },
      },
      icon(thread ? "thread" : "hash"),
      element("span.side-name", {}, channel.name),
      isNew && element("span.unseen", {}, "new messages"),
    ),
  );
}

function memberRow(member, world, current) {
  const me = member.id === world.me.id;
  return element(
    "li",
    {},
    element(
      `a.side-row.member${me ? ".here" : ""}`,
      {
        href: address(member.id, current.id),
        "aria-current": me ? "true" : null,
        data: { testid: "member", member: member.id },
      },
      avatar(member, ".small"),
      element("span.side-name", {}, member.name),
      member.administrator && element("span.role", {}, "admin"),
    ),
  );
}
