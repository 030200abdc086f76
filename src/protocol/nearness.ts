/** The order in which a device asks validators: those of its own scope, then the fastest, then the unknown ones. */
import { scopeContains, scopesOverlap } from "../statements/scope.js";

export interface Reachable {
  readonly seat: number;
  readonly scope: string;
}

/**
 * @param latency measured milliseconds of earlier exchanges by seat; a member that failed last time has Infinity.
 * @param random a source of numbers in [0, 1): members never measured are asked in random order, so that devices spread.
 */
export function byNearness<Member extends Reachable>(
  members: readonly Member[],
  scope: string,
  latency: ReadonlyMap<number, number>,
  random: () => number,
): Member[] {
  const closeness = (member: Member): number =>
    scopeContains(member.scope, scope) ? 2 : scopesOverlap(member.scope, scope) ? 1 : 0;
  return members
    .map((member) => ({
      member,
      failed: latency.get(member.seat) === Infinity,
      closeness: closeness(member),
      latency: latency.get(member.seat) ?? Number.MAX_SAFE_INTEGER,
      tie: random(),
    }))
    .toSorted(
      (a, b) =>
        Number(a.failed) - Number(b.failed) || b.closeness - a.closeness || a.latency - b.latency || a.tie - b.tie,
    )
    .map(({ member }) => member);
}
