/** What a verifier trusts, as the ledger has it: root key, group keys by generation, cross-certificates. */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { toBeHex } from "ethers";

import { decodeX509Certificate } from "../../../certificate/x509.js";
import { g1FromEip2537 } from "../../../crypto/points.js";
import type { Database } from "../../database.js";
import type { Args } from "../../json.js";
import { type EventRow, argsOf, newest, newestAbout, numberOf, textOf, sourceOf } from "../../records.js";
import { TrustAnchor__factory } from "../../../../typechain-types/index.js";
import type { ViewContext, ViewServer } from "../../view.js";
import { type GenerationKeys, type Trust, manifest } from "./view.js";

/** Generations that are told; a verifier believes the newest alone. */
const MOST = 16;

function keysOf(args: Args): { readonly bls: string; readonly ed25519: string } {
  const words = ["xHi", "xLo", "yHi", "yLo"].map((name) => toBeHex(BigInt(textOf(args, "blsKey", name)), 32).slice(2));
  return {
    bls: bytesToHex(g1FromEip2537(hexToBytes(words.join(""))).toBytes()),
    ed25519: textOf(args, "edKey").slice(2),
  };
}

/** From the transaction itself: decoded arguments show the beginning of long bytes only. */
async function crossCertificate(
  { endpoint, decoder, database }: ViewContext,
  generation: number,
): Promise<GenerationKeys["crossCertificate"]> {
  const row = certificationOf(database, generation);
  if (row === undefined) return undefined;
  const logs = (await endpoint.send("eth_getLogs", [
    {
      address: decoder.addresses.anchor,
      fromBlock: `0x${row.block.toString(16)}`,
      toBlock: `0x${row.block.toString(16)}`,
    },
  ])) as { transactionHash: string; topics: string[]; data: string }[];
  const abi = TrustAnchor__factory.createInterface();
  for (const log of logs) {
    const parsed = abi.parseLog(log);
    if (parsed?.name !== "KeysCertified" || parsed.args["generation"] !== BigInt(generation)) continue;
    const der = String(parsed.args["certificate"]).slice(2);
    const { notBefore, notAfter } = decodeX509Certificate(hexToBytes(der), "cross-certificate");
    return { der, notBefore, notAfter, source: sourceOf(row) };
  }
  return undefined;
}

export function certificationOf(database: Database, generation: number): EventRow | undefined {
  return newestAbout(database, "KeysCertified", "generation", String(generation))[0];
}

async function trustOf(context: ViewContext): Promise<Trust> {
  const { database, addresses, endpoint, status } = context;
  const rows = database.all<EventRow>("SELECT * FROM events WHERE name = 'OfficeTaken' ORDER BY id DESC LIMIT 200");
  const first = new Map<number, EventRow>();
  for (const row of rows) first.set(numberOf(argsOf(row), "generation"), row);
  const generations = await Promise.all(
    [...first].slice(0, MOST).map(async ([generation, row]): Promise<GenerationKeys> => {
      const certificate = await crossCertificate(context, generation);
      const keys = { generation, ...keysOf(argsOf(row)), office: sourceOf(row) };
      return certificate === undefined ? keys : { ...keys, crossCertificate: certificate };
    }),
  );
  const { x, y } = await TrustAnchor__factory.connect(addresses.anchor, endpoint.provider).rootKey();
  const meshId = textOf(newest(database, "GenesisAccepted")?.args ?? {}, "meshId");
  const parity = BigInt(y) % 2n === 1n ? "03" : "02";
  return {
    chainId: status().chainId,
    meshId: meshId.slice(2),
    anchor: addresses.anchor.slice(2).toLowerCase(),
    registry: addresses.registry.slice(2).toLowerCase(),
    revocationList: addresses.revocations.slice(2).toLowerCase(),
    rootKey: `${parity}${x.slice(2)}`,
    generations,
  };
}

export const view: ViewServer = {
  manifest,
  routes: [{ path: "/trust", answer: (context) => trustOf(context) }],
};
