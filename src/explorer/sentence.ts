/** What happened, in words: a sentence as parts, some of which are links. Made by the server, shown by the pages. */

/** Kinds of things that have a page. */
export type LinkKind =
  | "address"
  | "validator"
  | "block"
  | "transaction"
  | "device"
  | "fleet"
  | "grant"
  | "ceremony"
  | "epoch"
  | "contract"
  /** Fleet and subject, then perhaps the version: "1/0", "1/0/2". */
  | "shards";

export type Part = string | { readonly kind: LinkKind; readonly value: string; readonly label?: string };

export type Sentence = readonly Part[];

/** A template of text and links: `` say`${address(a)} joined` ``. */
export function say(texts: TemplateStringsArray, ...parts: (Part | readonly Part[] | number)[]): Part[] {
  return texts.flatMap((text, i) => {
    const part = parts[i];
    const after: readonly Part[] =
      part === undefined ? [] : Array.isArray(part) ? part : [typeof part === "number" ? String(part) : (part as Part)];
    return [...(text === "" ? [] : [text]), ...after];
  });
}

export function link(kind: LinkKind, value: string, label?: string): Part {
  return label === undefined ? { kind, value } : { kind, value, label };
}
