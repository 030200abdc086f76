/** Who may have a validator sign what: requests that it has to turn down, whoever sends them. */
import { readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { keccak_256 } from "@noble/hashes/sha3.js";
import { expect } from "chai";
import { Wallet, getBytes, hexlify, toBeHex } from "ethers";

import { nobleBls } from "../../src/crypto/bls.js";
import { concatBytes, toBytes } from "../../src/crypto/bytes.js";
import { LedgerError } from "../../src/ledger/errors.js";
import { Projection } from "../../src/ledger/projection.js";
import type { LedgerEvent } from "../../src/ledger/events.js";
import {
  encodeKeyList,
  encodePreSharedKeys,
  encodeRevokeRequest,
  encodeSignedRevocation,
  encodeStatementRequest,
} from "../../src/protocol/api.js";
import { revocationEntries } from "../../src/protocol/revocation.js";
import { nativeSignatures } from "../../src/runtime/device-signatures.js";
import { LIGHT_KDF, openSealer } from "../../src/runtime/sealed-file.js";
import { SwarmkeepError } from "../../src/statements/errors.js";
import { statementDigest } from "../../src/statements/eip712.js";
import { approve } from "../../src/validator/approvals.js";
import { coSignStatement, governedDigest } from "../../src/validator/governing.js";
import { meshContext } from "../../src/validator/mesh-context.js";
import { preSharedKeyIdentity } from "../../src/protocol/pre-shared-key.js";
import { PskStore } from "../../src/validator/psk-store.js";
import { type RevokingOptions, coSignRevocation, submitRevocation } from "../../src/validator/revoking.js";
import { Standing } from "../../src/validator/standing.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";
import { address, addresses } from "./addresses.js";

const NOW = 1_900_000_000;
const context = meshContext(new Uint8Array(32).fill(7), 31337n, addresses);
const other = meshContext(new Uint8Array(32).fill(8), 31337n, addresses);
const [registrar, stranger] = [Wallet.createRandom(), Wallet.createRandom()];

/** Fleet 1 of `registrar`, devices 0 to 9; fleet 2 of `stranger`, devices 256 to 265. In office, and whatever is signed is kept. */
function world(): { standing: Standing; signed: Uint8Array[] } {
  const projection = new Projection();
  const events = [registrar, stranger].flatMap(({ address: account }, i) => {
    const [fleetId, base] = [BigInt(i + 1), BigInt(256 * i)];
    const policy = { scopes: ["grp:a"], maximumLifetime: 60n, quota: 1n, joinMethods: 3n, graceSeconds: 0n };
    return [
      {
        name: "GrantGiven",
        args: { grantId: fleetId, registrar: account, scopes: ["grp:a"], indexes: 10n, candidates: 0n, expiry: 1n },
      },
      { name: "FleetRegistered", args: { fleetId, grantId: fleetId, policy } },
      {
        name: "BatchAppended",
        args: { fleetId, batch: 0n, manifestRoot: hexlify(new Uint8Array(32)), base, count: 10n },
      },
    ];
  });
  for (const event of events)
    projection.apply({ contract: "fleets", blockNumber: 1, ...event } as unknown as LedgerEvent);
  const signed: Uint8Array[] = [];
  const standing = new Standing(projection);
  const parts = {
    finalised: { number: 1, timestamp: NOW },
    committee: {},
    signer: { partial: (message: Uint8Array) => signed.push(message) },
    silence: undefined,
    doubts: () => undefined,
  };
  Object.assign(standing, parts);
  return { standing, signed };
}

async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return "done";
  } catch (error) {
    return error instanceof SwarmkeepError ? error.code : String(error);
  }
}

const sign = (by: { signingKey: Wallet["signingKey"] }, digest: Uint8Array): Uint8Array =>
  getBytes(by.signingKey.sign(digest).serialized);

describe("a validator is asked to sign", () => {
  after(removeScratchFolders);

  const revocation = (by: typeof registrar, indexes: number[], expiry = NOW + 60, mesh = context): Uint8Array => {
    const indexesHash = keccak_256(concatBytes(...indexes.map((index) => toBytes(index, 32))));
    const digest = statementDigest(mesh.separators.revocations, "RevocationRequest", {
      indexesHash,
      reason: 1,
      expiry,
    });
    return encodeRevokeRequest({ by: "registrar", indexes, reason: 1, expiry, signature: sign(by, digest) });
  };

  it("a revocation: by the registrar of every device in it, for this mesh, soon", async () => {
    const { standing, signed } = world();
    const options = { context, standing, nowSeconds: () => NOW } as RevokingOptions;
    const ask = (body: Uint8Array) => codeOf(() => coSignRevocation(options, body, new Uint8Array(32)));
    expect(await ask(revocation(stranger, [3]))).to.equal("not-registrar");
    expect(await ask(revocation(registrar, [3, 256]))).to.equal("not-registrar");
    expect(await ask(revocation(registrar, [10]))).to.equal("not-registrar");
    expect(await ask(revocation(registrar, [3], NOW + 60, other))).to.equal("not-registrar");
    expect(await ask(revocation(registrar, [3], NOW))).to.equal("bad-expiry");
    expect(await ask(revocation(registrar, [3], NOW + 86_400))).to.equal("bad-expiry");
    expect(signed).to.deep.equal([]);
    expect(await ask(revocation(registrar, [3]))).to.equal("done");
    standing.silence = "endpoints disagree";
    expect(await ask(revocation(registrar, [3]))).to.equal("ledger-away");
    expect(signed).to.have.length(1);
  });

  it("to submit a revocation: what is revoked or on its way is not paid for again", async () => {
    const { standing } = world();
    const sent: string[] = [];
    let refusal: Error | undefined;
    // No committee there has keys, and none is asked for them.
    Object.assign(standing, { committee: { keys: {} } });
    const options: RevokingOptions = {
      context,
      standing,
      checks: { bls: { verify: () => true }, device: nativeSignatures },
      sender: {
        async send({ data }) {
          if (refusal !== undefined) throw refusal;
          sent.push(data);
          return { transactionHash: `0x${sent.length}`, blockNumber: 1, gasUsed: 1n };
        },
      },
      submitted: new Map(),
      nowSeconds: () => now,
    };
    let now = NOW;
    const submit = (indexes: readonly number[], expiry = NOW + 60) =>
      codeOf(() =>
        submitRevocation(
          options,
          encodeSignedRevocation({
            ...revocationEntries(indexes),
            reason: 1,
            expiry,
            signature: nobleBls.sign(new Uint8Array(32).fill(1), new Uint8Array(32)),
          }),
        ),
      );
    expect(await submit([3])).to.equal("done");
    expect(await submit([3], NOW + 61)).to.equal("already-revoked");
    expect(await submit([3, 4])).to.equal("done");
    refusal = new Error("away");
    expect(await submit([5])).to.equal("Error: away");
    refusal = new LedgerError("reverted", "the ledger refused", { error: "StatementUsed" });
    expect(await submit([5]), "another's transaction came first").to.equal("already-revoked");
    refusal = undefined;
    expect(await submit([5])).to.equal("done");
    now += 3_600;
    expect(await submit([3])).to.equal("done");
    now += 3_600;
    const entry = `0x00000000${toBeHex(1n << 3n, 32).slice(2)}`;
    standing.projection.bitmap.change(1, entry, (before, mask) => ({ ...before, revoked: before.revoked | mask }));
    expect(await submit([3])).to.equal("already-revoked");
    expect(sent).to.have.length(4);
  });

  it("a grant: to the letter as its operator approved it, and for this mesh", async () => {
    const { standing, signed } = world();
    const folder = await scratchFolder();
    const values = {
      registrar: getBytes(address(9)),
      scopesHash: toBytes(1, 32),
      indexes: 5n,
      candidates: 0n,
      expiry: 9n,
      salt: toBytes(2, 32),
    };
    const statement = { name: "Grant", values } as const;
    const more = { ...statement, values: { ...values, indexes: 6n } };
    const ask = (asked: typeof statement, mesh = context) =>
      codeOf(() => coSignStatement(mesh, standing, folder, encodeStatementRequest(asked)));
    expect(await ask(statement)).to.equal("not-approved");
    await approve(folder, governedDigest(context, statement), statement);
    expect(await ask(more)).to.equal("not-approved");
    expect(await ask(statement, other)).to.equal("not-approved");
    expect(signed).to.deep.equal([]);
    expect(await ask(statement)).to.equal("done");
    expect(signed).to.deep.equal([governedDigest(context, statement)]);
  });

  it("to keep channel keys: by the registrar, of its own devices, and never in the clear", async () => {
    const { standing } = world();
    const scratch = await scratchFolder();
    const sealer = await openSealer(join(scratch, "kdf.json"), "a passphrase of a test", LIGHT_KDF);
    const store = await PskStore.open(scratch, sealer, context);
    const message = (by: typeof registrar, index: number, expiry = NOW + 60): Uint8Array => {
      const keys = [{ index, key: new Uint8Array(32).fill(5) }];
      const fields = { fleetId: 1, keysHash: keccak_256(encodeKeyList(keys)), expiry };
      const digest = statementDigest(context.separators.fleets, "PreSharedKeys", fields);
      return encodePreSharedKeys({ fleetId: 1, expiry, keys, signature: sign(by, digest) });
    };
    const ask = (body: Uint8Array) => codeOf(() => store.take(body, standing, NOW));
    expect(await ask(message(stranger, 3))).to.equal("not-registrar");
    expect(await ask(message(registrar, 256))).to.equal("unknown-device");
    expect(await ask(message(registrar, 3, NOW))).to.equal("expired");
    expect(await ask(message(registrar, 3))).to.equal("done");
    const [sealed = ""] = (await readdir(scratch)).filter((name) => name.endsWith(".sealed"));
    const stored = await readFile(join(scratch, sealed));
    for (const clear of [Buffer.alloc(32, 5), "05".repeat(32), "BQUFBQUF"])
      expect(stored.includes(clear)).to.equal(false);
  });

  it("to keep channel keys: the newest of a device counts, after a restart too, and older files go", async () => {
    const { standing } = world();
    const scratch = await scratchFolder();
    const sealer = await openSealer(join(scratch, "kdf.json"), "a passphrase of a test", LIGHT_KDF);
    const message = (indexes: readonly number[], fill: number, expiry: number): Uint8Array => {
      const keys = indexes.map((index) => ({ index, key: new Uint8Array(32).fill(fill) }));
      const digest = statementDigest(context.separators.fleets, "PreSharedKeys", {
        fleetId: 1,
        keysHash: keccak_256(encodeKeyList(keys)),
        expiry,
      });
      return encodePreSharedKeys({ fleetId: 1, expiry, keys, signature: sign(registrar, digest) });
    };
    const messages = [
      message([3, 4], 1, NOW + 60),
      message([3], 2, NOW + 90),
      message([3], 3, NOW + 120),
      message([3], 4, NOW + 120),
      message([5], 5, NOW + 60),
    ];
    const keysOf = (store: PskStore) =>
      [3, 4, 5].map((index) => store.find(preSharedKeyIdentity(context.meshId, index))?.[0]);
    const files = async () => (await readdir(scratch)).filter((name) => name.endsWith(".sealed")).length;
    const outcomes = new Set<string>();
    for (const order of [messages, messages.toReversed()]) {
      for (const name of await readdir(scratch)) if (name.endsWith(".sealed")) await rm(join(scratch, name));
      const store = await PskStore.open(scratch, sealer, context);
      for (const body of order) await store.take(body, standing, NOW);
      await store.take(messages[0] as Uint8Array, standing, NOW);
      const [three, ...rest] = keysOf(store);
      expect(three).to.be.oneOf([3, 4]);
      expect(rest).to.deep.equal([1, 5]);
      expect(await files()).to.equal(3);
      expect(keysOf(await PskStore.open(scratch, sealer, context))).to.deep.equal(keysOf(store));
      outcomes.add(String(three));
    }
    expect(outcomes.size).to.equal(1);
  });
});
