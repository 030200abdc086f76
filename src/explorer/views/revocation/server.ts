/** Answers the list's state and history, and builds the proof of a device under the newest head on the ledger. */
import { encodeDrlProof, isListed, drlPosition } from "../../../certificate/drl.js";
import { DrlTree, MAXIMUM_WORDS } from "../../../certificate/drl-tree.js";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { toBeHex } from "ethers";

import { g2FromEip2537 } from "../../../crypto/points.js";
import { HttpError } from "../../../net/error-body.js";
import { COSE_ALG } from "../../../statements/cose.js";
import type { Database } from "../../database.js";
import type { Args } from "../../json.js";
import type { Page } from "../../lines.js";
import { badParameter, notFound } from "../../query.js";
import {
  type EventRow,
  argsOf,
  eventsNamed,
  field,
  newest,
  numberOf,
  readPage,
  sourceOf,
  textOf,
} from "../../records.js";
import type { ViewServer } from "../../view.js";
import { devices } from "../../words.js";
import { TABLES, applyToList, countsNow, forgetListAbove, wordsAt } from "./table.js";
import { type ChangeLine, type HeadLine, type Proof, type RevocationSummary, manifest } from "./view.js";

export function headOf(row: EventRow, args: Args = argsOf(row)): HeadLine {
  return {
    number: numberOf(args, "head", "number"),
    root: textOf(args, "head", "root"),
    words: numberOf(args, "head", "words"),
    issued: numberOf(args, "head", "issued"),
    expires: numberOf(args, "head", "expires"),
    blockNumber: numberOf(args, "head", "blockNumber"),
    source: sourceOf(row),
  };
}

export function newestHead(database: Database): { readonly head: HeadLine; readonly args: Args } | undefined {
  const found = newest(database, "HeadPosted");
  return found === undefined ? undefined : { head: headOf(found.row, found.args), args: found.args };
}

const COORDINATES = ["x0Hi", "x0Lo", "x1Hi", "x1Lo", "y0Hi", "y0Lo", "y1Hi", "y1Lo"];

/** The 96 bytes of the signature that the ledger has as a point. */
function signatureOf(args: Args): Uint8Array {
  const words = COORDINATES.map((name) => toBeHex(BigInt(textOf(args, "signature", name)), 32).slice(2)).join("");
  return g2FromEip2537(hexToBytes(words)).toBytes();
}

/** The newest head's tree and signature: made once for each head. */
const trees = new WeakMap<Database, { readonly key: string; readonly tree: DrlTree; readonly signature: Uint8Array }>();

function treeOf(
  database: Database,
  head: HeadLine,
  args: Args,
): { readonly tree: DrlTree; readonly signature: Uint8Array } {
  const key = `${head.root}/${head.number}/${head.source.hash}`;
  const known = trees.get(database);
  if (known?.key === key) return known;
  if (head.words > MAXIMUM_WORDS) throw notFound(`list of ${head.words} words that a proof can be made from`);
  const tree = new DrlTree(head.words);
  for (const { word, value } of wordsAt(database, head.blockNumber)) if (word < head.words) tree.setWord(word, value);
  if (`0x${bytesToHex(tree.root())}` !== head.root) {
    throw new HttpError(`the index does not give the root of head ${head.number}`, {
      status: 503,
      kind: "environment",
      code: "index-incomplete",
      advice: "Wait until the index has caught up; if it stays so, delete it: it is made again from the chain.",
    });
  }
  const made = { key, tree, signature: signatureOf(args) };
  trees.set(database, made);
  return made;
}

function proofOf(database: Database, index: number): Proof {
  const found = newestHead(database);
  if (found === undefined) throw notFound("head of the revocation list on the ledger yet");
  const { head, args } = found;
  const { position, bit } = drlPosition(index);
  if (position >= head.words)
    throw badParameter("index", `a device below ${256 * head.words}, which head ${head.number} covers`, String(index));
  const { tree, signature } = treeOf(database, head, args);
  const { word, path } = tree.prove(position);
  const { number, words, issued, expires, blockNumber } = head;
  const proof = encodeDrlProof({
    head: { number, root: hexToBytes(head.root.slice(2)), words, issued, expires, blockNumber },
    algorithm: COSE_ALG.bls,
    signature,
    word,
    path,
  });
  return { index, head, proof: bytesToHex(proof), listed: isListed(word, bit) };
}

const KINDS: Readonly<Record<string, ChangeLine["kind"]>> = { Revoked: "revoked", Held: "held", Released: "released" };

interface ChangeRow extends EventRow {
  readonly devices: number;
  readonly reason: string;
}

function changeLine(row: ChangeRow): ChangeLine {
  const { id, name, devices: count, reason } = row;
  return {
    id,
    kind: KINDS[name] ?? "revoked",
    devices: devices(field(argsOf(row), "entries")),
    count,
    reason,
    source: sourceOf(row),
  };
}

export const view: ViewServer = {
  manifest,
  tables: TABLES,
  apply: applyToList,
  forgetAbove: forgetListAbove,
  routes: [
    {
      path: "/revocation",
      answer({ database }): RevocationSummary {
        const head = newestHead(database)?.head;
        const genesis = newest(database, "GenesisAccepted")?.args ?? {};
        const summary = {
          ...countsNow(database),
          headSeconds: numberOf(genesis, "parameters", "headSeconds"),
          headLifetimeSeconds: numberOf(genesis, "parameters", "headLifetimeSeconds"),
        };
        return head === undefined ? summary : { ...summary, head };
      },
    },
    {
      path: "/revocation/heads",
      answer: ({ database }, query): Page<HeadLine> => eventsNamed(database, "HeadPosted", query, (row) => headOf(row)),
    },
    {
      path: "/revocation/changes",
      answer: ({ database }, query): Page<ChangeLine> =>
        readPage<ChangeRow, ChangeLine>(database, query, {
          sql: `SELECT e.*, c.devices, c.reason FROM
             (SELECT id, sum(devices) AS devices, max(reason) AS reason FROM drlChanges WHERE id < ? GROUP BY id ORDER BY id DESC LIMIT ?) c
           JOIN events e ON e.id = c.id ORDER BY c.id DESC`,
          place: ({ id }) => id,
          item: changeLine,
        }),
    },
    { path: "/revocation/proofs/:index", answer: ({ database }, query) => proofOf(database, query.number("index")) },
  ],
};
