/** `cert show` and `cert verify`: certificates and presentations, offline. */
import type { Command } from "commander";

import { type Certificate, decodeCertificate, verifyCertificate } from "../certificate/certificate.js";
import { checkNotRevoked, decodeDrlProof, verifyDrlHead } from "../certificate/drl.js";
import { decodePresentation } from "../certificate/presentation.js";
import { DER } from "../certificate/der.js";
import { Refusal } from "../certificate/refusal.js";
import { verifyPresentation } from "../certificate/verify.js";
import { verifyDeviceCertificate } from "../certificate/x509-leaf.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { scopesOverlap } from "../statements/scope.js";
import { action, describe, parseHex } from "./command.js";
import { derOf, describeCertificate, describeHead, describeObject, describeX509 } from "./describe-objects.js";
import { withTrustOptions } from "./drl.js";
import { checkedScope } from "./options.js";
import { type CommandTrust, type TrustOptions, commandTrust, nowSeconds, readObject } from "./trust.js";

interface VerifyOptions extends TrustOptions {
  readonly challenge?: string;
  readonly audience?: string;
  readonly scope?: string;
  readonly exactScope?: boolean;
  readonly proof?: string;
  /** False with `--no-revocation`. */
  readonly revocation: boolean;
}

export function register(group: Command): void {
  group
    .command("show")
    .description("show what a certificate, presentation, bundle, proof or head says, without believing it")
    .argument("<file>", "its bytes, or hexadecimal digits of them; - is the standard input")
    .action(
      action(async (context, _options, file) => {
        const { kind, fields } = describeObject(await readObject(file as string));
        context.print({ kind, ...fields }, `${kind}\n${describe(fields, "  ")}`);
      }),
    );

  withTrustOptions(group.command("verify"))
    .description("judge a presentation, or a certificate of either form with its revocation proof; exits with 0 or 4")
    .argument("<file>", "presentation or certificate; - is the standard input")
    .option("--challenge <hex>", "the challenge that a presentation must answer; needed for one")
    .option("--audience <text>", "whom a presentation must be meant for; nobody by name if not given")
    .option("--scope <scope>", "where it must count; needed for a presentation")
    .option("--exact-scope", "the certificate's scope must be that very one")
    .option("--proof <file>", "revocation proof of a certificate; a presentation carries its own")
    .option("--no-revocation", "judge a certificate without one: a revoked one is accepted")
    .action(
      action<VerifyOptions>(async (context, options, file) => {
        const encoded = await readObject(file as string);
        const setting = await commandTrust(context, options);
        const standard = derOf(encoded);
        const facts =
          standard !== encoded || encoded[0] === DER.sequence
            ? await judgeX509(standard, setting, options)
            : isPresentation(encoded)
              ? judgePresentation(encoded, setting, options)
              : await judgeCertificate(encoded, setting, options);
        context.print({ accepted: true, ...facts }, `accepted\n${describe(facts, "  ")}`);
      }),
    );
}

function isPresentation(encoded: Uint8Array): boolean {
  try {
    decodePresentation(encoded);
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}

function needed(value: string | undefined, option: string, why: string, without?: string): string {
  if (value !== undefined) return value;
  throw new SwarmkeepError(`${option} is missing: ${why}`, {
    kind: "usage",
    code: "option-missing",
    advice: `Give it with ${option}${without === undefined ? "" : `, or do without by ${without}`}.`,
  });
}

function judgePresentation(encoded: Uint8Array, { trust, checks, memory }: CommandTrust, options: VerifyOptions) {
  if (options.proof !== undefined) {
    throw new SwarmkeepError("--proof is for a certificate, and this is a presentation, which carries its own", {
      kind: "usage",
      code: "option-conflict",
      advice: "Leave --proof out; to judge by a newer one, have the presenter fetch it and answer again.",
    });
  }
  const challenge = needed(options.challenge, "--challenge", "a presentation counts as the answer to one only");
  const result = verifyPresentation({
    trust,
    presentation: encoded,
    challenge: parseHex(challenge, "--challenge"),
    audience: options.audience ?? "",
    scope: checkedScope(needed(options.scope, "--scope", "a certificate counts within its scope only")),
    scopeRule: options.exactScope === true ? "equal" : "overlap",
    now: nowSeconds(),
    memory,
    checks,
  });
  if (!result.accepted) throw result.refusal;
  return { ...describeCertificate(result), head: describeHead(result.head) };
}

/** An X.509 certificate of a device. That its key is the peer's is what TLS proves. */
async function judgeX509(encoded: Uint8Array, setting: CommandTrust, options: VerifyOptions) {
  const { trust, checks } = setting;
  const certificate = verifyDeviceCertificate(encoded, trust, nowSeconds(), checks.device);
  expectScope(certificate.scope, options);
  return { ...describeX509(encoded), ...(await judgeRevocation(certificate.index, setting, options)) };
}

/** Without a challenge: that somebody was given the certificate, not that whoever shows it is the one. */
async function judgeCertificate(encoded: Uint8Array, setting: CommandTrust, options: VerifyOptions) {
  const { trust, checks } = setting;
  const certificate: Certificate = verifyCertificate(encoded, trust, nowSeconds(), checks);
  expectScope(certificate.scope, options);
  const facts = describeCertificate(decodeCertificate(encoded));
  return { ...facts, ...(await judgeRevocation(certificate.index, setting, options)) };
}

function expectScope(found: string, options: VerifyOptions): void {
  if (options.scope === undefined) return;
  const scope = checkedScope(options.scope);
  const counts = options.exactScope === true ? found === scope : scopesOverlap(found, scope);
  if (!counts) throw new Refusal("out-of-scope", `the certificate counts in ${found}, and not in ${scope}`);
}

async function judgeRevocation(index: number, { trust, checks, memory }: CommandTrust, options: VerifyOptions) {
  if (!options.revocation && options.proof === undefined)
    return { revocation: "not checked", possession: "not proven" };
  const file = needed(
    options.proof,
    "--proof",
    "a revoked certificate looks like any other without a proof of `swarmkeep drl proof <index> --out <file>`",
    "--no-revocation",
  );
  const proof = decodeDrlProof(await readObject(file));
  verifyDrlHead(proof, trust, nowSeconds(), memory, checks);
  checkNotRevoked(proof, index);
  return { head: describeHead(proof.head), possession: "not proven" };
}
