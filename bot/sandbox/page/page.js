// The page: a Discord channel of our own in the browser, wired from a sidebar, a message list and a composer.
//
// Hooks for browser tests, by data-testid:
//   composer          the text field, in plain mode and at the end of a command (Enter sends)
//   command-list      the open list of commands;     command  a row, data-command="params show"
//   option            an open option of a command, data-option=name;     option-input  its field (a button for files)
//   option-list       the options not yet open;      option-choice  a row, data-option=name
//   choices           the open choices of an option; choice  a row (also in a select's list), data-value
//   file-input        the one <input type=file>: fills the command's attachment option, open or not
//   error             a refusal: over the composer, under a message, or in place of an answer
//   message           a message, data-message-id;    thinking  within it while deferred;  ephemeral  its note
//   attachment-image  a picture, data-filename;      attachment-file  any other file
//   button            data-label;                    select  opens choices;               lightbox  the open dialog
//   channel, member   rows of the left column;       step  a first step of an empty channel
//   new-messages      the pill to the end;           bar  the state of the connection

import { Channel } from "./channel.js";
import { Composer } from "./composer.js";
import { element } from "./element.js";
import { icon } from "./icon.js";
import { follow, readState, useComponent } from "./server.js";
import { drawSidebar } from "./sidebar.js";
import { welcome } from "./welcome.js";
import { World } from "./world.js";

const at = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const BUTTON_WAIT = 3200; // milliseconds after which a pressed button rests again: Discord's three seconds
const SENDING_AFTER = 400; // milliseconds without an answer after which a command is shown as on its way
const TYPING_LASTS = 10_000; // milliseconds

async function start() {
  const state = await readState(asked.get("member"));
  const world = new World(state);
  const unread = new Set();
  const unanswered = new Map(); // interaction of ours → what to do with the sentence when it fails
  const channelNow = () => world.channels.find(({ id }) => id === asked.get("channel")) ?? world.channels[0];
  const here = (message) => !message.channel_id || message.channel_id === channelNow().id;

  const composer = new Composer(at("composer-place"), world, {
    channel: () => channelNow().id,
    sent: (interaction, command) => {
      channel.toEnd();
      if (!interaction) return;
      const asking = { interaction, by: world.me.id, command: command.name };
      unanswered.set(interaction, (sentence) => channel.fail({ ...asking, sentence }));
      setTimeout(() => channel.sending(asking), SENDING_AFTER);
    },
  });
  const channel = new Channel(at("channel"), world, {
    use: (message, node, component, values) => use(message, node, component, values),
    announce: (text) => (at("announcer").textContent = text),
    empty: () => welcome(world, channelNow(), composer),
  });
  at("composer-place").append(channel.typing);

  function draw() {
    drawSidebar(at("sidebar"), world, channelNow(), unread);
    at("channel-name").replaceChildren(icon("hash"), channelNow().name);
    at("channel-topic").textContent = channelNow().topic ?? "";
    document.title = `#${channelNow().name} · Atelier sandbox`;
    composer.rename();
  }

  async function renew() {
    const fresh = await readState(world.me.id);
    world.replace(fresh);
    draw();
    channel.replace(fresh.messages.filter(here));
    bar();
  }

  async function use(message, node, component, values) {
    const row = node.closest(".message-body");
    row.querySelector(".use-error")?.remove();
    node.classList.add("pressed");
    node.setAttribute("aria-busy", "true");
    const rest = () => {
      node.classList.remove("pressed");
      node.removeAttribute("aria-busy");
    };
    const fail = (sentence) => {
      rest();
      const place = row.isConnected
        ? row
        : at("channel").querySelector(`[data-message-id="${message.id}"] .message-body`);
      place?.append(
        element(
          "p.use-error.failed",
          { role: "alert", data: { testid: "error" } },
          icon("warning"),
          sentence,
        ),
      );
    };
    try {
      const pressed = {
        member: world.me.id,
        message: message.id,
        custom_id: component.custom_id,
        component_type: component.type,
      };
      const { interaction } = await useComponent({ ...pressed, values });
      unanswered.set(interaction, fail);
      setTimeout(rest, BUTTON_WAIT);
    } catch (refusal) {
      fail(refusal.message);
    }
  }

  const hears = {
    message: (message) => (here(message) ? (quiet(), channel.show(message)) : elsewhere(message)),
    message_update: (message) => here(message) && channel.show(message),
    message_delete: ({ id }) => channel.remove(id),
    commands: (commands) => {
      world.commands = commands;
      composer.refresh();
      channel.arrange();
    },
    application: (application) => {
      world.application = application;
      bar();
      composer.refresh();
      channel.arrange();
    },
    thinking: (thought) => channel.think(thought),
    failed: ({ interaction, sentence }) => unanswered.get(interaction)?.(sentence),
    typing: ({ channel_id: where }) => (!where || where === channelNow().id) && typing(),
  };

  function elsewhere(message) {
    if (!world.channels.some(({ id }) => id === message.channel_id)) return renew();
    unread.add(message.channel_id);
    drawSidebar(at("sidebar"), world, channelNow(), unread);
  }

  function typing() {
    channel.typing.textContent = `${world.application?.name ?? "Somebody"} is typing…`;
    clearTimeout(typing.end);
    typing.end = setTimeout(quiet, TYPING_LASTS);
  }

  function quiet() {
    channel.typing.textContent = "";
  }

  let connected = true;
  function bar() {
    const text = !connected
      ? "The connection to the sandbox is lost. Trying again…"
      : world.application
        ? ""
        : "Waiting for the console…";
    at("bar").hidden = !text;
    at("bar").textContent = text;
  }

  draw();
  channel.replace(state.messages.filter(here));
  channel.goTo(asked.get("message"));
  bar();
  fold();
  drop(composer);
  follow(world.me.id, {
    event: ({ type, data }) => hears[type]?.(data),
    up: (again) => {
      connected = true;
      bar();
      if (again) renew();
    },
    down: () => {
      connected = false;
      bar();
    },
  });
  if (matchMedia("(pointer: fine)").matches) at("composer").focus();
}

// On a phone the left column is folded away behind a button.
function fold() {
  const turn = (open) => {
    document.body.classList.toggle("unfolded", open);
    at("unfold").setAttribute("aria-expanded", String(open));
  };
  at("unfold").append(icon("menu"));
  at("unfold").addEventListener("click", () => turn(!document.body.classList.contains("unfolded")));
  at("scrim").addEventListener("click", () => turn(false));
  document.addEventListener("keydown", (event) => event.key === "Escape" && turn(false));
}

// A file may be dropped anywhere on the page.
function drop(composer) {
  const carriesFile = (event) => event.dataTransfer?.types.includes("Files");
  const mark = (on) => document.body.classList.toggle("dropping", on);
  document.addEventListener("dragover", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    mark(true);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget === null && mark(false));
  document.addEventListener("drop", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    mark(false);
    composer.take(event.dataTransfer.files[0]);
  });
}

start().catch((refusal) => {
  at("bar").hidden = false;
  at("bar").textContent = refusal.message;
  throw refusal;
});
