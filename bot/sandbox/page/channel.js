// The message list: kept in order, grouped by author, and quiet about scrolling unless the reader is at its end.

import { element } from "./element.js";
import { icon } from "./icon.js";
import { answers, isEphemeral, isWaiting, messageNode, placeholder } from "./message.js";
import { dayName } from "./time.js";

const TOGETHER = 7 * 60_000; // milliseconds within which one author's messages share a head
const AT_END = 60; // CSS pixels from the end that still count as being there

export class Channel {
  /**
   * @param {HTMLElement} place the scrolling section
   * @param {World} world
   * @param {{use: Function, announce: (text: string) => void, empty: () => HTMLElement}} acts
   */
  constructor(place, world, acts) {
    Object.assign(this, { place, world, acts });
    this.shown = new Map(); // message id → {message, node}
    this.heard = new Set(); // interactions that the application has answered or deferred
    this.dismissed = new Set(JSON.parse(sessionStorage.getItem("dismissed") ?? "[]"));
    this.list = element("ol.messages", { role: "log", "aria-live": "off", "aria-label": "Messages" });
    this.pill = element(
      "button.pill-new",
      { type: "button", hidden: true, data: { testid: "new-messages" } },
      "New messages",
      icon("down"),
    );
    this.pill.addEventListener("click", () => this.toEnd());
    this.typing = element("p.typing", { "aria-live": "off" });
    this.following = true;
    place.append(this.list, element("div.pill-place", {}, this.pill));
    place.addEventListener("scroll", () => this.scrolled(), { passive: true });
    // Pictures and a resized window change the height after the fact.
    new ResizeObserver(() => this.following && this.toEnd()).observe(this.list);
    new ResizeObserver(() => this.following && this.toEnd()).observe(place);
  }

  /** Show these messages and nothing else. */
  replace(messages) {
    const waiting = [...this.shown.values()]
      .map(({ message }) => message)
      .filter((message) => message.sentence);
    this.shown.clear();
    this.list.replaceChildren();
    for (const message of [...messages, ...waiting]) this.put(message);
    this.arrange();
    this.toEnd();
  }

  /** A message is new or has changed. */
  show(message) {
    const known = this.shown.get(message.id)?.message;
    this.put(message);
    this.arrange();
    if (known && !isWaiting(known)) return;
    const mine = message.author.id === this.world.me.id;
    if (this.following || mine) this.toEnd();
    else this.pill.hidden = false;
    this.acts.announce(`${this.world.author(message).name}: ${summary(message)}`);
  }

  /** A command of ours is on its way: say so, unless the application has answered by now. */
  sending({ interaction, by, command }) {
    if (!this.heard.has(interaction))
      this.show(placeholder({ interaction, by, command, ephemeral: true, heard: false }, this.world));
  }

  /** The application works on an answer, which takes this place when it comes. */
  think(thought) {
    this.hear(thought.interaction);
    if (!this.shown.has(thought.message)) this.show(placeholder(thought, this.world));
  }

  /** A command of ours got no answer: say so where it would have stood. */
  fail({ interaction, sentence, by, command }) {
    this.show(placeholder({ interaction, sentence, by, command, ephemeral: true }, this.world));
  }

  hear(interaction) {
    this.heard.add(interaction);
    this.shown.get(interaction)?.node.remove();
    this.shown.delete(interaction);
  }

  remove(id) {
    this.shown.get(id)?.node.remove();
    this.shown.delete(id);
    this.arrange();
  }

  put(message) {
    if (this.dismissed.has(message.id)) return;
    const interaction = answers(message);
    if (interaction && interaction !== message.id) this.hear(interaction);
    const before = this.shown.get(message.id)?.node ?? null;
    const focus = before?.contains(document.activeElement) ? document.activeElement.dataset.customId : null;
    const node = messageNode(
      message,
      this.world,
      { use: this.acts.use, dismiss: (gone) => this.dismiss(gone) },
      before,
    );
    this.shown.set(message.id, { message, node });
    if (before) before.replaceWith(node);
    else this.list.insertBefore(node, this.successor(message.id));
    if (focus) node.querySelector(`[data-custom-id="${CSS.escape(focus)}"]`)?.focus();
  }

  dismiss(message) {
    this.dismissed.add(message.id);
    sessionStorage.setItem("dismissed", JSON.stringify([...this.dismissed]));
    this.remove(message.id);
  }

  // Ids are snowflakes: their order is the order of time.
  successor(id) {
    const nodes = [...this.list.querySelectorAll(".message")];
    let next = null;
    for (let at = nodes.length - 1; at >= 0 && BigInt(nodes[at].dataset.messageId) > BigInt(id); at -= 1)
      next = nodes[at];
    return next;
  }

  // Who stands under whose head, and where a new day begins.
  arrange() {
    for (const divider of this.list.querySelectorAll(".day, .empty")) divider.remove();
    let last = null;
    for (const node of this.list.querySelectorAll(".message")) {
      const { message } = this.shown.get(node.dataset.messageId);
      const date = new Date(message.timestamp);
      const sameDay = last && new Date(last.timestamp).toDateString() === date.toDateString();
      if (!sameDay) node.before(element("li.day", { role: "separator" }, element("span", {}, dayName(date))));
      const grouped =
        sameDay &&
        last.author.id === message.author.id &&
        !message.interaction_by?.command &&
        isEphemeral(last) === isEphemeral(message) &&
        date - new Date(last.timestamp) < TOGETHER;
      node.classList.toggle("grouped", Boolean(grouped));
      last = message;
    }
    if (!last) this.list.append(this.acts.empty());
  }

  scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.place;
    this.following = scrollHeight - scrollTop - clientHeight < AT_END;
    if (this.following) this.pill.hidden = true;
  }

  /** Go to a message that somebody asked for by its address, and mark it; nowhere where it is not here. */
  goTo(id) {
    const node = this.shown.get(id)?.node;
    if (!node) return;
    this.following = false;
    node.classList.add("asked-for");
    node.scrollIntoView({ block: "center" });
  }

  toEnd() {
    this.place.scrollTop = this.place.scrollHeight;
    this.following = true;
    this.pill.hidden = true;
  }
}

function summary(message) {
  if (isWaiting(message))
    return message.sentence ?? (message.heard === false ? "sending the command" : "is thinking");
  const pictures = message.attachments?.length;
  const text = message.content || message.embeds?.[0]?.title || "";
  return [text.slice(0, 160), pictures && `${pictures} ${pictures === 1 ? "file" : "files"}`]
    .filter(Boolean)
    .join(", ");
}
