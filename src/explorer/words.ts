/**
 * Calls and events in words. One sentence for each; those of contracts that this list does not know are told by their names and
 * arguments, so that nothing is hidden.
 */
import type { Args, Json } from "./json.js";
import { bitsOf, entriesOf, runsOf } from "./entries.js";
import { words } from "./purposes.js";
import { type Part, type Sentence, link, say } from "./sentence.js";

type Tell = (args: Args) => Part[];

const REASONS: Readonly<Record<string, string>> = {
  0: "unspecified",
  1: "key compromise",
  3: "affiliation changed",
  4: "superseded",
  5: "cessation of operation",
  9: "privilege withdrawn",
  10: "attestation failed",
};
const OFFENCES = ["a bad dealing", "a complaint against a good share", "a missing dealing", "two contradicting votes"];
const PHASES = ["none", "accept", "deal", "complain", "acknowledge", "active", "abandoned"];
const CEREMONIES = ["key generation", "resharing", "re-key"] as const;
const DEFECTS = ["G1", "Ed25519"];
const RUNS = 6;

export function text(value: Json | undefined): string {
  return typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value);
}

export function reasonName(reason: Json | undefined): string {
  return REASONS[text(reason)] ?? `reason ${text(reason)}`;
}

export function offenceName(offence: Json | undefined): string {
  return OFFENCES[Number(offence)] ?? `offence ${text(offence)}`;
}

export function phaseName(phase: Json | undefined): string {
  return PHASES[Number(phase)] ?? `phase ${text(phase)}`;
}

export function ceremonyKind(kind: Json | undefined): (typeof CEREMONIES)[number] {
  return CEREMONIES[Number(kind)] ?? "resharing";
}

/** Wei as ether, without digits that say nothing. */
export function ether(wei: Json | bigint | undefined): string {
  const value = BigInt(typeof wei === "bigint" ? wei : text(wei) || "0");
  const fraction = (value % 10n ** 18n).toString().padStart(18, "0").slice(0, 6).replace(/0+$/, "");
  return `${value / 10n ** 18n}${fraction === "" ? "" : `.${fraction}`} ETH`;
}

/** Seconds since 1970. */
export function utc(seconds: Json | undefined): string {
  const value = Number(seconds);
  return Number.isSafeInteger(value) && value < 8e12
    ? `${new Date(1000 * value).toISOString().slice(0, 19).replace("T", " ")} UTC`
    : text(seconds);
}

const validator = (args: Args, name = "account"): Part => link("validator", text(args[name]));
const ceremony = (args: Args): Part[] => {
  const attempt = args["attempt"] === undefined ? "" : `, attempt ${text(args["attempt"])}`;
  return [link("ceremony", text(args["ceremony"]), `ceremony ${text(args["ceremony"])}`), attempt];
};
const fleet = (args: Args): Part => link("fleet", text(args["fleetId"]), `fleet ${text(args["fleetId"])}`);
const epoch = (args: Args): Part => link("epoch", text(args["epoch"]), `epoch ${text(args["epoch"])}`);
/** "version 2 of the shards of device 7 of fleet 1"; `terms` where the version is in a map's. */
const shards = (args: Args, terms?: Json): Part[] => {
  const subject = text(args["subject"]);
  const version = text((terms as Args | undefined)?.["version"] ?? args["version"]);
  const place = `${text(args["fleetId"])}/${subject}/${version}`;
  const whose =
    subject === "0" ? [] : [link("device", String(BigInt(subject) - 1n), `device ${BigInt(subject) - 1n}`), " of "];
  return [link("shards", place, `version ${version}`), " of the shards of ", ...whose, fleet(args)];
};
const sharing = (terms: Args): string => {
  const [threshold, all, replicas] = [text(terms["threshold"]), text(terms["shards"]), text(terms["replicas"])];
  const rebuilt = terms["scheme"] === "2" ? `any ${threshold} of ${all} shards` : `all ${all} segments`;
  return `${rebuilt} rebuild a key, and ${replicas === "1" ? "one holder keeps" : `${replicas} holders keep`} each`;
};
/** Of a call, which names the device in a batch. */
const deviceIn = (args: Args): Part => link("device", text(args["index"]), `device ${text(args["index"])}`);
const fleetIn = (args: Args): Part => fleet((args["batch"] ?? {}) as Args);
const subjectOfDevice = (args: Args): Args => ({
  fleetId: ((args["batch"] ?? {}) as Args)["fleetId"] ?? "",
  subject: String(BigInt(text(args["index"]) || "0") + 1n),
});
const grant = (args: Args): Part => link("grant", text(args["grantId"]), `grant ${text(args["grantId"])}`);

/** "devices 3, 7 and 10 to 12". */
export function devices(entries: Json | undefined): Part[] {
  const list = [...entriesOf(text(entries))];
  const count = list.reduce((sum, { mask }) => sum + bitsOf(mask), 0);
  const runs: (readonly [number, number])[] = [];
  for (const entry of list) if (runs.length < RUNS) runs.push(...runsOf(entry, RUNS - runs.length));
  const shown = runs.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  const parts = runs.flatMap(([first, last], i): Part[] => [
    i === 0 ? "" : ", ",
    link("device", String(first)),
    ...(last === first ? [] : [" to ", link("device", String(last))]),
  ]);
  const isCut = text(entries).includes("…");
  const more = isCut ? " and more" : count > shown ? ` and ${count - shown} more` : "";
  return [count === 1 ? "device " : "devices ", ...parts.filter((part) => part !== ""), more];
}

const seats = (bitmap: Json | undefined): string => {
  let bits = BigInt(text(bitmap) || "0");
  const list: number[] = [];
  for (let seat = 0; bits > 0n && seat < 64; seat++, bits >>= 1n) if ((bits & 1n) === 1n) list.push(seat);
  return list.length === 0 ? "none" : list.join(", ");
};
const listed = (value: Json | undefined): string => (Array.isArray(value) ? value.map(text).join(", ") : text(value));
const present = (value: Json | undefined): number =>
  Array.isArray(value) ? value.filter((account) => !/^0x0{40}$/.test(text(account as Json))).length : 0;

const EVENTS: Readonly<Record<string, Tell>> = {
  GenesisAccepted: () => say`The mesh began: its genesis document, signed by the root CA, was accepted`,
  KeysCertified: (args) => say`The root CA certified the group keys of generation ${text(args["generation"])}`,
  RekeyStarted: (args) =>
    say`The committee in office began to make the group keys of generation ${text(args["generation"])}, in ${ceremony(args)}`,
  RecoveryStarted: (args) =>
    say`The members that the root CA named began to make the group keys of generation ${text(args["generation"])}, in ${ceremony(args)}`,
  RecoveryRequested: (args) =>
    say`The root CA asked for new group keys in place of those of generation ${text(args["generation"])}, which are ${args["isCompromised"] === true ? "in wrong hands" : "lost"}`,
  RecoveryCancelled: (args) => say`The swarm refused the root CA's request ${text(args["number"])} for new group keys`,
  CompromiseDeclared: (args) => say`${validator(args)} declared the group keys to be in wrong hands`,
  RecoveryBegun: (args) => say`The members of the root CA's request ${text(args["number"])} were admitted`,
  KeysSucceeded: (args) =>
    say`The group keys of generation ${text(args["generation"])} took the place of those before, which signed them`,
  SuccessorNamed: (args) =>
    say`The swarm named where the mesh goes on: anchor ${text(args["anchor"])} on chain ${text(args["chainId"])}`,
  OfficeTaken: (args) =>
    say`A committee of ${present(args["committee"])} took office for ${epoch(args)}, with the keys of generation ${text(args["generation"])}`,
  ProbationBegan: (args) =>
    say`The committee of ${epoch(args)} is on probation until it has made head ${text(args["head"])}; from ${utc(args["until"])} on office may go back`,
  ValidatorAdmitted: (args) => say`${validator(args)} was admitted as a validator`,
  ValidatorRegistered: (args) =>
    say`${validator(args)} registered as a validator at ${text(args["endpoint"])} with a stake of ${ether(args["stake"])}`,
  ValidatorUpdated: (args) =>
    say`${validator(args)} changed how to reach it: ${text(args["endpoint"])}, ${text(args["scope"])}`,
  StakeAdded: (args) => say`${validator(args)} staked ${ether(args["amount"])} more, ${ether(args["stake"])} in all`,
  ExitStarted: (args) =>
    String(args["withdrawable"]) === "0"
      ? say`${validator(args)} leaves: its stake is bound for as long as it has a seat`
      : say`${validator(args)} leaves: its stake is free from ${utc(args["withdrawable"])}`,
  StakeWithdrawn: (args) => say`${validator(args)} withdrew ${ether(args["amount"])} and is gone`,
  Slashed: (args) =>
    say`${validator(args)} lost ${ether(args["amount"])} of its stake for ${offenceName(args["offence"])}; ${ether(args["stake"])} are left`,
  CeremonyStarted: (args) =>
    say`${ceremony(args)} began: ${ceremonyKind(args["kind"])} among ${text(args["seats"])} seats, of which ${text(args["threshold"])} sign together`,
  Invited: (args) =>
    say`${present(args["accounts"])} validators were invited to ${ceremony(args)}, until ${utc(args["deadline"])}`,
  Accepted: (args) => say`${validator(args)} accepted its seat in ${ceremony(args)}`,
  Seated: (args) =>
    say`${present(args["accounts"])} validators have their seats in ${ceremony(args)}; dealing lasts until ${utc(args["deadline"])}`,
  Dealt: (args) => say`Seat ${text(args["dealer"])} dealt its shares in ${ceremony(args)}`,
  Dealings: (args) =>
    say`Dealing ended in ${ceremony(args)}, by seats ${seats(args["dealt"])}; complaints until ${utc(args["deadline"])}`,
  ComplaintUpheld: (args) =>
    say`Seat ${text(args["receiver"])} complained about seat ${text(args["dealer"])} in ${ceremony(args)}, and was right: the ${DEFECTS[Number(args["defect"])] ?? ""} share is bad`,
  ComplaintRefuted: (args) =>
    say`Seat ${text(args["receiver"])} complained about seat ${text(args["dealer"])} in ${ceremony(args)}, and was wrong: the share is good`,
  CommitmentMalformed: (args) =>
    say`The dealing of seat ${text(args["dealer"])} in ${ceremony(args)} was shown not to decode`,
  Closed: (args) =>
    say`Complaints ended in ${ceremony(args)}: the dealings of seats ${seats(args["counted"])} count; acknowledgements until ${utc(args["deadline"])}`,
  Acknowledged: (args) => say`Seat ${text(args["receiver"])} holds its new shares in ${ceremony(args)}`,
  AttemptFailed: (args) => say`${ceremony(args)} came to nothing in the phase ${phaseName(args["phase"])}`,
  Activated: (args) =>
    say`${ceremony(args)} succeeded: epoch ${text(args["epoch"])} of generation ${text(args["generation"])} holds the keys`,
  GrantGiven: (args) =>
    say`${link("address", text(args["registrar"]))} may register ${text(args["indexes"])} devices within ${listed(args["scopes"])} until ${utc(args["expiry"])} (${grant(args)})`,
  CandidateTaken: (args) =>
    say`${link("device", text(args["index"]))} may become a candidate for the committee; ${text(args["left"])} more of ${grant(args)} may`,
  FleetRegistered: (args) => say`${fleet(args)} was registered under ${grant(args)}`,
  BatchAppended: (args) =>
    say`${text(args["count"])} devices joined ${fleet(args)}: ${link("device", text(args["base"]))} to ${link("device", String(Number(args["base"]) + Number(args["count"]) - 1))}`,
  Revoked: (args) => say`The swarm revoked ${devices(args["entries"])} for ever: ${reasonName(args["reason"])}`,
  Held: (args) => say`The registrar of ${fleet(args)} holds ${devices(args["entries"])}`,
  Released: (args) => say`The registrar of ${fleet(args)} released ${devices(args["entries"])}`,
  HeadPosted: (args) => say`Head ${text(args["number"])} of the revocation list was posted`,
  WeightChanged: (args) => say`${validator(args)} weighs ${text(args["weight"])} in the next draw`,
  Frozen: (args) =>
    say`The weights of ${text(args["candidates"])} candidates are locked for the draw of ${epoch(args)} with ${text(args["seats"])} seats`,
  BeaconPosted: (args) => say`The beacon of ${epoch(args)} is known: it draws the committee`,
  CommitteeResized: (args) => say`Committees have ${text(args["seats"])} seats from the next draw on`,
  RoundOpened: (args) =>
    say`The committee of ${epoch(args)} began to say what it measured of ${text(args["sampled"])} candidates: commitments until ${utc(args["commitDeadline"])}, reports until ${utc(args["revealDeadline"])}`,
  ReportCommitted: (args) => say`Seat ${text(args["seat"])} committed to its report on ${epoch(args)}`,
  ReportRevealed: (args) => say`Seat ${text(args["seat"])} gave its report on ${epoch(args)}`,
  RoundSettled: (args) =>
    args["isMeasured"] === true
      ? say`Quality and participation of ${epoch(args)} are known, by the reports of seats ${seats(args["reports"])}`
      : say`The measurement of ${epoch(args)} came to nothing: too few reports, of seats ${seats(args["reports"])}`,
  Credited: (args) =>
    say`${validator(args)} did ${text(args["participated"])} of 15 of what it owed in ${epoch(args)}, and its reputation is ${text(args["score"])}`,
  PaidIn: (args) =>
    say`${link("address", text(args["payer"]))} paid ${ether(args["amount"])} into the reward pool for ${grant(args)}`,
  Earned: (args) => say`${validator(args)} earned ${ether(args["amount"])} in ${epoch(args)}`,
  Claimed: (args) => say`${validator(args)} took its rewards, ${ether(args["amount"])}`,
  OfficeReverted: (args) =>
    say`The committee of epoch ${text(args["failed"])} did not make the head that it owed in time: office went back to the one before`,
  Jailed: (args) => say`${validator(args)} is jailed, and is not drawn before ${utc(args["until"])}`,
  Unjailed: (args) => say`${validator(args)} may be drawn again`,
  ReporterPaid: (args) => say`${link("address", text(args["reporter"]))} got ${ether(args["amount"])} for its report`,
  CheckpointPosted: (args) => say`Checkpoint ${text(args["number"])} was posted`,
  MapRotated: (args) => {
    const terms = (args["terms"] ?? {}) as Args;
    return say`${shards(args, terms)} serves from ${utc(terms["validFrom"])} until ${utc(terms["validUntil"])}: ${sharing(terms)}`;
  },
  MapShortened: (args) =>
    say`${shards(args)} ends sooner, at ${utc(args["validUntil"])}, and is served for ${text(args["graceSeconds"])} s after that`,
  MapInvalidated: (args) => say`${shards(args)} was invalidated: holders delete it, and nobody is served from it`,
  HoldersReplaced: (args) => say`${shards(args)} is kept by other holders than before`,
  ScopeLimited: (args) =>
    say`Devices of ${fleet(args)} that are certified within ${text(args["scope"])} get no shards after ${utc(args["until"])} of versions that began before`,
  DeviceLimited: (args) =>
    say`${deviceIn(args)} of ${fleet(args)} gets no shards after ${utc(args["until"])} of versions that began before`,
  HolderAdded: (args) => say`${deviceIn(args)} offers to keep shards of ${fleet(args)}, at ${text(args["endpoint"])}`,
  HolderRemoved: (args) => say`${deviceIn(args)} does not offer to keep shards of ${fleet(args)} any more`,
};

/** After "0x... ": what the sender did. */
const CALLS: Readonly<Record<string, Tell>> = {
  submitGenesis: () => say`submitted the genesis document`,
  certifyKeys: (args) => say`published the root CA's certificate of the keys of generation ${text(args["generation"])}`,
  nameSuccessor: () => say`submitted the swarm's statement where the mesh goes on`,
  admitDevice: (args) => say`submitted the swarm's admission of ${link("device", text(args["index"]))} as a candidate`,
  admit: (args) => say`submitted the swarm's admission of ${validator(args)}`,
  register: () => say`registered as a validator`,
  update: () => say`changed how to reach it`,
  addStake: () => say`added to its stake`,
  exit: () => say`began to leave`,
  withdraw: () => say`withdrew its stake`,
  giveGrant: () => say`submitted a grant of the swarm`,
  registerFleet: (args) => say`registered a fleet of ${text(args["count"])} devices under ${grant(args)}`,
  appendBatch: (args) => say`added ${text(args["count"])} devices to ${fleet(args)}`,
  revoke: (args) => say`submitted a revocation by the swarm: ${reasonName(args["reason"])}`,
  hold: () => say`put devices on hold`,
  release: () => say`released devices from hold`,
  postHead: (args) => say`posted head ${number(args["head"])} of the revocation list`,
  postCheckpoint: (args) => say`posted checkpoint ${number(args["checkpoint"])}`,
  refresh: () => say`refreshed weights of candidates`,
  freeze: () => say`locked the weights for the next draw`,
  postBeacon: (args) => say`posted the beacon of ${epoch(args)}`,
  commitReport: (args) => say`committed to its report on ${epoch(args)}`,
  revealReport: (args) => say`gave its report on ${epoch(args)}`,
  settle: (args) => say`settled the measurement of ${epoch(args)}`,
  credit: (args) => say`had the members of ${epoch(args)} credited with what they did`,
  allot: (args) => say`had the members of ${epoch(args)} rewarded`,
  payIn: (args) => say`paid into the reward pool for ${grant(args)}`,
  claim: () => say`took its rewards`,
  resize: (args) => say`submitted the swarm's statement that committees have ${text(args["seats"])} seats`,
  revertOffice: () => say`gave office back to the committee before`,
  reportEquivocation: () => say`reported two contradicting votes of a member`,
  unjail: () => say`came back from jail`,
  startResharing: () => say`started the resharing to the committee that was drawn`,
  startKeyGeneration: () => say`started the key generation`,
  accept: (args) => say`accepted its seat in ${ceremony(args)}`,
  deal: (args) => say`dealt its shares as seat ${text(args["seat"])} in ${ceremony(args)}`,
  complain: (args) =>
    say`complained as seat ${text(args["receiver"])} about seat ${text(args["dealer"])} in ${ceremony(args)}`,
  malformed: (args) =>
    say`reported that the dealing of seat ${text(args["dealer"])} in ${ceremony(args)} does not decode`,
  acknowledge: (args) => say`acknowledged its new shares as seat ${text(args["receiver"])} in ${ceremony(args)}`,
  activate: (args) => say`put the committee of ${ceremony(args)} into office`,
  advance: (args) => say`moved ${ceremony(args)} on to its next phase`,
  rotate: (args) => say`put ${shards({ ...args, subject: "0" }, args["map"])} on the ledger`,
  rotateDevice: (args) => say`put ${shards(subjectOfDevice(args), args["map"])} on the ledger`,
  rotateBySwarm: (args) => say`put ${shards(args, args["map"])} on the ledger for the swarm`,
  shorten: (args) => say`had ${shards(args)} end sooner, at ${utc(args["validUntil"])}`,
  invalidate: (args) => say`invalidated ${shards(args)}`,
  replaceHolders: (args) => say`named other holders of ${shards(args)}`,
  limitScope: (args) =>
    say`cut devices of ${fleet(args)} within ${text(args["scope"])} off from its shards after ${utc(args["until"])}`,
  limitDevice: (args) => say`cut ${deviceIn(args)} of ${fleetIn(args)} off from its shards after ${utc(args["until"])}`,
  addHolder: (args) =>
    say`offered ${deviceIn(args)} as a holder of shards of ${fleetIn(args)}, at ${text(args["endpoint"])}`,
  removeHolder: (args) => say`took back that ${deviceIn(args)} keeps shards of ${fleetIn(args)}`,
};

function number(value: Json | undefined): string {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? text((value as Args)["number"]) : "";
}

function generic(name: string, args: Args): Part[] {
  const list = Object.entries(args)
    .filter(([, value]) => typeof value !== "object")
    .slice(0, 6)
    .map(([field, value]) => `${words(field)} ${text(value).slice(0, 24)}`);
  return [`${words(name)}${list.length === 0 ? "" : `: ${list.join(", ")}`}`];
}

export function eventInWords(name: string, args: Args): Sentence {
  const parts = EVENTS[name]?.(args) ?? generic(name, args);
  const [first, ...rest] = parts;
  if (first === undefined) return parts;
  if (typeof first === "string") return [capital(first), ...rest];
  return first.label === undefined ? parts : [{ ...first, label: capital(first.label) }, ...rest];
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Without the sender. */
export function callInWords(contract: string | null, method: string | null, args: Args, value: string): Sentence {
  if (contract === null)
    return method === null ? [value === "0" ? "sent a transaction" : `sent ${ether(value)}`] : [words(method)];
  if (method === "(deployment)") return ["deployed the contract ", link("contract", contract, words(contract))];
  if (method === null)
    return ["called ", link("contract", contract, words(contract)), " in a way that its interface does not have"];
  return (
    CALLS[method]?.(args) ?? ["called ", ...generic(method, args), " of ", link("contract", contract, words(contract))]
  );
}
