// One option of the command being written: its name and the field where its value goes.

import { TYPE, allowed, read } from "./command.js";
import { element } from "./element.js";
import { sizeText } from "./gallery.js";
import { icon } from "./icon.js";

const YES_OR_NO = [
  { name: "true", value: true },
  { name: "false", value: false },
];

export class Option {
  /**
   * @param {object} option a Discord command option
   * @param {World} world
   * @param {{changed: () => void, remove: () => void, browse: () => void}} acts
   */
  constructor(option, world, acts) {
    Object.assign(this, { option, acts });
    this.chosen = null; // the choice that was picked, as long as the text still is its name
    this.file = null;
    this.choices = staticChoices(option, world);
    this.field = option.type === TYPE.ATTACHMENT ? this.fileField() : this.textField();
    this.node = element(
      `div.pill${option.type === TYPE.ATTACHMENT ? ".file" : ""}`,
      { data: { testid: "option", option: option.name } },
      element("span.pill-name", { title: option.description }, option.name),
      element("span.pill-field", {}, this.field),
      !option.required && this.removeButton(),
    );
  }

  textField() {
    const field = element("textarea.pill-input", {
      rows: 1,
      cols: 1,
      role: this.choices || this.option.autocomplete ? "combobox" : null,
      "aria-expanded": this.choices || this.option.autocomplete ? "false" : null,
      "aria-autocomplete": this.choices || this.option.autocomplete ? "list" : null,
      "aria-label": `${this.option.name}: ${this.option.description}`,
      "aria-required": String(Boolean(this.option.required)),
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
      inputmode:
        this.option.type === TYPE.INTEGER ? "numeric" : this.option.type === TYPE.NUMBER ? "decimal" : null,
      data: { testid: "option-input" },
    });
    field.addEventListener("input", () => {
      field.value = field.value.replace(/\n/g, " ");
      this.chosen = this.chosen?.name === field.value ? this.chosen : null;
      this.grow();
      this.complain(false);
      this.acts.changed();
    });
    return field;
  }

  fileField() {
    const field = element("button.pill-drop", {
      type: "button",
      "aria-label": `${this.option.name}: ${this.option.description}. Choose a file`,
      data: { testid: "option-input" },
    });
    field.append(icon("upload"), "Drop a file or browse");
    field.addEventListener("click", () => this.acts.browse());
    return field;
  }

  removeButton() {
    const remove = () => this.acts.remove();
    const label = `Remove the option ${this.option.name}`;
    return element(
      "button.pill-remove",
      { type: "button", tabindex: -1, "aria-label": label, on: { click: remove } },
      icon("close"),
    );
  }

  get text() {
    return this.field.value ?? "";
  }

  get empty() {
    return this.option.type === TYPE.ATTACHMENT ? this.file === null : this.text === "";
  }

  /** Put a picked choice into the field. */
  choose(choice) {
    this.chosen = choice;
    this.field.value = choice.name;
    this.grow();
    this.complain(false);
  }

  attach(file) {
    this.file = file;
    this.field.replaceChildren(
      icon("file"),
      element("span.pill-file-name", {}, file.name),
      element("span.pill-file-size", {}, sizeText(file.size)),
    );
    this.field.setAttribute("aria-label", `${this.option.name}: ${file.name}. Choose another file`);
    this.node.classList.add("filled");
    this.complain(false);
  }

  /** The static choices that fit what is typed, or null when the option has none. */
  fitting() {
    if (!this.choices) return null;
    if (this.chosen) return this.choices;
    const text = this.text.trim().toLowerCase();
    return this.choices.filter(({ name }) => name.toLowerCase().includes(text));
  }

  /**
   * The value to send: the choice that was picked, or what was typed.
   * @throws {Error} a sentence, when it is not allowed
   */
  value() {
    if (this.choices) {
      const text = this.text.trim().toLowerCase();
      const choice = this.chosen ?? this.choices.find(({ name }) => name.toLowerCase() === text);
      if (choice) return choice.value;
      throw new Error(
        `${this.option.name}: "${this.text}" is not one of ${this.choices.map(({ name }) => name).join(", ")}.`,
      );
    }
    return this.chosen?.value ?? read(this.option, this.text);
  }

  /** The value as the server is told of it while other options are completed: unchecked. */
  draft() {
    if (this.option.type === TYPE.INTEGER || this.option.type === TYPE.NUMBER) {
      const number = Number(this.text);
      return this.chosen?.value ?? (this.text.trim() && Number.isFinite(number) ? number : this.text);
    }
    return this.chosen?.value ?? this.text;
  }

  complain(wrong) {
    this.node.classList.toggle("wrong", wrong);
    this.field.setAttribute("aria-invalid", String(wrong));
  }

  focus() {
    this.field.focus();
  }

  get hint() {
    return allowed(this.option);
  }

  // The field is as wide and as tall as its text: a copy of it, unseen, holds the place open.
  grow() {
    this.field.parentElement.dataset.text = this.field.value;
  }
}

function staticChoices(option, world) {
  if (option.choices?.length) return option.choices;
  if (option.type === TYPE.BOOLEAN) return YES_OR_NO;
  if (option.type === TYPE.USER || option.type === TYPE.MENTIONABLE)
    return world.members.map(({ id, name }) => ({ name, value: id }));
  if (option.type === TYPE.CHANNEL)
    return world.channels.map(({ id, name }) => ({ name: `#${name}`, value: id }));
  return null;
}
