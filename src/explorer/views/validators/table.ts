/** Validators as they stand after each of their events: the newest version of each has no end. */
import { deviceOfOperator } from "../../../statements/device-operator.js";
import type { Database } from "../../database.js";
import { newest, numberOf, textOf } from "../../records.js";
import type { IndexedEvent } from "../../view.js";
import { ether, utc } from "../../words.js";
import { isListed } from "../revocation/table.js";
import type { ValidatorState } from "./view.js";

export const TABLES = `
CREATE TABLE IF NOT EXISTS validators (
  id INTEGER PRIMARY KEY, account TEXT NOT NULL, position INTEGER NOT NULL, block INTEGER NOT NULL, time INTEGER NOT NULL,
  hash TEXT NOT NULL, until INTEGER, state TEXT NOT NULL, operator TEXT NOT NULL, stake TEXT NOT NULL, gwei INTEGER NOT NULL,
  endpoint TEXT NOT NULL, scope TEXT NOT NULL, tlsPin TEXT NOT NULL, withdrawable INTEGER NOT NULL,
  jailedUntil INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS validatorsByAccount ON validators (account, id);
CREATE INDEX IF NOT EXISTS validatorsNow ON validators (position) WHERE until IS NULL;
CREATE INDEX IF NOT EXISTS validatorsNowByState ON validators (state, position) WHERE until IS NULL;
CREATE INDEX IF NOT EXISTS validatorsNowByEndpoint ON validators (endpoint) WHERE until IS NULL;
CREATE INDEX IF NOT EXISTS validatorsNowByPin ON validators (tlsPin) WHERE until IS NULL;
CREATE INDEX IF NOT EXISTS validatorsByBlock ON validators (block);
CREATE INDEX IF NOT EXISTS validatorsByUntil ON validators (until) WHERE until IS NOT NULL;
`;

export interface ValidatorRow {
  readonly id: number;
  readonly account: string;
  readonly position: number;
  readonly block: number;
  readonly time: number;
  readonly hash: string;
  readonly state: ValidatorState;
  readonly operator: string;
  readonly stake: string;
  readonly endpoint: string;
  readonly scope: string;
  readonly tlsPin: string;
  readonly withdrawable: number;
  /** Seconds since 1970; 0 when it is not jailed. */
  readonly jailedUntil: number;
}

/** The validator as it stands. */
export function validatorNow(database: Database, account: string): ValidatorRow | undefined {
  return database.get<ValidatorRow>("SELECT * FROM validators WHERE account = ? ORDER BY id DESC LIMIT 1", account);
}

/** As it stood at the end of `block`. */
export function validatorAt(database: Database, account: string, block: number): ValidatorRow | undefined {
  return database.get<ValidatorRow>(
    "SELECT * FROM validators WHERE account = ? AND block <= ? ORDER BY id DESC LIMIT 1",
    account,
    block,
  );
}

/** Wei that a validator stakes at least; it is invited with half of it. */
export function minimumStake(database: Database): bigint {
  const genesis = newest(database, "GenesisAccepted");
  return BigInt(genesis === undefined ? 0 : textOf(genesis.args, "parameters", "minimumStake") || 0);
}

/** As the registry says it now. */
export function isEligible(
  database: Database,
  { state, stake, jailedUntil, operator }: Pick<ValidatorRow, "state" | "stake" | "jailedUntil" | "operator">,
  minimum: bigint,
): boolean {
  const device = deviceOfOperator(operator);
  if (device !== undefined && isListed(database, device)) return false;
  return state === "active" && jailedUntil === 0 && 2n * BigInt(stake) >= minimum;
}

/** Why a validator could not be chosen at the end of `block`; undefined where it could. */
export function obstacleAt(database: Database, account: string, block: number): string | undefined {
  const then = validatorAt(database, account, block);
  if (then === undefined) return "it was no candidate yet";
  const { state, stake, jailedUntil, operator } = then;
  if (state === "admitted") return "it had not registered with a stake yet";
  if (state !== "active") return "it was leaving";
  if (jailedUntil !== 0) return `it was jailed until ${utc(jailedUntil)}`;
  const device = deviceOfOperator(operator);
  if (device !== undefined && isListed(database, device, block)) return `its device ${device} was revoked or held`;
  const minimum = minimumStake(database);
  if (2n * BigInt(stake) < minimum)
    return `its stake of ${ether(stake)} was under half of the least one, ${ether(minimum)}`;
  return undefined;
}

type Change = Partial<
  Pick<ValidatorRow, "state" | "operator" | "stake" | "endpoint" | "scope" | "tlsPin" | "withdrawable" | "jailedUntil">
>;

/** What an event changes; undefined for events that concern no validator's standing. */
function changeBy({ name, args }: IndexedEvent): Change | undefined {
  const contact = { endpoint: textOf(args, "endpoint"), scope: textOf(args, "scope"), tlsPin: textOf(args, "tlsPin") };
  switch (name) {
    case "ValidatorAdmitted":
      return { operator: textOf(args, "operator") };
    case "ValidatorRegistered":
      return { state: "active", stake: textOf(args, "stake"), ...contact };
    case "ValidatorUpdated":
      return contact;
    case "StakeAdded":
    case "Slashed":
      return { stake: textOf(args, "stake") };
    case "Jailed":
      return { jailedUntil: numberOf(args, "until") };
    case "Unjailed":
      return { jailedUntil: 0 };
    case "ExitStarted":
      return { state: "exiting", withdrawable: numberOf(args, "withdrawable") };
    case "StakeWithdrawn":
      return { state: "exited", stake: "0" };
    default:
      return undefined;
  }
}

export function applyToValidators(database: Database, event: IndexedEvent): void {
  const change = event.contract === "registry" ? changeBy(event) : undefined;
  if (change === undefined) return;
  const { id, block, time, hash } = event;
  const account = textOf(event.args, "account").toLowerCase();
  const before = validatorNow(database, account) ?? {
    position: id,
    state: "admitted",
    operator: "",
    stake: "0",
    endpoint: "",
    scope: "",
    tlsPin: "",
    withdrawable: 0,
    jailedUntil: 0,
  };
  const { position, state, operator, stake, endpoint, scope, tlsPin, withdrawable, jailedUntil } = {
    ...before,
    ...change,
  };
  database.run("UPDATE validators SET until = ? WHERE account = ? AND until IS NULL", block, account);
  database.run(
    "INSERT INTO validators VALUES (?, ?, ?, ?, ?, ?, NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    id,
    account,
    position,
    block,
    time,
    hash,
    state,
    operator,
    stake,
    Number(BigInt(stake) / 10n ** 9n),
    endpoint,
    scope,
    tlsPin,
    withdrawable,
    jailedUntil,
  );
}

export function forgetValidatorsAbove(database: Database, block: number): void {
  database.run("DELETE FROM validators WHERE block > ?", block);
  database.run("UPDATE validators SET until = NULL WHERE until > ?", block);
}
