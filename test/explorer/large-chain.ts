/**
 * A chain of any length that is made up as it is read: validators register, fleets grow, devices are revoked, and most blocks are
 * empty. Its logs are encoded by the contracts' ABIs, so that the index takes them as it takes any others.
 */
import { getBytes, id as keccakOf, toBeHex, zeroPadValue } from "ethers";

import { encodeHolders } from "../../src/certificate/shard-map.js";
import type { ChainBlock, Receipt } from "../../src/explorer/chain.js";
import type { IndexerOptions } from "../../src/explorer/indexer.js";
import { type ContractName, INTERFACES, type MeshAddresses } from "../../src/ledger/contracts.js";
import { CONTRACT_NAMES } from "../../src/ledger/contracts.js";
import type { LedgerLog } from "../../src/ledger/source.js";

export interface Sizes {
  readonly blocks: number;
  readonly validators: number;
  readonly devices: number;
}

const BATCH = 1024;
const FLEET_BATCHES = 64;
/** Validators that register in one block. */
const TOGETHER = 50;

export const ADDRESSES = Object.fromEntries(
  CONTRACT_NAMES.map((name, i) => [name, zeroPadValue(toBeHex(0xc0 + i), 20)]),
) as unknown as MeshAddresses;
export const REGISTRAR = zeroPadValue("0xfe", 20);

export const accountOf = (number: number): string => zeroPadValue(toBeHex(0x10_0000 + number), 20);
const point = [1n, 2n, 3n, 4n];

const HOLDERS = encodeHolders(
  Array.from({ length: 7 }, (_, i) => ({ tlsPin: getBytes(keccakOf(`tls ${i}`)), endpoint: `v${i}.example:8443` })),
);

interface Emitted {
  readonly contract: ContractName;
  readonly event: string;
  readonly values: readonly unknown[];
}

/** What happens in a block. */
function emittedIn(number: number, { blocks, validators, devices }: Sizes): Emitted[] {
  const list: Emitted[] = [];
  const emit = (contract: ContractName, event: string, ...values: unknown[]): void => {
    list.push({ contract, event, values });
  };
  const registering = Math.ceil(validators / TOGETHER);
  const batches = Math.ceil(devices / BATCH);
  if (number === 1) emit("fleets", "GrantGiven", 1n, REGISTRAR, ["grp:city"], BigInt(2 * devices), 0n, 4_000_000_000n);
  if (number >= 2 && number < 2 + registering) {
    for (let i = (number - 2) * TOGETHER; i < Math.min(validators, (number - 1) * TOGETHER); i++) {
      emit("registry", "ValidatorAdmitted", accountOf(i), keccakOf(`operator ${i}`));
      emit(
        "registry",
        "ValidatorRegistered",
        accountOf(i),
        point,
        keccakOf(`tls ${i}`),
        `v${i}.example:8443`,
        "grp:city",
        10n ** 18n,
      );
    }
  }
  const batch = number - 2 - registering;
  if (batch >= 0 && batch < batches) {
    const fleet = BigInt(1 + Math.floor(batch / FLEET_BATCHES));
    const policy = { scopes: ["grp:city"], maximumLifetime: 3600n, quota: 4n, joinMethods: 1n, graceSeconds: 60n };
    if (batch % FLEET_BATCHES === 0) emit("fleets", "FleetRegistered", fleet, 1n, policy);
    emit(
      "fleets",
      "BatchAppended",
      fleet,
      BigInt(batch % FLEET_BATCHES),
      keccakOf(`batch ${batch}`),
      BigInt(batch * BATCH),
      BigInt(BATCH),
    );
  }
  // Now and then a device is revoked, once all of them are there.
  if (batch >= batches && number % 25 === 0) {
    const device = (number * 7919) % devices;
    const entries = `0x${Math.floor(device / 256)
      .toString(16)
      .padStart(8, "0")}${(1n << BigInt(device % 256)).toString(16).padStart(64, "0")}`;
    emit("revocations", "Revoked", keccakOf(`revocation ${number}`), 1n, entries);
  }
  // Now and then a device gets a shard map of its own.
  if (batch >= batches && number % 40 === 0) {
    const from = BigInt(timeOf(number));
    const terms = { version: 1n, scheme: 2n, threshold: 3n, shards: 5n, replicas: 3n, rotationSeconds: 50_000n };
    const term = { validFrom: from, validUntil: from + 60_000n, graceSeconds: 600n, root: keccakOf(`map ${number}`) };
    emit("shards", "MapRotated", 1n, BigInt(1 + number / 40), { ...terms, ...term }, HOLDERS);
  }
  if (number === blocks) emit("registry", "Slashed", accountOf(0), 1n, 10n ** 17n, 9n * 10n ** 17n);
  return list;
}

const timeOf = (number: number): number => 1_700_000_000 + 12 * number;
const hash = (text: string): string => keccakOf(text);

export function largeChain(sizes: Sizes): IndexerOptions["chain"] {
  const hashOf = (number: number): string => hash(`block ${number}`);
  const block = (number: number): ChainBlock => ({
    number,
    hash: hashOf(number),
    parent: hashOf(number - 1),
    time: timeOf(number),
    gasUsed: 21_000,
    gasLimit: 30_000_000,
    transactions:
      emittedIn(number, sizes).length === 0
        ? []
        : [
            {
              hash: hash(`transaction ${number}`),
              position: 0,
              from: REGISTRAR,
              to: REGISTRAR,
              input: "0x",
              value: 0n,
            },
          ],
  });
  return {
    head: async () => sizes.blocks,
    hashOf: async (number) => hashOf(number),
    blocks: async (from, to) => Array.from({ length: to - from + 1 }, (_, i) => block(from + i)),
    receipts: async (hashes) =>
      hashes.map((): Receipt => ({ ok: true, gasUsed: 100_000, gasPrice: 10n ** 9n, created: undefined })),
    logs: async (_addresses, from, to) => {
      const logs: LedgerLog[] = [];
      for (let number = from; number <= to; number++) {
        for (const [logIndex, { contract, event, values }] of emittedIn(number, sizes).entries()) {
          const { topics, data } = INTERFACES[contract].encodeEventLog(event, values);
          logs.push({
            address: ADDRESSES[contract].toLowerCase(),
            topics,
            data,
            blockNumber: number,
            blockHash: hashOf(number),
            transactionHash: hash(`transaction ${number}`),
            logIndex,
          });
        }
      }
      return logs;
    },
  };
}
