/** `drl show` and `drl proof`: the revocation list's head, and proofs from it. Whatever comes is verified before it is shown. */
import type { Command } from "commander";

import { checkNotRevoked, decodeDrlProof, decodeSignedDrlHead, verifyDrlHead } from "../certificate/drl.js";
import { Refusal } from "../certificate/refusal.js";
import { PATH } from "../protocol/api.js";
import { PUBLIC_FILE, writeAtomically } from "../runtime/atomic-file.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { COSE_ALG } from "../statements/cose.js";
import { action, describe, parseCount } from "./command.js";
import { describeHead, describeProof } from "./describe-objects.js";
import { collectValidator, parseAlgorithm } from "./options.js";
import { type TrustOptions, commandTrust, fetchFromAny, nowSeconds, readObject } from "./trust.js";

interface ProofOptions extends TrustOptions {
  readonly index?: string;
  readonly alg: string;
  readonly out?: string;
}

/** Options of whom to trust and ask, for commands that need no device. */
export function withTrustOptions(command: Command): Command {
  return command
    .option("--bundle <file>", "trust bundle; the device's own, or a validator's, if not given")
    .option("--root <fingerprint>", "SHA-256 of the root certificate; the device's own if not given")
    .option("--validator <host:port>", "validator to ask, several times for more", collectValidator)
    .option("--memory <file>", "where the newest head that was seen is kept");
}

export function register(group: Command): void {
  withTrustOptions(group.command("show"))
    .description("show the newest head of the revocation list, or the one in a file")
    .argument("[file]", "a head as a validator gives it; - is the standard input")
    .action(
      action<TrustOptions>(async (context, options, file) => {
        const { trust, checks, memory, endpoints } = await commandTrust(context, options);
        const read = (body: Uint8Array) => {
          const signed = decodeSignedDrlHead(body);
          const bls = { head: signed.head, algorithm: COSE_ALG.bls, signature: signed.bls };
          verifyDrlHead(bls, trust, nowSeconds(), memory, checks);
          return signed;
        };
        const { head } =
          file === undefined ? await fetchFromAny(endpoints, PATH.drlHead, read) : read(await readObject(file));
        context.print(describeHead(head));
      }),
    );

  withTrustOptions(group.command("proof"))
    .description("fetch the proof that a device is, or is not, revoked")
    .option("--index <number>", "the device; this one if not given")
    .option("--alg <name>", "signature on the head: bls or ed25519", "bls")
    .option("--out <file>", "write the proof there")
    .action(
      action<ProofOptions>(async (context, options) => {
        const { trust, checks, memory, endpoints, index: own } = await commandTrust(context, options);
        const index = options.index === undefined ? own : parseCount(options.index, "--index");
        if (index === undefined) throw indexMissing();
        const algorithm = parseAlgorithm(options.alg);
        const proof = await fetchFromAny(endpoints, `${PATH.drlProof}/${index}?alg=${options.alg}`, (body) => {
          const decoded = decodeDrlProof(body);
          if (decoded.algorithm !== algorithm) {
            throw new Refusal("wrong-kind", `the head is signed with algorithm ${decoded.algorithm}, not ${algorithm}`);
          }
          verifyDrlHead(decoded, trust, nowSeconds(), memory, checks);
          checkShowsDevice(body, index);
          return body;
        });
        if (options.out !== undefined) await writeAtomically(options.out, proof, PUBLIC_FILE);
        const fields = describeProof(proof, index);
        context.print({ ...fields, proof }, `${describe(fields)}\nproof  ${Buffer.from(proof).toString("hex")}`);
      }),
    );
}

/** A proof that shows a revoked device is a good one. */
function checkShowsDevice(proof: Uint8Array, index: number): void {
  try {
    checkNotRevoked(decodeDrlProof(proof), index);
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "revoked") throw error;
  }
}

function indexMissing(): SwarmkeepError {
  return new SwarmkeepError("no device was named", {
    kind: "usage",
    code: "index-missing",
    advice: "Give its index with --index.",
  });
}
