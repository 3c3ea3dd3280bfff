// Discord's Markdown, read into nodes: text stays text, and only http(s) links become links.

import { element } from "./element.js";
import { timeElement } from "./time.js";

/**
 * Read a message's text.
 * @param {string} text
 * @param {{memberName: (id: string) => string|null, channelName: (id: string) => string|null}} names
 * @returns {DocumentFragment}
 */
export function markdown(text, names) {
  const fragment = document.createDocumentFragment();
  fragment.append(...blocks(text, names));
  return fragment;
}

const FENCE = /```(?:([\w+#.-]*)\n)?([\s\S]*?)\n?```/;
const HEADING = /^(#{1,3}) +(.+)$/;
const SUBTEXT = /^-# +(.+)$/;
const ITEM = /^( *)([-*]|\d+\.) +(.+)$/;

function blocks(text, names) {
  const fence = FENCE.exec(text);
  if (fence) {
    const code = element(
      "pre.code-block",
      { tabindex: 0 },
      element("code", { data: { language: fence[1] } }, fence[2]),
    );
    const before = text.slice(0, fence.index).replace(/\n$/, "");
    const after = text.slice(fence.index + fence[0].length).replace(/^\n/, "");
    return [...(before ? blocks(before, names) : []), code, ...(after ? blocks(after, names) : [])];
  }
  const lines = text.split("\n");
  const nodes = [];
  const paragraph = [];
  const flush = () => {
    if (paragraph.length) nodes.push(element("div.line", {}, inline(paragraph.splice(0).join("\n"), names)));
  };
  while (lines.length) {
    const block = special(lines, names);
    if (block) {
      flush();
      nodes.push(block);
    } else {
      paragraph.push(lines.shift());
    }
  }
  flush();
  return nodes;
}

// The quote, list, heading or small print that begins here, its lines taken; null for ordinary text.
function special(lines, names) {
  const [line] = lines;
  if (line.startsWith(">>> ")) return quote(lines.splice(0).join("\n").slice(4), names);
  if (line.startsWith("> ")) {
    const quoted = take(lines, (next) => next.startsWith("> "));
    return quote(quoted.map((next) => next.slice(2)).join("\n"), names);
  }
  if (ITEM.test(line))
    return list(
      take(lines, (next) => ITEM.test(next) && (next.startsWith(" ") || numbered(next) === numbered(line))),
      names,
    );
  const small = SUBTEXT.exec(line);
  const large = HEADING.exec(line);
  if (!small && !large) return null;
  lines.shift();
  if (small) return element("small.subtext", {}, inline(small[1], names));
  // The page's own headings are h1 and h2, so a message's begin at h3.
  return element(`h${large[1].length + 2}.heading-${large[1].length}`, {}, inline(large[2], names));
}

const numbered = (line) => /^ *\d/.test(line);

function take(lines, belongs) {
  const end = lines.findIndex((line) => !belongs(line));
  return lines.splice(0, end < 0 ? lines.length : end);
}

function quote(text, names) {
  return element("blockquote", {}, blocks(text, names));
}

function list(lines, names) {
  const items = lines
    .map((line) => ITEM.exec(line))
    .map(([, indent, mark, text]) => ({ depth: indent.length, mark, text }));
  const build = (from) => {
    const first = items[from];
    const ordered = /\d/.test(first.mark);
    const node = element(ordered ? "ol" : "ul", { start: ordered ? parseInt(first.mark, 10) : null });
    let at = from;
    while (at < items.length && items[at].depth >= first.depth) {
      if (items[at].depth > first.depth) {
        const [inner, next] = build(at);
        node.lastElementChild.append(inner);
        at = next;
      } else {
        node.append(element("li", {}, inline(items[at].text, names)));
        at += 1;
      }
    }
    return [node, at];
  };
  const shallowest = Math.min(...items.map((item) => item.depth));
  items[0].depth = shallowest;
  return build(0)[0];
}

// What may begin at a place in a line, in order of precedence. Each maker gets the match and `inner`,
// which reads nested text.
const INLINE = [
  [/\\([^\p{L}\p{N}\s])/uy, ([, sign]) => sign],
  [/(`+)([\s\S]*?[^`])\1(?!`)/y, ([, , code]) => element("code.code", {}, code.replace(/^ (.*) $/, "$1"))],
  [/<@!?(\d+)>/y, ([, id], inner, names) => mention(`@${names.memberName(id) ?? "unknown"}`)],
  [/<@&(\d+)>/y, () => mention("@role")],
  [/<#(\d+)>/y, ([, id], inner, names) => mention(`#${names.channelName(id) ?? "unknown"}`)],
  [/<\/([^:>]+):\d+>/y, ([, name]) => mention(`/${name}`)],
  [/<a?(:\w+:)\d+>/y, ([, name]) => name],
  [
    /<t:(-?\d{1,13})(?::([tTdDfFR]))?>/y,
    ([, seconds, style]) => timeElement(new Date(seconds * 1000), style),
  ],
  [
    /\[([^\]\n]+)\]\(<?(https?:\/\/(?:\([^\s()]*\)|[^\s()<>])+)>?(?: "[^"\n]*")?\)/y,
    ([, text, address], inner) => link(address, inner(text)),
  ],
  [/<(https?:\/\/[^\s>]+)>/y, ([, address]) => link(address, address)],
  [/https?:\/\/[^\s<>]*[^\s<>.,:;"'\])!?*_~|]/y, ([address]) => link(address, address)],
  [
    /\*\*\*(?=\S)([\s\S]+?)\*\*\*(?!\*)/y,
    ([, text], inner) => element("strong", {}, element("em", {}, inner(text))),
  ],
  [/\*\*(?=\S)([\s\S]+?)\*\*(?!\*)/y, ([, text], inner) => element("strong", {}, inner(text))],
  [/__(?=\S)([\s\S]+?)__(?!_)/y, ([, text], inner) => element("u", {}, inner(text))],
  [/\*(?=[^\s*])((?:\*\*[\s\S]+?\*\*|[^*])+?)\*(?!\*)/y, ([, text], inner) => element("em", {}, inner(text))],
  [
    /(?<![\p{L}\p{N}])_(?=[^\s_])([\s\S]+?)_(?![\p{L}\p{N}_])/uy,
    ([, text], inner) => element("em", {}, inner(text)),
  ],
  [/~~(?=\S)([\s\S]+?)~~/y, ([, text], inner) => element("s", {}, inner(text))],
  [/\|\|([\s\S]+?)\|\|/y, ([, text], inner) => spoiler(inner(text))],
];
const BEGINS = /[\\`<[h*_~|]/;

function inline(text, names) {
  const nodes = [];
  let plain = "";
  let at = 0;
  const inner = (nested) => inline(nested, names);
  const found = () => {
    if (!BEGINS.test(text[at])) return null;
    for (const [pattern, make] of INLINE) {
      pattern.lastIndex = at;
      const match = pattern.exec(text);
      if (match) {
        at += match[0].length;
        return make(match, inner, names);
      }
    }
    return null;
  };
  while (at < text.length) {
    const node = found();
    if (node === null) plain += text[at++];
    else if (typeof node === "string") plain += node;
    else {
      if (plain) nodes.push(plain);
      plain = "";
      nodes.push(node);
    }
  }
  if (plain) nodes.push(plain);
  return nodes;
}

function mention(text) {
  return element("span.mention", {}, text);
}

function link(address, text) {
  return element("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, text);
}

function spoiler(children) {
  const node = element("span.spoiler", { role: "button", tabindex: 0, "aria-label": "Spoiler" }, children);
  const reveal = () => {
    node.classList.add("revealed");
    node.removeAttribute("role");
    node.removeAttribute("aria-label");
  };
  node.addEventListener("click", reveal);
  node.addEventListener("keydown", (event) => event.key === "Enter" && reveal());
  return node;
}
