/**
 * `swarmkeep mesh grant | admit | succeed | rekey | resize | object`: what the swarm signs only if the validators' operators agree.
 * Each proposes; and with --statement gathers the swarm's signature and submits.
 */
import { randomBytes } from "node:crypto";

import type { Command } from "commander";
import { getAddress, hexlify } from "ethers";

import {
  type AdmissionProposal,
  formatAdmission,
  parseAdmission,
  proposedAdmission,
  submitAdmission,
} from "../operator/admission.js";
import { parseMember } from "../operator/genesis.js";
import {
  type GrantProposal,
  MAXIMUM_CANDIDATES,
  MAXIMUM_INDEXES,
  formatGrant,
  parseGrant,
  proposedGrant,
  submitGrant,
} from "../operator/governance.js";
import { type MeshLedger, withSender } from "../operator/ledger.js";
import {
  type ObjectionProposal,
  cancellableRequest,
  formatObjection,
  parseObjection,
  proposedObjection,
  submitObjection,
} from "../operator/objection.js";
import { type ProposalPlace, type Proposed, proposedDigest } from "../operator/proposal.js";
import { type RekeyProposal, formatRekey, parseRekey, proposedRekey, submitRekey } from "../operator/rekey.js";
import {
  type ResizeProposal,
  expectPossible,
  formatResize,
  parseResize,
  proposedResize,
  submitResize,
} from "../operator/resize.js";
import {
  type SuccessorProposal,
  formatSuccessor,
  parseSuccessor,
  proposedSuccessor,
  submitSuccessor,
} from "../operator/successor.js";
import type { Validators } from "../operator/swarm-signature.js";
import type { TransactionSender } from "../ledger/sender.js";
import { PUBLIC_FILE, readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { type MeshFile, readMeshFile } from "../runtime/mesh-file.js";
import { MAXIMUM_COMMITTEE, MINIMUM_COMMITTEE } from "../statements/quorum.js";
import { isScope } from "../statements/scope.js";
import { type CommandContext, action, parseCount, parseDuration, readInput } from "./command.js";
import { parseAddress, text, withLedger, withOperator, withValidators } from "./sessions.js";

const STATEMENT = "a proposal that enough operators have approved";

export function registerGovernance(group: Command): void {
  group
    .command("grant")
    .description("propose a grant to a registrar; with --statement, gather the swarm's signature and submit it")
    .option("--registrar <address>", "account of the registrar")
    .option("--scope <scope...>", "scopes, such as geo:u33d or grp:plant/line-2")
    .option("--indexes <number>", "how many devices it may register")
    .option("--candidates <number>", "how many of them, gateways, may become candidates for the committee", "0")
    .option("--expires-in <time>", "how long it may register them", "365d")
    .option("--out <file>", "where to write the proposal", "grant.json")
    .option("--statement <file>", STATEMENT)
    .action(action<GrantOptions>((context, options) => govern(context, options, GRANT)));
  group
    .command("admit")
    .description("propose to admit a validator; with --statement, gather the swarm's signature and submit it")
    .option("--member <file>", "member.json of the candidate, as `swarmkeep validator init` wrote it")
    .option("--expires-in <time>", "how long the ledger takes it", "7d")
    .option("--out <file>", "where to write the proposal", "admission.json")
    .option("--statement <file>", STATEMENT)
    .action(action<AdmitOptions>((context, options) => govern(context, options, ADMISSION)));
  group
    .command("succeed")
    .description("propose where the mesh goes on; with --statement, gather the swarm's signature and submit it")
    .option("--successor <file>", "mesh.json of the mesh that takes this one's place")
    .option("--expires-in <time>", "how long the ledger takes it", "7d")
    .option("--out <file>", "where to write the proposal", "successor.json")
    .option("--statement <file>", STATEMENT)
    .action(action<SucceedOptions>((context, options) => govern(context, options, SUCCESSOR)));
  group
    .command("rekey")
    .description("propose new group keys; with --statement, gather the swarm's signature and start making them")
    .option("--expires-in <time>", "how long the ledger takes it", "7d")
    .option("--out <file>", "where to write the proposal", "rekey.json")
    .option("--statement <file>", STATEMENT)
    .action(action<GovernOptions>((context, options) => govern(context, options, REKEY)));
  group
    .command("resize")
    .description("propose how many seats committees have; with --statement, gather the swarm's signature and submit it")
    .option("--seats <number>", `${MINIMUM_COMMITTEE} to ${MAXIMUM_COMMITTEE}, from the next draw on`)
    .option("--expires-in <time>", "how long the ledger takes it", "7d")
    .option("--out <file>", "where to write the proposal", "resize.json")
    .option("--statement <file>", STATEMENT)
    .action(action<ResizeOptions>((context, options) => govern(context, options, RESIZE)));
  group
    .command("object")
    .description("propose to cancel a recovery; with --statement, gather the swarm's signature and submit it")
    .option("--out <file>", "where to write the proposal", "objection.json")
    .option("--statement <file>", STATEMENT)
    .action(action<ProposeOptions>((context, options) => govern(context, options, OBJECTION)));
}

interface ProposeOptions {
  readonly out: string;
  readonly statement?: string;
}

interface GovernOptions extends ProposeOptions {
  readonly expiresIn: string;
}

interface GrantOptions extends GovernOptions {
  readonly registrar?: string;
  readonly scope?: readonly string[];
  readonly indexes?: string;
  readonly candidates: string;
}

interface AdmitOptions extends GovernOptions {
  readonly member?: string;
}

interface SucceedOptions extends GovernOptions {
  readonly successor?: string;
}

interface ResizeOptions extends GovernOptions {
  readonly seats?: string;
}

/** One kind of proposal, as its command deals with it. */
interface Kind<Proposal, Options extends ProposeOptions> {
  readonly command: string;
  propose(ledger: MeshLedger, options: Options): Promise<Proposal> | Proposal;
  format(proposal: Proposal): string;
  parse(file: string): Proposal;
  proposed(proposal: Proposal): Proposed;
  /** Fields to print beside the transaction. */
  submit(
    ledger: MeshLedger,
    validators: Validators,
    sender: TransactionSender,
    proposal: Proposal,
  ): Promise<{ readonly transaction: string; readonly grantId?: bigint }>;
}

/** Where a proposal counts. */
function placeOf({ meshId, chainId }: MeshFile): ProposalPlace {
  return { meshId: hexlify(meshId), chainId };
}

const GRANT: Kind<GrantProposal, GrantOptions> = {
  command: "grant",
  propose({ mesh, addresses }, options) {
    const { registrar, scope, indexes } = options;
    if (registrar === undefined || scope === undefined || indexes === undefined) {
      throw optionMissing("grant", "--registrar, --scope and --indexes");
    }
    const bad = scope.find((given) => !isScope(given));
    if (bad !== undefined) {
      throw new SwarmkeepError(`${JSON.stringify(bad)} is no scope`, {
        kind: "usage",
        code: "bad-scope",
        advice: "Write geo: and a geohash, or grp: and a path such as plant/line-2.",
      });
    }
    return {
      ...placeOf(mesh),
      fleets: getAddress(addresses.fleets),
      registrar: parseAddress(registrar, "--registrar"),
      scopes: scope,
      indexes: BigInt(parseCount(indexes, "--indexes", MAXIMUM_INDEXES)),
      candidates: BigInt(parseCount(options.candidates, "--candidates", MAXIMUM_CANDIDATES)),
      expiry: expiryOf(options),
      salt: hexlify(randomBytes(32)),
    };
  },
  format: formatGrant,
  parse: parseGrant,
  proposed: proposedGrant,
  async submit(...given) {
    const { grantId, receipt } = await submitGrant(...given);
    return { grantId, transaction: receipt.transactionHash };
  },
};

const ADMISSION: Kind<AdmissionProposal, AdmitOptions> = {
  command: "admit",
  async propose({ mesh, addresses }, options) {
    if (options.member === undefined) throw optionMissing("admit", "--member");
    const { account, operator } = parseMember(text(await readInput(options.member, 65_536)), options.member);
    return {
      ...placeOf(mesh),
      registry: getAddress(addresses.registry),
      account,
      operator,
      expiry: expiryOf(options),
    };
  },
  format: formatAdmission,
  parse: parseAdmission,
  proposed: proposedAdmission,
  submit: async (...given) => ({ transaction: (await submitAdmission(...given)).transactionHash }),
};

const SUCCESSOR: Kind<SuccessorProposal, SucceedOptions> = {
  command: "succeed",
  async propose({ mesh, addresses }, options) {
    if (options.successor === undefined) throw optionMissing("succeed", "--successor");
    const next = await readMeshFile(options.successor);
    const isHere = next.chainId === mesh.chainId && getAddress(next.anchor) === getAddress(addresses.anchor);
    if (isHere || hexlify(next.meshId) === hexlify(mesh.meshId)) {
      throw new SwarmkeepError("a mesh is not its own successor", {
        kind: "usage",
        code: "same-mesh",
        advice:
          "Give the mesh file of the new mesh with --successor, and the folder of the old one's operator with --data.",
      });
    }
    return {
      ...placeOf(mesh),
      anchor: getAddress(addresses.anchor),
      nextChainId: next.chainId,
      nextAnchor: next.anchor,
      nextMeshId: hexlify(next.meshId),
      expiry: expiryOf(options),
    };
  },
  format: formatSuccessor,
  parse: parseSuccessor,
  proposed: proposedSuccessor,
  submit: async (...given) => ({ transaction: (await submitSuccessor(...given)).transactionHash }),
};

const REKEY: Kind<RekeyProposal, GovernOptions> = {
  command: "rekey",
  async propose({ mesh, addresses, contracts }, options) {
    return {
      ...placeOf(mesh),
      generations: getAddress(addresses.generations),
      generation: (await contracts.groupKeys.generation()) + 1n,
      expiry: expiryOf(options),
    };
  },
  format: formatRekey,
  parse: parseRekey,
  proposed: proposedRekey,
  submit: async (...given) => ({ transaction: (await submitRekey(...given)).transactionHash }),
};

const RESIZE: Kind<ResizeProposal, ResizeOptions> = {
  command: "resize",
  async propose(ledger, options) {
    if (options.seats === undefined) throw optionMissing("resize", "--seats");
    const seats = parseCount(options.seats, "--seats", MAXIMUM_COMMITTEE, MINIMUM_COMMITTEE);
    await expectPossible(ledger, seats);
    return {
      ...placeOf(ledger.mesh),
      rotation: getAddress(ledger.addresses.rotation),
      seats: BigInt(seats),
      expiry: expiryOf(options),
    };
  },
  format: formatResize,
  parse: parseResize,
  proposed: proposedResize,
  submit: async (...given) => ({ transaction: (await submitResize(...given)).transactionHash }),
};

const OBJECTION: Kind<ObjectionProposal, ProposeOptions> = {
  command: "object",
  async propose(ledger) {
    return {
      ...placeOf(ledger.mesh),
      recovery: getAddress(ledger.addresses.recovery),
      number: await cancellableRequest(ledger),
    };
  },
  format: formatObjection,
  parse: parseObjection,
  proposed: proposedObjection,
  submit: async (...given) => ({ transaction: (await submitObjection(...given)).transactionHash }),
};

async function govern<Proposal, Options extends ProposeOptions>(
  context: CommandContext,
  options: Options,
  kind: Kind<Proposal, Options>,
): Promise<void> {
  const statement = options.statement === undefined ? undefined : kind.parse(text(await readInput(options.statement)));
  await withOperator(context, async (operator) =>
    withLedger(await operator.meshFile(), async (ledger) => {
      if (statement === undefined) return propose(context, kind, await kind.propose(ledger, options), options.out);
      const outcome = await withValidators(ledger, (validators) =>
        withSender(ledger.endpoint, operator.privateKey, (sender) =>
          kind.submit(ledger, validators, sender, statement),
        ),
      );
      const { description } = kind.proposed(statement);
      const done = outcome.grantId === undefined ? `transaction ${outcome.transaction}` : `grant ${outcome.grantId}`;
      context.print(outcome, `${description}\n${done}`);
    }),
  );
}

async function propose<Proposal, Options extends ProposeOptions>(
  context: CommandContext,
  kind: Kind<Proposal, Options>,
  proposal: Proposal,
  out: string,
): Promise<void> {
  const isReplaced = (await readIfPresent(out)) !== undefined;
  await writeAtomically(out, kind.format(proposal), PUBLIC_FILE);
  const proposed = kind.proposed(proposal);
  context.print(
    { statement: out, digest: proposedDigest(proposed) },
    [
      proposed.description,
      `written to ${out}. Each operator who agrees: swarmkeep validator approve --statement ${out}`,
      `then: ${context.next(`mesh ${kind.command} --statement ${out}`)}`,
      ...(isReplaced ? ["it takes the place of another one: who agreed to that has to agree to this one too"] : []),
    ].join("\n"),
  );
}

function expiryOf({ expiresIn }: GovernOptions): bigint {
  return BigInt(Math.floor(Date.now() / 1000) + parseDuration(expiresIn, "--expires-in"));
}

function optionMissing(command: string, options: string): SwarmkeepError {
  return new SwarmkeepError(`swarmkeep mesh ${command} takes ${options}, or --statement`, {
    kind: "usage",
    code: "option-missing",
    advice: `See \`swarmkeep mesh ${command} --help\`.`,
  });
}
