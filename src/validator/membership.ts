/** This validator's entry in the registry: made when it is admitted, changed when it moves or has a new TLS key. */
import { getBytes, hexlify } from "ethers";

import { provePossession } from "../crypto/bls.js";
import { blsKeyHash } from "../crypto/points.js";
import { INTERFACES, type MeshContracts } from "../ledger/contracts.js";
import { publicKeyStruct, signatureStruct, tlsKeyStruct } from "../ledger/points.js";
import type { Projection } from "../ledger/projection.js";
import type { TransactionSender } from "../ledger/sender.js";
import type { Bls } from "../crypto/bls.js";
import { signWithTlsKey } from "../net/tls-identity.js";
import type { Logger } from "../runtime/log.js";
import { statementDigest } from "../statements/eip712.js";
import { SwarmkeepError } from "../statements/errors.js";
import { OPEN_ADMISSION } from "../statements/quorum.js";
import type { MeshContext } from "./mesh-context.js";
import type { ValidatorKeys, ValidatorSettings } from "./settings.js";

export interface MembershipOptions {
  readonly context: MeshContext;
  readonly projection: Projection;
  /** The registry as it is now, which may know of an admission that is not final yet. Nothing is believed but that it is worth trying. */
  readonly registry: Pick<MeshContracts["registry"], "validator">;
  readonly sender: TransactionSender;
  readonly keys: ValidatorKeys;
  readonly settings: ValidatorSettings;
  readonly bls: Bls;
  readonly log: Logger;
}

/**
 * Brings the registry's entry to what the settings say. Called once the projection is up to date.
 * @throws SwarmkeepError `not-admitted`; LedgerError if the ledger refuses or the account has too little
 */
export async function ensureRegistered(options: MembershipOptions): Promise<void> {
  const { projection, sender, keys, settings, log } = options;
  const member = projection.member(sender.address);
  const isOpen = Number(projection.genesis?.parameters.admission) === OPEN_ADMISSION;
  if (member === undefined && !isOpen && !(await isAdmittedNow(options))) {
    throw new SwarmkeepError(`the account ${sender.address} is not admitted to this mesh`, {
      kind: "refused",
      code: "not-admitted",
      advice:
        "Have it named in the genesis document, let the swarm admit it, or on a gateway run `swarmkeep validator apply`.",
      details: { account: sender.address },
    });
  }
  const tlsPin = hexlify(keys.tls.pin);
  const { endpoint, scope } = settings;
  const minimum = projection.genesis?.parameters.minimumStake ?? 0n;
  if (member === undefined || member.state === "admitted") {
    await send(options, "register the validator", "register", [registration(options)], {
      value: settings.stakeWei === undefined ? minimum : BigInt(settings.stakeWei),
    });
    log.info({ endpoint, scope }, "registered");
    return;
  }
  const { contact } = member;
  const isCurrent = contact?.endpoint === endpoint && contact.scope === scope && contact.tlsPin === tlsPin;
  if (member.state === "active" && !isCurrent) {
    await send(options, "change the validator's entry", "update", [tlsKey(options), endpoint, scope]);
    log.info({ endpoint, scope }, "registry entry changed");
  }
}

/** Watches that nobody else changes this validator's entry. */
export class EntryWatch {
  readonly #look: () => string | undefined;
  readonly #log: Logger;
  /** Whether it was as the settings say: this process's own change is on its way for some blocks after a start. */
  #wasOwn = false;
  #warning: string | undefined;

  constructor({ projection, sender, settings, keys, log }: MembershipOptions) {
    this.#look = () => foreignEntry(projection, sender.address, settings, hexlify(keys.tls.pin));
    this.#log = log;
  }

  /** What is in the entry by somebody else's hand; undefined where nothing is. */
  get warning(): string | undefined {
    return this.#warning;
  }

  /** Looks again, with a block. */
  advance(): void {
    const entry = this.#look();
    if (entry === undefined) this.#wasOwn = true;
    if (entry !== undefined && this.#wasOwn && this.#warning === undefined) {
      this.#log.error(`${entry}: another process has changed it; a restart of this one changes it back`);
    }
    this.#warning = this.#wasOwn ? entry : undefined;
  }
}

/** What the registry has of an active validator that is not what its settings say; undefined where nothing is. */
export function foreignEntry(
  projection: Pick<Projection, "member">,
  account: string,
  { endpoint, scope }: Pick<ValidatorSettings, "endpoint" | "scope">,
  tlsPin: string,
): string | undefined {
  const member = projection.member(account);
  const { contact } = member ?? {};
  if (member?.state !== "active" || contact === undefined) return undefined;
  if (contact.endpoint !== endpoint) return `the registry has the endpoint ${contact.endpoint}, and not ${endpoint}`;
  if (contact.scope !== scope) return `the registry has the scope ${contact.scope}, and not ${scope}`;
  return contact.tlsPin === tlsPin ? undefined : "the registry has another TLS key than this one";
}

/** A member that starts right after its admission is ahead of finality. */
async function isAdmittedNow({ registry, sender }: MembershipOptions): Promise<boolean> {
  return (await registry.validator(sender.address)).state !== 0n;
}

function registration(options: MembershipOptions): object {
  const { context, sender, keys, settings, bls } = options;
  const blsKey = bls.publicKey(keys.blsSecret);
  const digest = statementDigest(context.separators.registry, "ProofOfPossession", {
    account: getBytes(sender.address),
    keyHash: blsKeyHash(blsKey),
  });
  return {
    blsKey: publicKeyStruct(blsKey),
    possession: signatureStruct(provePossession(keys.blsSecret, digest)),
    tlsKey: tlsKey(options),
    endpoint: settings.endpoint,
    scope: settings.scope,
  };
}

/** The TLS key with the proof that this account holds it. */
function tlsKey({ context, sender, keys }: MembershipOptions): object {
  const digest = statementDigest(context.separators.registry, "TlsPossession", {
    account: getBytes(sender.address),
    tlsPin: keys.tls.pin,
  });
  return tlsKeyStruct(keys.tls.spki, signWithTlsKey(keys.tls, digest));
}

async function send(
  { context, sender }: MembershipOptions,
  action: string,
  name: "register" | "update",
  values: unknown[],
  extra: { readonly value?: bigint } = {},
): Promise<void> {
  const data = INTERFACES.registry.encodeFunctionData(name, values);
  await sender.send({ to: context.addresses.registry, data, action, ...extra });
}
