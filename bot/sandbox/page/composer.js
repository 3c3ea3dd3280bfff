// The composer: plain text, or a command with its options, written where the caret is.

import { TYPE, fileOption, matching, nest, usable } from "./command.js";
import { element } from "./element.js";
import { icon } from "./icon.js";
import { Menu } from "./menu.js";
import { Option } from "./option.js";
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
    this.command = null; // the command being written, or null for plain text
    this.options = []; // its open options, in order
    this.asked = 0; // counts completions, so that a late answer is known as stale
    this.menu = new Menu();
    this.error = element("div", { role: "alert" });
    this.chip = element("span.command-chip", { hidden: true });
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
    this.line = element("div.composer-line", {}, this.chip, this.text, this.more);
    this.file = element("input", { type: "file", hidden: true, "aria-label": "File for the command", data: { testid: "file-input" } });
    const attach = element("button.icon-button.attach", { type: "button", "aria-label": "Attach a file to a command" }, icon("plus"));
    this.send = element("button.icon-button.send", { type: "submit", "aria-label": "Send" }, icon("send"));
    this.form = element(
      "form.composer",
      { "aria-label": "Write a message or a command" },
      this.error,
      this.menu.node,
      element("div.composer-bar", {}, attach, this.line, this.send),
      this.file,
    );
    place.append(this.form);
    this.listen(attach);
    this.plain();
  }

  listen(attach) {
    attach.addEventListener("click", () => this.browse(null));
    this.more.addEventListener("click", () => this.offerOptions(this.text));
    this.file.addEventListener("change", () => {
      const [file] = this.file.files;
      if (file) this.take(file);
      this.file.value = "";
    });
    this.text.addEventListener("input", () => this.typed());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.form.addEventListener("keydown", (event) => this.key(event));
    this.form.addEventListener("focusin", (event) => this.focused(event.target));
    this.form.addEventListener("focusout", (event) => !this.form.contains(event.relatedTarget) && this.menu.hide());
    this.line.addEventListener("click", (event) => event.target === this.line && this.text.focus());
  }

  /** Commands or members changed: what is being written stays, lists are fresh the next time. */
  get commands() {
    return usable(this.world.commands);
  }

  // ── plain text ────────────────────────────────────────────────────────────────────────────────────────

  plain() {
    this.command = null;
    this.options = [];
    for (const pill of this.line.querySelectorAll(".pill")) pill.remove();
    this.chip.hidden = true;
    this.more.hidden = true;
    this.text.value = "";
    this.form.classList.remove("commanding");
    this.text.setAttribute("aria-label", "Message, or / for a command");
    this.rename();
    this.typed();
  }

  /** The channel's name stands in the empty field. */
  rename() {
    if (!this.command) this.text.placeholder = `Message #${this.world.channelName(this.acts.channel()) ?? ""} or type / for commands`;
  }

  typed() {
    this.complain(null);
    this.text.style.height = "auto";
    this.text.style.height = `${this.text.scrollHeight}px`;
    if (this.command) return this.offerOptions(this.text);
    const [, typed] = /^\/(.*)$/s.exec(this.text.value) ?? [];
    if (typed === undefined) return this.menu.hide();
    const exact = this.commands.find(({ name }) => typed.toLowerCase() === `${name} `);
    if (exact) return this.begin(exact);
    this.offerCommands(matching(this.commands, typed), `Commands of ${this.world.application?.name ?? "the console"}`);
  }

  offerCommands(commands, title, pick = (command) => this.begin(command)) {
    const empty = this.world.application ? "No command is called that. Delete back to / to see them all." : "Waiting for the console: its commands appear here.";
    this.menu.show(this.text, {
      title,
      testid: "command-list",
      note: empty,
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

  // ── a command ─────────────────────────────────────────────────────────────────────────────────────────

  /** Start writing a command: its required options open at once. */
  begin(command) {
    this.plain();
    this.command = command;
    this.chip.textContent = `/${command.name}`;
    this.chip.hidden = false;
    this.form.classList.add("commanding");
    this.text.placeholder = "";
    this.text.setAttribute("aria-label", `Command /${command.name}. Enter sends it; type to find an option`);
    for (const option of command.options.filter(({ required }) => required)) this.open(option);
    this.next();
  }

  open(option) {
    const pill = new Option(option, this.world, {
      changed: () => this.offerChoices(pill),
      remove: () => this.shut(pill),
      browse: (target) => this.browse(target),
    });
    this.options.push(pill);
    this.text.before(pill.node);
    this.count();
    return pill;
  }

  shut(pill) {
    this.options = this.options.filter((kept) => kept !== pill);
    pill.node.remove();
    this.count();
    this.text.focus();
  }

  closed() {
    return this.command.options.filter(({ name }) => !this.options.some(({ option }) => option.name === name));
  }

  count() {
    const left = this.closed().length;
    this.more.hidden = left === 0;
    this.more.textContent = `+${left} optional`;
  }

  /** Go on to what still has to be filled in, or to the end of the line. */
  next() {
    this.menu.hide();
    const target = this.options.find((pill) => pill.empty) ?? null;
    if (!target) this.text.focus();
    else target.focus();
    // Where the focus did not move, its list still has to be renewed.
    this.focused(document.activeElement);
  }

  focused(target) {
    const pill = this.options.find(({ field }) => field === target);
    if (pill) this.offerChoices(pill);
    else if (target === this.text && this.command) this.offerOptions(this.text);
    else if (target !== this.text) this.menu.hide();
  }

  offerOptions(field) {
    const typed = this.text.value.trim().toLowerCase();
    const left = this.closed().filter(({ name }) => name.startsWith(typed));
    const none = typed && !left.length ? `/${this.command.name} has no other option that begins with “${typed}”.` : "";
    this.menu.show(field, {
      title: this.options.length ? "More options" : `Options of /${this.command.name}`,
      testid: "option-list",
      note: none,
      at: typed ? 0 : -1,
      items: left.map((option) => ({
        title: option.name,
        detail: option.description,
        data: { testid: "option-choice", option: option.name },
        pick: () => {
          this.text.value = "";
          this.open(option).focus();
        },
      })),
    });
    if (field !== document.activeElement) field.focus();
  }

  async offerChoices(pill) {
    const ticket = ++this.asked;
    this.asking?.abort();
    const { option, field } = pill;
    const title = `${option.name}: ${option.description}`;
    if (option.type === TYPE.ATTACHMENT) return this.menu.hide();
    const fitting = pill.fitting();
    if (fitting) {
      const at = Math.max(0, fitting.findIndex((choice) => choice === pill.chosen));
      return this.menu.show(field, { title, testid: "choices", items: this.choiceItems(pill, fitting), at, note: "No choice fits what is typed." });
    }
    if (!option.autocomplete) return this.menu.show(field, { title, testid: "choices", items: [], note: `${title} · ${pill.hint}` });
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    if (ticket !== this.asked) return;
    this.asking = new AbortController();
    try {
      const { choices } = await complete(this.draft(pill), this.asking.signal);
      if (ticket !== this.asked || document.activeElement !== field) return;
      const begins = pill.text && choices[0]?.name.toLowerCase().startsWith(pill.text.toLowerCase());
      this.menu.show(field, { title, testid: "choices", items: this.choiceItems(pill, choices), at: begins ? 0 : -1, note: `${title} · nothing to suggest` });
    } catch (refusal) {
      if (refusal.name !== "AbortError" && ticket === this.asked) this.menu.show(field, { title, testid: "choices", items: [], note: refusal.message });
    }
  }

  choiceItems(pill, choices) {
    return choices.map((choice) => ({
      title: choice.name,
      data: { testid: "choice", value: choice.value },
      pick: () => {
        this.asked += 1;
        pill.choose(choice);
        this.next();
      },
    }));
  }

  draft(focused) {
    const filled = this.options.filter((pill) => pill === focused || (!pill.empty && pill.option.type !== TYPE.ATTACHMENT));
    const options = filled.map((pill) => ({
      name: pill.option.name,
      type: pill.option.type,
      value: pill === focused ? pill.text : pill.draft(),
      ...(pill === focused && { focused: true }),
    }));
    return this.address(nest(this.command, options));
  }

  address(payload) {
    return { member: this.world.me.id, channel: this.acts.channel(), ...payload };
  }

  // ── files ─────────────────────────────────────────────────────────────────────────────────────────────

  browse(pill) {
    this.target = pill;
    this.file.click();
  }

  /** Give a file to the command being written, or ask which command should get it. */
  take(file) {
    this.complain(null);
    const target = this.target;
    this.target = null;
    if (this.command) return this.fill(file, target);
    const takers = this.commands.filter(fileOption);
    const start = (command) => {
      this.begin(command);
      this.fill(file, null);
    };
    if (takers.length === 1) return start(takers[0]);
    if (!takers.length) return this.complain("No command takes a file yet: files travel with commands here.");
    this.text.focus();
    this.offerCommands(takers, `Which command gets ${file.name}?`, start);
  }

  fill(file, target) {
    const wanted = target ?? this.options.find(({ option, empty }) => option.type === TYPE.ATTACHMENT && empty);
    const closed = this.closed().find(({ type }) => type === TYPE.ATTACHMENT);
    const pill = wanted ?? (closed && this.open(closed)) ?? this.options.find(({ option }) => option.type === TYPE.ATTACHMENT);
    if (!pill) return this.complain(`/${this.command.name} takes no file.`);
    pill.attach(file);
    this.next();
  }

  // ── keys and sending ──────────────────────────────────────────────────────────────────────────────────

  key(event) {
    if (event.isComposing) return;
    if (this.menu.key(event)) return event.preventDefault();
    const field = event.target;
    const atPill = this.options.find((pill) => pill.field === field);
    if (event.key === "Escape") this.escape();
    else if (event.key === "Enter" && !event.shiftKey && field.matches("textarea")) this.submit();
    else if (event.key === "Backspace" && this.command && field.matches("textarea") && field.value === "") this.back(atPill);
    else return;
    event.preventDefault();
  }

  escape() {
    if (this.menu.open && this.menu.items.length) this.menu.hide();
    else if (this.command) {
      this.plain();
      this.text.focus();
    } else this.text.blur();
  }

  // Backspace in an empty field takes away what stands before it.
  back(pill) {
    const at = pill ? this.options.indexOf(pill) : this.options.length;
    if (pill && !pill.option.required) this.shut(pill);
    else if (at > 0) this.options[at - 1].focus();
    else {
      const { name } = this.command;
      this.plain();
      this.text.value = `/${name}`;
      this.text.focus();
      this.typed();
    }
  }

  async submit() {
    if (this.busy) return;
    if (this.command) return this.submitCommand();
    const content = this.text.value.trim();
    if (!content) return;
    if (content.startsWith("/")) return this.complain(`There is no command ${content.split(/\s/)[0]}: choose one from the list that opens when you type /.`);
    await this.during(async () => {
      await say(this.address({ content }));
      this.plain();
      this.acts.sent(null, null);
    });
  }

  async submitCommand() {
    const missing = this.options.find((pill) => pill.empty && pill.option.required);
    if (missing) return this.wrong(missing, `${missing.option.name} is required: ${missing.option.description}`);
    const options = [];
    const files = {};
    for (const pill of this.options.filter(({ empty }) => !empty)) {
      const { name, type } = pill.option;
      try {
        if (type === TYPE.ATTACHMENT) files[name] = pill.file;
        options.push({ name, type, value: type === TYPE.ATTACHMENT ? name : pill.value() });
      } catch (refusal) {
        return this.wrong(pill, refusal.message);
      }
    }
    const { command } = this;
    await this.during(async () => {
      const { interaction } = await useCommand(this.address(nest(command, options)), files);
      this.plain();
      this.acts.sent(interaction, command);
    });
  }

  async during(work) {
    this.busy = true;
    this.asked += 1;
    this.menu.hide();
    this.form.classList.add("busy");
    try {
      await work();
    } catch (refusal) {
      this.complain(refusal.message);
    } finally {
      this.busy = false;
      this.form.classList.remove("busy");
    }
  }

  wrong(pill, sentence) {
    pill.focus();
    pill.complain(true);
    this.complain(sentence);
  }

  complain(sentence) {
    this.error.replaceChildren();
    if (sentence) this.error.append(element("p.composer-error", { data: { testid: "error" } }, icon("warning"), sentence));
  }
}
