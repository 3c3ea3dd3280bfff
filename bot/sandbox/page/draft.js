// A command being written: which of its options are open, and what they will send.

import { TYPE, nest } from "./command.js";
import { element } from "./element.js";
import { Option } from "./option.js";

/** An open option that cannot be sent as it is; the message is the sentence for the member. */
export class Misfit extends Error {
  constructor(pill, sentence) {
    super(sentence);
    this.pill = pill;
  }
}

export class Draft {
  /**
   * Write a command's name and its required options into a line.
   * @param {object} command one of `usable`
   * @param {World} world
   * @param {{text: HTMLElement, more: HTMLElement}} line the field options stand before, and the button for the rest
   * @param {{changed: (pill: Option) => void, browse: (pill: Option) => void}} acts
   */
  constructor(command, world, line, acts) {
    Object.assign(this, { command, world, line, acts });
    this.pills = [];
    this.chip = element("span.command-chip", {}, `/${command.name}`);
    line.text.before(this.chip);
    for (const option of command.options.filter(({ required }) => required)) this.open(option);
    this.count();
  }

  /** Take everything out of the line again. */
  discard() {
    for (const { node } of this.pills) node.remove();
    this.chip.remove();
    this.line.more.hidden = true;
  }

  open(option) {
    const pill = new Option(option, this.world, {
      changed: () => this.acts.changed(pill),
      browse: () => this.acts.browse(pill),
      remove: () => this.shut(pill),
    });
    this.pills.push(pill);
    this.line.text.before(pill.node);
    this.count();
    return pill;
  }

  shut(pill) {
    this.pills = this.pills.filter((kept) => kept !== pill);
    pill.node.remove();
    this.count();
    this.line.text.focus();
  }

  /** The options that are not open, in the command's order. */
  closed() {
    return this.command.options.filter(({ name }) => !this.pills.some(({ option }) => option.name === name));
  }

  count() {
    const left = this.closed().length;
    this.line.more.hidden = left === 0;
    this.line.more.textContent = `+${left} optional`;
  }

  pillOf(field) {
    return this.pills.find((pill) => pill.field === field) ?? null;
  }

  /** The first open option with nothing in it. */
  unfilled() {
    return this.pills.find(({ empty }) => empty) ?? null;
  }

  missing() {
    return this.pills.find(({ empty, option }) => empty && option.required) ?? null;
  }

  /** Put a file where one is wanted, opening its option if need be; false when the command takes none. */
  attach(file, target) {
    const taking = this.pills.filter(({ option }) => option.type === TYPE.ATTACHMENT);
    const closed = this.closed().find(({ type }) => type === TYPE.ATTACHMENT);
    const pill = target ?? taking.find(({ empty }) => empty) ?? (closed && this.open(closed)) ?? taking[0];
    pill?.attach(file);
    return Boolean(pill);
  }

  /**
   * What is sent: the nested options, and the files by form field.
   * @throws {Misfit} when a required option is empty or a value is not allowed
   */
  finished() {
    const missing = this.missing();
    if (missing)
      throw new Misfit(missing, `${missing.option.name} is required: ${missing.option.description}`);
    const files = {};
    const options = this.pills
      .filter(({ empty }) => !empty)
      .map((pill) => {
        const { name, type } = pill.option;
        if (type === TYPE.ATTACHMENT) files[name] = pill.file;
        return { name, type, value: type === TYPE.ATTACHMENT ? name : valueOf(pill) };
      });
    return { payload: nest(this.command, options), files };
  }

  /** What the server is told to complete `focused`: everything that is filled in, unchecked. */
  unfinished(focused) {
    const told = this.pills.filter(
      (pill) => pill === focused || (!pill.empty && pill.option.type !== TYPE.ATTACHMENT),
    );
    const options = told.map((pill) => {
      const { name, type } = pill.option;
      return pill === focused
        ? { name, type, value: pill.text, focused: true }
        : { name, type, value: pill.draft() };
    });
    return nest(this.command, options);
  }
}

function valueOf(pill) {
  try {
    return pill.value();
  } catch (refusal) {
    throw new Misfit(pill, refusal.message);
  }
}
