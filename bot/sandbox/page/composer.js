// The composer: plain text, or a command with its options, and the list that helps to write either.

import { TYPE, fileOption, matching, usable } from "./command.js";
import { Draft, Misfit } from "./draft.js";
import { element } from "./element.js";
import { icon } from "./icon.js";
import { Menu } from "./menu.js";
import { complete, say, useCommand } from "./server.js";

const PAUSE = 150; // milliseconds of quiet before choices are asked for

export class Composer {
  /**
   * @param {HTMLElement} place
   * @param {World} world
   * @param {{channel: () => string, sent: (interaction: string|null, command: object|null) => void}} acts
   */
  constructor(place, world, acts) {
    Object.assign(this, { world, acts });
    this.draft = null; // the command being written, or null for plain text
    this.asked = 0; // counts completions, so that a late answer is known as stale
    this.menu = new Menu();
    this.error = element("div", { role: "alert" });
    this.text = element("textarea.composer-text", {
      id: "composer",
      rows: 1,
      role: "combobox",
      "aria-expanded": "false",
      "aria-autocomplete": "list",
      autocomplete: "off",
      data: { testid: "composer" },
    });
    this.more = element("button.more", { type: "button", hidden: true });
    this.line = element("div.composer-line", {}, this.text, this.more);
    this.file = element("input", {
      type: "file",
      hidden: true,
      "aria-label": "File for the command",
      data: { testid: "file-input" },
    });
    this.attach = element(
      "button.icon-button.attach",
      { type: "button", "aria-label": "Attach a file to a command" },
      icon("plus"),
    );
    const send = element("button.icon-button.send", { type: "submit", "aria-label": "Send" }, icon("send"));
    this.form = element(
      "form.composer",
      { "aria-label": "Write a message or a command" },
      this.error,
      this.menu.node,
      element("div.composer-bar", {}, this.attach, this.line, send),
      this.file,
    );
    place.append(this.form);
    this.listen();
    this.plain();
  }

  listen() {
    this.attach.addEventListener("click", () => this.browse(null));
    this.more.addEventListener("click", () => this.text.focus());
    this.file.addEventListener("change", () => {
      const [file] = this.file.files;
      if (file) this.take(file);
      this.file.value = "";
    });
    this.form.addEventListener("paste", (event) => {
      const [file] = event.clipboardData.files;
      if (!file) return;
      event.preventDefault();
      this.take(file);
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.text.addEventListener("input", () => this.typed());
    this.form.addEventListener("keydown", (event) => this.key(event));
    this.form.addEventListener("focusin", (event) => this.offerFor(event.target));
    this.form.addEventListener(
      "focusout",
      (event) => !this.form.contains(event.relatedTarget) && this.menu.hide(),
    );
    this.line.addEventListener("click", (event) => event.target === this.line && this.text.focus());
  }

  // ── what is being written ─────────────────────────────────────────────────────────────────────────────

  /** Back to an empty line of plain text. */
  plain() {
    this.asked += 1;
    this.draft?.discard();
    this.draft = null;
    this.text.value = "";
    this.text.setAttribute("aria-label", "Message, or / for a command");
    this.rename();
    this.typed();
  }

  /** Start writing a command: its required options open at once. */
  begin(command) {
    this.plain();
    this.draft = new Draft(command, this.world, this, {
      changed: (pill) => {
        this.complain(null);
        this.offerChoices(pill);
      },
      browse: (pill) => this.browse(pill),
    });
    this.text.placeholder = "";
    this.text.setAttribute("aria-label", `Command /${command.name}. Enter sends it; type to find an option`);
    this.next();
  }

  /** The channel's name stands in the empty field. */
  rename() {
    if (!this.draft)
      this.text.placeholder = `Message #${this.world.channelName(this.acts.channel()) ?? ""}, / for commands`;
  }

  /** The commands changed: an open list of them is drawn anew. */
  refresh() {
    if (!this.draft && this.text.value.startsWith("/")) this.typed();
  }

  typed() {
    this.complain(null);
    this.text.style.height = "auto";
    this.text.style.height = `${this.text.scrollHeight}px`;
    if (this.draft) return this.offerOptions();
    if (!this.text.value.startsWith("/")) return this.menu.hide();
    const typed = this.text.value.slice(1).toLowerCase();
    const commands = usable(this.world.commands);
    const exact = commands.find(({ name }) => typed === `${name} `);
    if (exact) return this.begin(exact);
    this.offerCommands(
      matching(commands, typed),
      `Commands of ${this.world.application?.name ?? "the console"}`,
    );
  }

  /** Go on to what still has to be filled in, or to the end of the line. */
  next() {
    this.menu.hide();
    (this.draft.unfilled() ?? this.text).focus();
    // Where the focus did not move, its list still has to be renewed.
    this.offerFor(document.activeElement);
  }

  // ── what the list offers ──────────────────────────────────────────────────────────────────────────────

  offerFor(field) {
    const pill = this.draft?.pillOf(field);
    if (pill) this.offerChoices(pill);
    else if (field !== this.text) this.menu.hide();
    else if (this.draft) this.offerOptions();
  }

  offerCommands(commands, title, pick = (command) => this.begin(command)) {
    this.menu.show(this.text, {
      title,
      testid: "command-list",
      note: this.world.application
        ? "No command is called that. Delete back to / to see them all."
        : "Waiting for the console: its commands appear here.",
      at: 0,
      items: commands.map((command) => ({
        title: `/${command.name}`,
        detail: command.description,
        hint: command.options.map(({ name, required }) => (required ? name : `${name}?`)).join("  "),
        data: { testid: "command", command: command.name },
        pick: () => pick(command),
      })),
    });
  }

  offerOptions() {
    const { draft } = this;
    const typed = this.text.value.trim().toLowerCase();
    const open = (option) => {
      this.text.value = "";
      draft.open(option).focus();
    };
    const named = draft.closed().find(({ name }) => typed === `${name}:`);
    if (named) return open(named);
    const left = draft.closed().filter(({ name }) => name.startsWith(typed));
    this.menu.show(this.text, {
      title: draft.pills.length ? "More options" : `Options of /${draft.command.name}`,
      testid: "option-list",
      note: typed && `/${draft.command.name} has no other option that begins with “${typed}”.`,
      at: typed ? 0 : -1,
      items: left.map((option) => ({
        title: option.name,
        detail: option.description,
        data: { testid: "option-choice", option: option.name },
        pick: () => open(option),
      })),
    });
  }

  async offerChoices(pill) {
    const ticket = ++this.asked;
    const { option, field } = pill;
    const stale = () => ticket !== this.asked || document.activeElement !== field;
    this.asking?.abort();
    if (option.type === TYPE.ATTACHMENT) return this.menu.hide();
    const title = `${option.name}: ${option.description}`;
    const show = (choices, at, note) =>
      this.menu.show(field, {
        title,
        testid: "choices",
        at,
        note,
        items: choices.map((choice) => this.choiceItem(pill, choice)),
      });
    const fitting = pill.fitting();
    if (fitting)
      return show(fitting, Math.max(0, fitting.indexOf(pill.chosen)), "No choice fits what is typed.");
    if (!option.autocomplete) return show([], -1, `${title} · ${pill.hint}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    if (stale()) return;
    this.asking = new AbortController();
    try {
      const { choices } = await complete(this.address(this.draft.unfinished(pill)), this.asking.signal);
      if (stale()) return;
      const begins = pill.text && choices[0]?.name.toLowerCase().startsWith(pill.text.toLowerCase());
      show(choices, begins ? 0 : -1, `${title} · nothing to suggest`);
    } catch (refusal) {
      if (refusal.name !== "AbortError" && !stale()) show([], -1, refusal.message);
    }
  }

  choiceItem(pill, choice) {
    return {
      title: choice.name,
      data: { testid: "choice", value: choice.value },
      pick: () => {
        this.asked += 1;
        pill.choose(choice);
        this.next();
      },
    };
  }

  // ── files ─────────────────────────────────────────────────────────────────────────────────────────────

  browse(pill) {
    this.target = pill;
    this.file.click();
  }

  /** Give a file to the command being written, or ask which command should get it. */
  take(file) {
    this.complain(null);
    const target = this.draft?.pills.find((pill) => pill === this.target);
    this.target = null;
    if (this.draft) return this.fill(file, target);
    const start = (command) => {
      this.begin(command);
      this.fill(file);
    };
    const takers = usable(this.world.commands).filter(fileOption);
    if (!takers.length) return this.complain("No command takes a file yet: files travel with commands here.");
    if (takers.length === 1) return start(takers[0]);
    this.text.focus();
    this.offerCommands(takers, `Which command gets ${file.name}?`, start);
  }

  fill(file, target) {
    if (this.draft.attach(file, target)) this.next();
    else this.complain(`/${this.draft.command.name} takes no file.`);
  }

  // ── keys and sending ──────────────────────────────────────────────────────────────────────────────────

  key(event) {
    if (event.isComposing) return;
    const field = event.target;
    const typing = field.matches("textarea");
    if (this.menu.key(event)) return event.preventDefault();
    if (event.key === "Escape") this.escape();
    else if (event.key === "Enter" && !event.shiftKey && typing) this.enter(field);
    else if (event.key === "Backspace" && this.draft && typing && field.value === "")
      this.back(this.draft.pillOf(field));
    else return;
    event.preventDefault();
  }

  enter(field) {
    const pill = this.draft?.pillOf(field);
    if (pill && !pill.empty && this.draft.missing()) this.next();
    else this.submit();
  }

  escape() {
    if (this.menu.open && this.menu.items.length) this.menu.hide();
    else if (this.draft) {
      this.plain();
      this.text.focus();
    } else this.text.blur();
  }

  // Backspace in an empty field takes away what stands before it.
  back(pill) {
    const { draft } = this;
    const before = pill ? draft.pills.indexOf(pill) - 1 : draft.pills.length - 1;
    if (pill && !pill.option.required) draft.shut(pill);
    else if (before >= 0) draft.pills[before].focus();
    else {
      this.plain();
      this.text.value = `/${draft.command.name}`;
      this.text.focus();
      this.typed();
    }
  }

  async submit() {
    if (this.form.classList.contains("busy")) return;
    this.asked += 1;
    this.menu.hide();
    this.form.classList.add("busy");
    try {
      await (this.draft ? this.sendCommand() : this.sendText());
    } catch (refusal) {
      this.complain(refusal.message);
      if (!(refusal instanceof Misfit)) return;
      refusal.pill.focus();
      refusal.pill.complain(true);
    } finally {
      this.form.classList.remove("busy");
    }
  }

  async sendCommand() {
    const { command } = this.draft;
    const { payload, files } = this.draft.finished();
    const { interaction } = await useCommand(this.address(payload), files);
    this.sent(interaction, command);
  }

  async sendText() {
    const content = this.text.value.trim();
    if (!content) return;
    if (content.startsWith("/")) {
      throw new Error(
        `There is no command ${content.split(/\s/)[0]}: choose one from the list that opens when you type /.`,
      );
    }
    await say(this.address({ content }));
    this.sent(null, null);
  }

  sent(interaction, command) {
    this.plain();
    this.text.focus();
    this.acts.sent(interaction, command);
  }

  address(payload) {
    return { member: this.world.me.id, channel: this.acts.channel(), ...payload };
  }

  complain(sentence) {
    this.error.replaceChildren();
    if (sentence)
      this.error.append(
        element("p.composer-error", { data: { testid: "error" } }, icon("warning"), sentence),
      );
  }
}
