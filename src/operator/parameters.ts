/** What is decided about a mesh at its genesis, and never again (`Parameters` of contracts/interfaces/ITrustAnchor.sol). */
import { SwarmkeepError } from "../runtime/errors.js";
import { MAXIMUM_COMMITTEE, MINIMUM_COMMITTEE, MINIMUM_OPEN_COMMITTEE, OPEN_ADMISSION } from "../statements/quorum.js";

export interface MeshParameters {
  readonly committeeSize: number;
  /** 0: members are admitted by the swarm's signature; 1: whoever stakes is one. */
  readonly admission: number;
  /** Basis points of the stake that an offence costs. */
  readonly slashBps: number;
  /** Wei. */
  readonly minimumStake: bigint;
  readonly phaseSeconds: number;
  readonly unbondingSeconds: number;
  readonly tickSeconds: number;
  readonly headSeconds: number;
  readonly headLifetimeSeconds: number;
  /** 0: the chain's own `finalized` tag. */
  readonly finalityBlocks: number;
  readonly certificatePeriodSeconds: number;
  readonly recoverySeconds: number;
  /** 0: the first committee stays. */
  readonly epochSeconds: number;
  readonly probationSeconds: number;
  readonly probationHeads: number;
  /** How often a member probes all candidates in an epoch; 0: nobody is measured. */
  readonly probesPerEpoch: number;
  /** Basis points of the reward pool that an epoch pays out; 0: no rewards. */
  readonly rewardBps: number;
}

/** For a public chain with blocks of some seconds and finality of its own. */
export const PUBLIC_PARAMETERS: MeshParameters = {
  committeeSize: 7,
  admission: 0,
  slashBps: 2_000,
  minimumStake: 10n ** 18n,
  phaseSeconds: 600,
  unbondingSeconds: 604_800,
  tickSeconds: 30,
  headSeconds: 600,
  headLifetimeSeconds: 1_800,
  finalityBlocks: 0,
  certificatePeriodSeconds: 86_400,
  recoverySeconds: 604_800,
  epochSeconds: 86_400,
  probationSeconds: 7_200,
  probationHeads: 3,
  probesPerEpoch: 24,
  rewardBps: 100,
};

/** For a chain on this machine with a block a second. */
export const LOCAL_PARAMETERS: MeshParameters = {
  ...PUBLIC_PARAMETERS,
  phaseSeconds: 8,
  unbondingSeconds: 3_600,
  tickSeconds: 2,
  headSeconds: 10,
  headLifetimeSeconds: 40,
  finalityBlocks: 1,
  certificatePeriodSeconds: 3_600,
  recoverySeconds: 3_600,
  epochSeconds: 0,
  probationSeconds: 60,
  probationHeads: 2,
  probesPerEpoch: 3,
};

const U32 = 0xffff_ffff;
/** The least and the greatest value of each; the ledger refuses others. */
const RANGES: Readonly<Record<keyof MeshParameters, readonly [bigint, bigint]>> = {
  committeeSize: [BigInt(MINIMUM_COMMITTEE), BigInt(MAXIMUM_COMMITTEE)],
  admission: [0n, BigInt(OPEN_ADMISSION)],
  slashBps: [1n, 10_000n],
  minimumStake: [1n, (1n << 96n) - 1n],
  phaseSeconds: [1n, BigInt(U32)],
  unbondingSeconds: [1n, BigInt(U32)],
  tickSeconds: [1n, BigInt(U32)],
  headSeconds: [1n, BigInt(U32)],
  headLifetimeSeconds: [1n, BigInt(U32)],
  finalityBlocks: [0n, BigInt(U32)],
  certificatePeriodSeconds: [1n, BigInt(U32)],
  recoverySeconds: [1n, BigInt(U32)],
  epochSeconds: [0n, BigInt(U32)],
  probationSeconds: [0n, BigInt(U32)],
  probationHeads: [0n, 255n],
  probesPerEpoch: [0n, 255n],
  rewardBps: [0n, 10_000n],
};
const NAMES = Object.keys(RANGES) as (keyof MeshParameters)[];

export function formatParameters(parameters: MeshParameters): string {
  const fields = { ...parameters, minimumStake: parameters.minimumStake.toString() };
  return `${JSON.stringify(fields, undefined, 2)}\n`;
}

/** @throws SwarmkeepError `bad-parameters`, naming the parameter and what it takes. */
export function parseParameters(text: string, path: string): MeshParameters {
  const fields = objectOf(text, path);
  const unknown = Object.keys(fields).find((name) => !(name in RANGES));
  if (unknown !== undefined) throw bad(path, unknown, `is none; there are ${NAMES.join(", ")}`);
  const values = Object.fromEntries(
    NAMES.map((name) => {
      const value = integerOf(fields[name]);
      const [least, greatest] = RANGES[name];
      if (value === undefined || value < least || value > greatest) {
        throw bad(path, name, `takes a whole number from ${least} to ${greatest}, not ${JSON.stringify(fields[name])}`);
      }
      return [name, name === "minimumStake" ? value : Number(value)];
    }),
  ) as unknown as MeshParameters;
  expectConsistent(values, path);
  return values;
}

/** The rules between parameters that `GenesisRules.sol` has. */
function expectConsistent(values: MeshParameters, path: string): void {
  const { headSeconds, tickSeconds, headLifetimeSeconds, unbondingSeconds, phaseSeconds } = values;
  const { epochSeconds, probationSeconds, probationHeads, admission, committeeSize } = values;
  if (admission === OPEN_ADMISSION && committeeSize < MINIMUM_OPEN_COMMITTEE) {
    const what = `takes at least ${MINIMUM_OPEN_COMMITTEE} where admission is open`;
    throw bad(path, "committeeSize", `${what}, not ${committeeSize}`);
  }
  if (headSeconds % tickSeconds !== 0) {
    throw bad(path, "headSeconds", `takes a multiple of tickSeconds, ${tickSeconds}, not ${headSeconds}`);
  }
  if (headLifetimeSeconds < headSeconds) {
    throw bad(path, "headLifetimeSeconds", `takes at least headSeconds, ${headSeconds}, not ${headLifetimeSeconds}`);
  }
  const leastUnbonding = 4 * phaseSeconds + headLifetimeSeconds + probationSeconds + 1;
  if (unbondingSeconds < leastUnbonding) {
    const what = `takes at least ${leastUnbonding} (four phases, a head's lifetime and a probation)`;
    throw bad(path, "unbondingSeconds", `${what}, not ${unbondingSeconds}`);
  }
  if (epochSeconds === 0) return;
  if (probationHeads === 0) throw bad(path, "probationHeads", "takes at least 1 where committees rotate, not 0");
  const leastProbation = probationHeads * headSeconds + phaseSeconds;
  if (probationSeconds < leastProbation) {
    const what = `takes at least ${leastProbation} (the heads of a probation and a phase)`;
    throw bad(path, "probationSeconds", `${what}, not ${probationSeconds}`);
  }
}

function integerOf(value: unknown): bigint | undefined {
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  return typeof value === "string" && /^[0-9]{1,30}$/.test(value) ? BigInt(value) : undefined;
}

function objectOf(text: string, path: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (cause) {
    throw bad(path, "file", "is not JSON", cause);
  }
  throw bad(path, "file", "is not a JSON object");
}

function bad(path: string, parameter: string, problem: string, cause?: unknown): SwarmkeepError {
  return new SwarmkeepError(`${path}: ${parameter} ${problem}`, {
    kind: "usage",
    code: "bad-parameters",
    advice: "docs/operating.md explains each parameter.",
    details: { path, parameter },
    cause,
  });
}
