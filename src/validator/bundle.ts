/** The trust bundle that this validator hands out: all of it is proven by the root and by the swarm, nothing by itself. */
import { getBytes } from "ethers";

import { MAXIMUM_GENERATIONS, encodeBundle } from "../certificate/bundle.js";
import { decodeCommitteeList } from "../certificate/committee-list.js";
import type { Projection } from "../ledger/projection.js";
import { readIfPresent } from "../runtime/atomic-file.js";
import { SwarmkeepError } from "../statements/errors.js";
import { successionsOf } from "./generations.js";

/** @throws SwarmkeepError `no-bundle` before the root has certified the group keys. */
export async function currentBundle(
  projection: Projection,
  rootCertificate: Uint8Array,
  listPath: string,
): Promise<Uint8Array> {
  const crossCertificates = [...projection.certificates]
    .toSorted(([a], [b]) => Number(a - b))
    .slice(-MAXIMUM_GENERATIONS)
    .map(([, certificate]) => getBytes(certificate));
  if (crossCertificates.length === 0) {
    throw new SwarmkeepError("the root CA has not certified the group keys yet", {
      kind: "network",
      code: "no-bundle",
      advice: "Run `swarmkeep mesh certify` once the first committee is in office.",
    });
  }
  const committeeList = await readIfPresent(listPath, 32_768);
  // A generation counts with a list under its keys: until its committee has signed one, the bundle ends before it.
  const listed = committeeList === undefined ? 0 : decodeCommitteeList(committeeList).generation;
  const links = successionsOf(projection)
    .filter(({ generation }) => generation <= listed)
    .slice(-MAXIMUM_GENERATIONS);
  const successions = links.length === 0 ? undefined : links;
  return encodeBundle({ root: rootCertificate, crossCertificates, committeeList, successions });
}
