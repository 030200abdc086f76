/** What is looked at to say whether a mesh is healthy. Each finding says what was found and, where it is bad, what follows. */
import type { IndexStatus } from "../../status.js";
import type { CeremonyDetail } from "../ceremonies/view.js";
import type { HeadLine } from "../revocation/view.js";
import type { Schedule } from "../shards/view.js";
import type { Finding, Level, Overview } from "./view.js";

export interface Facts {
  readonly now: number;
  readonly status: IndexStatus;
  /** Seconds since 1970 at which the mesh began; undefined before. */
  readonly began: number | undefined;
  readonly office: Overview["office"];
  /** Validators that could be invited, and how many seats there are. */
  readonly candidates: { readonly eligible: number; readonly seats: number };
  readonly ceremony: CeremonyDetail | undefined;
  readonly head: HeadLine | undefined;
  readonly headSeconds: number;
  readonly certified: boolean;
  /** Seconds since 1970 at which the root CA's certificate of the keys ends. */
  readonly certifiedUntil: number | undefined;
  readonly successor: string | undefined;
  /** Where fleets' shard maps stand; empty where none keeps its keys in shards. */
  readonly shards: readonly Schedule[];
}

const WEEK = 604_800;
/** A head on the ledger comes some seconds after its time. */
const LATE_SECONDS = 30;
/** A draw and a resharing take their time after an epoch's end: as much as the epoch, within these bounds. */
const PATIENCE_SECONDS = { least: 120, most: 3_600 } as const;
/** From a mesh's beginning to its first keys. */
const FOUNDING_SECONDS = 3_600;

/** How long: "40 s", "5 min", "3 h", "2 d". */
export function span(seconds: number): string {
  const value = Math.abs(Math.round(seconds));
  if (value < 120) return `${value} s`;
  if (value < 7_200) return `${Math.round(value / 60)} min`;
  return value < 172_800 ? `${Math.round(value / 3_600)} h` : `${Math.round(value / 86_400)} d`;
}

export function findings(found: Facts): Finding[] {
  const { problem, blockTime } = found.status;
  // Away from the chain nothing is known of what came since: what is told is as it was then.
  const facts = problem === undefined ? found : { ...found, now: blockTime };
  const all = [
    chain(found),
    committee(facts),
    members(facts),
    epoch(facts),
    keys(facts),
    list(facts),
    ceremony(facts),
    candidates(facts),
    shards(facts),
    successor(facts),
  ];
  const order: readonly Level[] = ["bad", "warning", "note", "good"];
  return all.flatMap((finding) => finding ?? []).toSorted((a, b) => order.indexOf(a.level) - order.indexOf(b.level));
}

function chain({ now, status }: Facts): Finding {
  const title = "Ledger";
  if (status.problem !== undefined) {
    const { message, advice } = status.problem;
    return { level: "bad", title, detail: `${message}. ${advice} What is shown is as of block ${status.block}.` };
  }
  const behind = status.head - status.block;
  if (status.phase !== "live")
    return { level: "note", title, detail: `The index is ${behind} blocks behind, and catches up.` };
  const age = now - status.blockTime;
  if (age > 120)
    return {
      level: "warning",
      title,
      detail: `No block for ${span(age)}: nothing can happen on the ledger meanwhile.`,
    };
  return { level: "good", title, detail: `Block ${status.block}, ${span(age)} ago.`, path: `/blocks/${status.block}` };
}

function committee({ office, began, now }: Facts): Finding {
  const title = "Committee";
  if (began === undefined)
    return { level: "bad", title, detail: "The mesh has not begun: its genesis document was not submitted yet." };
  if (office === undefined) {
    const level = now - began > FOUNDING_SECONDS ? "bad" : "note";
    const detail = "Nobody is in office yet: the members make the group keys first, and nothing can be signed before.";
    return { level, title, detail, path: "/ceremonies" };
  }
  const { n, t, margin, epoch, seats } = office;
  const lost = seats.filter(({ sound }) => !sound).length;
  if (margin < 0)
    return {
      level: "bad",
      title,
      detail: `Only ${t + margin} of ${n} seats count, and ${t} must sign: nothing can be signed.`,
      path: "/validators",
    };
  if (lost > 0)
    return {
      level: "warning",
      title,
      detail: `${lost} of ${n} seats do not count any more; ${margin} more may fail.`,
      path: "/validators",
    };
  return {
    level: "good",
    title,
    detail: `${n} in office for epoch ${epoch}; ${t} sign together, so ${margin} may fail.`,
    path: "/validators",
  };
}

/** Members in office that were silent when they were last asked: they still count, and may be gone. */
function members({ office }: Facts): Finding | undefined {
  if (office === undefined) return undefined;
  const silent = office.seats.filter((seat) => seat.sound && seat.silent !== undefined);
  const [first] = silent;
  if (first === undefined) return undefined;
  const spare = office.margin - silent.length;
  const rest =
    spare < 0
      ? `without ${silent.length === 1 ? "it" : "them"} nothing can be signed`
      : `without ${silent.length === 1 ? "it" : "them"}, ${spare} may fail`;
  const detail =
    silent.length === 1
      ? `Seat ${first.seat} of ${office.n} ${first.silent}: ${rest}.`
      : `Seats ${silent.map(({ seat }) => seat).join(", ")} of ${office.n} did not do their part when they were last asked: ${rest}.`;
  const path = silent.length === 1 ? `/validators/${first.account}` : "/validators";
  return { level: "warning", title: silent.length === 1 ? "Member" : "Members", detail, path };
}

function epoch({ office, now }: Facts): Finding | undefined {
  if (office?.until === undefined || now <= office.until) return undefined;
  const { least, most } = PATIENCE_SECONDS;
  const patience = Math.min(most, Math.max(least, office.until - office.source.time));
  const over = now - office.until;
  return {
    level: over > patience ? "warning" : "note",
    title: "Epoch",
    detail: `Epoch ${office.epoch} ended ${span(over)} ago; its committee stays in office until the next one has its shares.`,
    path: "/ceremonies",
  };
}

function keys({ office, certified, certifiedUntil, now }: Facts): Finding | undefined {
  if (office === undefined) return undefined;
  const title = "Group keys";
  const which = `generation ${office.generation}`;
  if (!certified)
    return {
      level: "warning",
      title,
      detail: `The root CA has not certified the keys of ${which} yet: devices cannot trust them.`,
      path: "/certificates",
    };
  if (certifiedUntil !== undefined && certifiedUntil < now)
    return {
      level: "bad",
      title,
      detail: `The root CA's certificate of ${which} ended ${span(now - certifiedUntil)} ago: devices refuse the keys.`,
      path: "/certificates",
    };
  if (certifiedUntil !== undefined && certifiedUntil < now + WEEK)
    return {
      level: "warning",
      title,
      detail: `The root CA's certificate of ${which} ends in ${span(certifiedUntil - now)}.`,
      path: "/certificates",
    };
  return { level: "good", title, detail: `Keys of ${which}, certified by the root CA.`, path: "/certificates" };
}

function list({ head, office, now, headSeconds }: Facts): Finding | undefined {
  if (office === undefined) return undefined;
  const title = "Revocation list";
  const path = "/revocation";
  if (head === undefined) {
    const late = now - office.source.time > headSeconds + LATE_SECONDS;
    const detail =
      "No head is on the ledger yet. Validators may be set to post none; then devices get theirs from them alone.";
    return { level: late ? "warning" : "note", title, detail, path };
  }
  if (now > head.expires)
    return {
      level: "bad",
      title,
      detail: `The newest head on the ledger ended ${span(now - head.expires)} ago: with it, verifiers refuse every device.`,
      path,
    };
  if (now - head.issued > 2 * headSeconds + LATE_SECONDS)
    return {
      level: "warning",
      title,
      detail: `The newest head on the ledger is ${span(now - head.issued)} old; one is due each ${span(headSeconds)}.`,
      path,
    };
  return {
    level: "good",
    title,
    detail: `Head ${head.number}, ${span(now - head.issued)} old, fresh for ${span(head.expires - now)} more.`,
    path,
  };
}

function ceremony({ ceremony: running, now }: Facts): Finding | undefined {
  if (running === undefined || running.ended !== undefined) return undefined;
  const { deadline, attempts, phase, kind, failures } = running;
  const path = `/ceremonies/${running.ceremony}`;
  const what = `${kind.charAt(0).toUpperCase()}${kind.slice(1)} (ceremony ${running.ceremony}), attempt ${attempts}, phase ${phase}`;
  if (now > deadline + LATE_SECONDS)
    return {
      level: "warning",
      title: "Ceremony",
      detail: `${what}: the deadline passed ${span(now - deadline)} ago and nobody has moved it on.`,
      path,
    };
  const level: Level = attempts > 1 ? "warning" : "note";
  const failed = failures === 0 ? "" : ` ${failures} ${failures === 1 ? "failure" : "failures"} so far.`;
  const left = now > deadline ? `its deadline passed ${span(now - deadline)} ago` : `${span(deadline - now)} left`;
  return { level, title: "Ceremony", detail: `${what}, ${left}.${failed}`, path };
}

function candidates({ candidates: { eligible, seats }, office }: Facts): Finding | undefined {
  if (seats === 0 || eligible >= seats) return undefined;
  const level: Level = office === undefined ? "bad" : "warning";
  return {
    level,
    title: "Candidates",
    detail: `${eligible} validators are eligible for ${seats} seats.`,
    path: "/validators",
  };
}

function shards({ shards: all, now }: Facts): Finding | undefined {
  const [first] = all;
  if (first === undefined) return undefined;
  const title = "Shards";
  const told = (some: readonly Schedule[]): Pick<Finding, "title" | "path"> & { readonly fleets: string } => {
    const [one] = some;
    const many = some.length !== 1 || one === undefined;
    return {
      title,
      fleets: many ? `${some.length} fleets` : `fleet ${one.fleetId}`,
      path: many ? "/shards" : `/shards/${one.fleetId}/0`,
    };
  };
  // A generator that does not run: there is time to start it while the version is still served.
  const late = all.filter(({ current, turn }) => current !== undefined && (turn?.at ?? 0) < now);
  if (late.length > 0) {
    const { fleets, ...place } = told(late);
    return { level: "warning", ...place, detail: `The next version of the shards of ${fleets} is overdue.` };
  }
  const over = all.filter(({ current, turn }) => current === undefined && turn?.kind !== "begins");
  if (over.length > 0) {
    const { fleets, ...place } = told(over);
    return {
      level: "note",
      ...place,
      detail: `No version of the shards of ${fleets} serves: devices there rebuild no key.`,
    };
  }
  const { fleets, ...place } = told(all);
  const next = Math.min(...all.flatMap(({ turn }) => turn?.at ?? []));
  return {
    level: "good",
    ...place,
    detail: `Keys of ${fleets} are kept in shards; the next version comes in ${span(next - now)}.`,
  };
}

function successor({ successor: next }: Facts): Finding | undefined {
  if (next === undefined) return undefined;
  return {
    level: "warning",
    title: "Successor",
    detail: `The swarm named another place where the mesh goes on: ${next}.`,
  };
}
