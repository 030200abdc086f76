/**
 * The chain of beacons, checked from its first link to its last without the ledger (docs/protocol.md, section 13.2): each is the
 * hash of the one signature that the swarm's key gives over the beacon before and a block, so a chain that verifies is
 * the only one that there can be for these blocks.
 */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";

import type { Bls } from "../crypto/bls.js";
import { equalBytes } from "../crypto/bytes.js";
import { g2ForLedger } from "../crypto/points.js";
import { type Domain, domainSeparator, statementDigest } from "../statements/eip712.js";
import { SwarmkeepError } from "../statements/errors.js";

/** One beacon, with what it was signed over. */
export interface BeaconLink {
  /** Of the committee that it leads to. */
  readonly epoch: bigint;
  /** The beacon before; the mesh id before the first. 32 bytes. */
  readonly previous: Uint8Array;
  /** Of the freeze. */
  readonly blockNumber: bigint;
  /** Of that block, 32 bytes. */
  readonly prevrandao: Uint8Array;
  /** The swarm's, 96 bytes. */
  readonly signature: Uint8Array;
  /** keccak256 of the signature in EIP-2537 encoding. */
  readonly value: Uint8Array;
}

/** A group key and the first epoch whose committee had it. */
export interface KeyPeriod {
  readonly fromEpoch: bigint;
  /** 48 bytes. */
  readonly blsKey: Uint8Array;
}

export interface BeaconChain {
  readonly chainId: bigint;
  readonly meshId: Uint8Array;
  /** Address of the Rotation contract, 20 bytes. */
  readonly rotation: Uint8Array;
  /** Ascending. */
  readonly keys: readonly KeyPeriod[];
  readonly links: readonly BeaconLink[];
}

/** As many as a mesh with an epoch an hour makes in eleven years. */
const MAXIMUM_LINKS = 100_000;

/**
 * @throws SwarmkeepError `beacon-broken`, naming the epoch and what is wrong with its beacon.
 */
export function verifyBeaconChain(chain: BeaconChain, bls: Pick<Bls, "verify">): void {
  const { chainId, meshId, rotation, keys, links } = chain;
  const domain: Domain = { chainId, meshId, verifyingContract: rotation };
  const separator = domainSeparator(domain);
  let [previous, last] = [meshId, 0n];
  for (const link of links) {
    const { epoch, blockNumber, prevrandao, signature, value } = link;
    if (epoch <= last) throw broken(epoch, `its epoch does not come after ${last}`);
    if (!equalBytes(link.previous, previous)) throw broken(epoch, "it does not follow from the beacon before");
    const key = keys.findLast(({ fromEpoch }) => fromEpoch < epoch);
    if (key === undefined) throw broken(epoch, "no group key was in office before that epoch");
    const digest = statementDigest(separator, "Beacon", { epoch, previous, blockNumber, prevrandao });
    if (!bls.verify(key.blsKey, digest, signature)) throw broken(epoch, "the group key did not sign it");
    if (!equalBytes(value, beaconValue(signature))) throw broken(epoch, "it is not the hash of its signature");
    [previous, last] = [value, epoch];
  }
}

/**
 * Holds a chain to group keys that are known otherwise.
 * @param expected of generations in their order, 48 bytes each; a chain may know fewer of them.
 * @throws SwarmkeepError `wrong-key`
 */
export function expectBeaconKeys({ keys }: BeaconChain, expected: readonly Uint8Array[]): void {
  let next = 0;
  for (const { fromEpoch, blsKey } of keys) {
    while (next < expected.length && !equalBytes(expected[next] as Uint8Array, blsKey)) next += 1;
    if (next < expected.length) continue;
    throw new SwarmkeepError(
      `epochs from ${fromEpoch} on are under another group key than the ${expected.length === 1 ? "one" : "next of those"} given`,
      {
        kind: "refused",
        code: "wrong-key",
        advice:
          "Compare with the group keys of a trust bundle, a re-key's after those before it: swarmkeep cert show <bundle>.",
        details: { fromEpoch: String(fromEpoch), found: bytesToHex(blsKey) },
      },
    );
  }
}

/** The beacon that a signature makes. @throws CryptoError for what is no point */
export function beaconValue(signature: Uint8Array): Uint8Array {
  return keccak_256(g2ForLedger(signature));
}

function broken(epoch: bigint, what: string): SwarmkeepError {
  return new SwarmkeepError(`the beacon of epoch ${epoch} is not one of this mesh: ${what}`, {
    kind: "refused",
    code: "beacon-broken",
    advice: "Fetch the chain again from another source; if the ledger itself has it, do not believe that ledger.",
    details: { epoch: String(epoch) },
  });
}

const hex = (bytes: Uint8Array): string => `0x${bytesToHex(bytes)}`;

/** As a file that anybody can check later: JSON, bytes in hexadecimal, integers of 64 bits in decimal text. */
export function formatBeaconChain({ chainId, meshId, rotation, keys, links }: BeaconChain): string {
  const value = {
    format: 1,
    chainId: String(chainId),
    meshId: hex(meshId),
    rotation: hex(rotation),
    keys: keys.map(({ fromEpoch, blsKey }) => ({ fromEpoch: String(fromEpoch), blsKey: hex(blsKey) })),
    beacons: links.map(({ epoch, previous, blockNumber, prevrandao, signature, value: beacon }) => ({
      epoch: String(epoch),
      previous: hex(previous),
      blockNumber: String(blockNumber),
      prevrandao: hex(prevrandao),
      signature: hex(signature),
      value: hex(beacon),
    })),
  };
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** @throws SwarmkeepError `beacon-file-damaged`, naming the field. */
export function parseBeaconChain(text: string): BeaconChain {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged("it is not JSON", cause);
  }
  const file = object(value, "the file");
  if (file["format"] !== 1) throw damaged("its field format takes 1");
  return {
    chainId: integer(file["chainId"], "chainId"),
    meshId: bytes(file["meshId"], 32, "meshId"),
    rotation: bytes(file["rotation"], 20, "rotation"),
    keys: list(file["keys"], "keys").map((entry, i) => {
      const key = object(entry, `keys[${i}]`);
      return {
        fromEpoch: integer(key["fromEpoch"], `keys[${i}].fromEpoch`),
        blsKey: bytes(key["blsKey"], 48, `keys[${i}].blsKey`),
      };
    }),
    links: list(file["beacons"], "beacons").map((entry, i) => {
      const link = object(entry, `beacons[${i}]`);
      return {
        epoch: integer(link["epoch"], `beacons[${i}].epoch`),
        previous: bytes(link["previous"], 32, `beacons[${i}].previous`),
        blockNumber: integer(link["blockNumber"], `beacons[${i}].blockNumber`),
        prevrandao: bytes(link["prevrandao"], 32, `beacons[${i}].prevrandao`),
        signature: bytes(link["signature"], 96, `beacons[${i}].signature`),
        value: bytes(link["value"], 32, `beacons[${i}].value`),
      };
    }),
  };
}

function object(value: unknown, field: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw damaged(`${field} is no object`);
}

function list(value: unknown, field: string): readonly unknown[] {
  if (Array.isArray(value) && value.length <= MAXIMUM_LINKS) return value as readonly unknown[];
  throw damaged(`its field ${field} takes a list of at most ${MAXIMUM_LINKS}`);
}

function integer(value: unknown, field: string): bigint {
  const fits = typeof value === "string" && /^[0-9]{1,20}$/.test(value) && BigInt(value) < 1n << 64n;
  if (!fits) throw damaged(`its field ${field} takes an integer of 64 bits in decimal text`);
  return BigInt(value);
}

function bytes(value: unknown, length: number, field: string): Uint8Array {
  if (typeof value !== "string" || !/^0x([0-9a-f]{2})*$/.test(value) || value.length !== 2 + 2 * length) {
    throw damaged(`its field ${field} takes 0x and ${2 * length} hexadecimal digits in lower case`);
  }
  return hexToBytes(value.slice(2));
}

function damaged(problem: string, cause?: unknown): SwarmkeepError {
  return new SwarmkeepError(`that is no chain of beacons: ${problem}`, {
    kind: "usage",
    code: "beacon-file-damaged",
    advice: "Make the file again with `swarmkeep beacon verify --out <file>`.",
    cause,
  });
}
