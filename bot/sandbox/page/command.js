// What can be typed after a slash: each command and subcommand as one line, and what is sent when it is used.

export const TYPE = {
  SUBCOMMAND: 1,
  GROUP: 2,
  STRING: 3,
  INTEGER: 4,
  BOOLEAN: 5,
  USER: 6,
  CHANNEL: 7,
  ROLE: 8,
  MENTIONABLE: 9,
  NUMBER: 10,
  ATTACHMENT: 11,
};

/**
 * Flatten the application's commands: "params show" stands where Discord nests it.
 * @param {object[]} commands Discord command objects
 * @returns {{name: string, description: string, options: object[], path: object[]}[]} sorted by name;
 *   `path` is the nesting, outermost first, that `nest` restores
 */
export function usable(commands) {
  const walk = (node, path) => {
    const nested = (node.options ?? []).filter(
      (option) => option.type === TYPE.SUBCOMMAND || option.type === TYPE.GROUP,
    );
    const here = [...path, node];
    if (nested.length) return nested.flatMap((child) => walk(child, here));
    return [
      {
        name: here.map(({ name }) => name).join(" "),
        description: node.description,
        options: node.options ?? [],
        path: here,
      },
    ];
  };
  return commands
    .filter((command) => (command.type ?? 1) === 1)
    .flatMap((command) => walk(command, []))
    .sort((one, other) => one.name.localeCompare(other.name));
}

/** The commands whose name begins with or holds what was typed, best first. */
export function matching(commands, typed) {
  const text = typed.trim().toLowerCase();
  const rank = ({ name }) =>
    name.startsWith(text)
      ? 0
      : name.split(/[ _-]/).some((word) => word.startsWith(text))
        ? 1
        : name.includes(text)
          ? 2
          : 3;
  return commands
    .map((command) => [rank(command), command])
    .filter(([place]) => place < 3)
    .sort(([one], [other]) => one - other)
    .map(([, command]) => command);
}

/** The command's name and options as the server expects them: subcommands nested. */
export function nest(command, options) {
  const [root, ...inner] = command.path;
  const nested = inner.reduceRight((content, { name, type }) => [{ name, type, options: content }], options);
  return { name: root.name, options: nested };
}

/** The first attachment option, if the command takes a file. */
export const fileOption = (command) =>
  command.options.find((option) => option.type === TYPE.ATTACHMENT) ?? null;

/** "a whole number from 1 to 150": what an option allows, for its hint and its refusals. */
export function allowed({
  type,
  min_value: least,
  max_value: most,
  min_length: shortest,
  max_length: longest,
}) {
  const noun = {
    [TYPE.INTEGER]: "a whole number",
    [TYPE.NUMBER]: "a number",
    [TYPE.ATTACHMENT]: "a file",
    [TYPE.BOOLEAN]: "true or false",
  }[type];
  if (type === TYPE.STRING) {
    if (shortest > 1 && longest) return `text of ${shortest} to ${longest} characters`;
    return longest && longest < 2000 ? `text of at most ${longest} characters` : "text";
  }
  if (least !== undefined && most !== undefined) return `${noun} from ${least} to ${most}`;
  if (least !== undefined) return `${noun}, ${least} or more`;
  if (most !== undefined) return `${noun}, ${most} or less`;
  return noun ?? "one of the list";
}

/**
 * What was typed for an option as the value to send.
 * @returns {string|number|boolean}
 * @throws {Error} a sentence that says what is allowed
 */
export function read(option, text) {
  const refuse = () => new Error(`${option.name}: expected ${allowed(option)}, got "${text}".`);
  if (option.type === TYPE.INTEGER || option.type === TYPE.NUMBER) {
    const number = Number(text.trim());
    if (!text.trim() || !Number.isFinite(number)) throw refuse();
    if (option.type === TYPE.INTEGER && !Number.isSafeInteger(number)) throw refuse();
    if (number < (option.min_value ?? -Infinity) || number > (option.max_value ?? Infinity)) throw refuse();
    return number;
  }
  const length = [...text].length;
  if (
    option.type === TYPE.STRING &&
    (length < (option.min_length ?? 0) || length > (option.max_length ?? 6000))
  )
    throw refuse();
  return text;
}
