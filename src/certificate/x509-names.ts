/**
 * The names in X.509 certificates (docs/protocol.md, section 6.3): what a device or a member may be called, so that TLS software
 * that compares names, and nothing else, does not take one for another.
 *
 * Each mesh has a domain, each device a name in it, and each scope a domain whose containment is that of scopes: a geohash is
 * spelled from its end, one character a label, and a group's path is turned round.
 */
import { bytesToHex } from "@noble/hashes/utils.js";

import { MAXIMUM_REQUESTED_NAMES, NAME_SUFFIX } from "../statements/x509.js";
import { Refusal } from "./refusal.js";

/** First 4 bytes of the mesh id in hexadecimal digits: the mesh in names. */
export function meshLabel(meshId: Uint8Array): string {
  return bytesToHex(meshId.subarray(0, 4));
}

/** The common name of the mesh's certificate authority. */
export function meshName(label: string): string {
  return `Swarmkeep mesh ${label}`;
}

/** @param label `meshLabel` */
export function meshDomain(label: string): string {
  return `${label}.${NAME_SUFFIX}`;
}

export function deviceName(label: string, index: number): string {
  return `${index}.${meshDomain(label)}`;
}

/** `grp:city/lamps` gives `lamps.city.grp.<mesh>`, `geo:u33` gives `3.3.u.geo.<mesh>`. */
export function scopeDomain(label: string, scope: string): string {
  const [kind, path] = scope.split(":") as [string, string];
  const labels = kind === "geo" ? [...path] : path.split("/");
  return `${labels.toReversed().join(".")}.${kind}.${meshDomain(label)}`;
}

/** The SPIFFE ID of a device: `spiffe://<mesh>/grp/city/lamps/7`. */
export function deviceUri(label: string, index: number, scope: string): string {
  return `spiffe://${meshDomain(label)}/${scope.replace(":", "/")}/${index}`;
}

/** A member's name in the mesh: its account, 40 hexadecimal digits, below `validator`. */
export function memberName(label: string, account: Uint8Array): string {
  return `${bytesToHex(account)}.validator.${meshDomain(label)}`;
}

export function memberUri(label: string, account: Uint8Array): string {
  return `spiffe://${meshDomain(label)}/validator/${bytesToHex(account)}`;
}

const MAXIMUM_NAME_LENGTH = 253;
const DNS_NAME = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Whether `text` is a DNS name in lower case, without a wildcard. */
export function isDnsName(text: string): boolean {
  return text.length <= MAXIMUM_NAME_LENGTH && DNS_NAME.test(text);
}

/** Whether `name` is `domain` or below it. */
export function isWithin(name: string, domain: string): boolean {
  return name === domain || name.endsWith(`.${domain}`);
}

/**
 * The names of a device's certificate: its own, that of its scope, and those asked for, which must be below its own name or
 * below its index in its scope's domain. So a certificate never has a name that another device may have but the scope's.
 * @param requested strictly ascending.
 * @throws Refusal `name-not-allowed`
 */
export function deviceNames(label: string, index: number, scope: string, requested: readonly string[]): string[] {
  const own = deviceName(label, index);
  const inScope = `${index}.${scopeDomain(label, scope)}`;
  const standard = [own, scopeDomain(label, scope)];
  for (const [position, name] of requested.entries()) {
    if (!isDnsName(name) || !(isWithin(name, own) || isWithin(name, inScope))) {
      throw notAllowed(`${JSON.stringify(name.slice(0, 80))} is neither below ${own} nor below ${inScope}`);
    }
    const before = requested[position - 1];
    if (before !== undefined && before >= name) throw notAllowed(`${name} is twice among the names, or out of order`);
  }
  if (requested.length > MAXIMUM_REQUESTED_NAMES) {
    throw notAllowed(`${requested.length} names where at most ${MAXIMUM_REQUESTED_NAMES} can be asked for`);
  }
  return [...standard, ...requested.filter((name) => !standard.includes(name))];
}

function notAllowed(message: string): Refusal {
  return new Refusal("name-not-allowed", message, { field: "names" });
}
