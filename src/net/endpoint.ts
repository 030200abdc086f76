/** Endpoints as the registry holds them: `host:port`, `192.0.2.1:port` or `[2001:db8::1]:port`. */
import { isIP, isIPv6 } from "node:net";

import { isDnsName } from "../certificate/x509-names.js";
import type { MemberHosts } from "../certificate/x509-root.js";
import { SwarmkeepError } from "../statements/errors.js";

export interface Endpoint {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

const FORM = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)):([1-9][0-9]{0,4})$/;

/** @throws SwarmkeepError `bad-endpoint` */
export function parseEndpoint(text: string): Endpoint {
  const [, six, name, digits] = (text.length <= 255 ? FORM.exec(text) : null) ?? [];
  const host = six ?? name;
  const port = Number(digits);
  if (host === undefined || port > 65_535 || (six !== undefined && !isIPv6(six))) {
    throw new SwarmkeepError(`${JSON.stringify(text.slice(0, 300))} is no endpoint`, {
      kind: "usage",
      code: "bad-endpoint",
      advice: "Write host:port, or [address]:port for IPv6, in at most 255 characters.",
      details: { endpoint: text.slice(0, 300) },
    });
  }
  return { host, port };
}

/** `host:port` to listen on, where port 0 takes any free one. @throws SwarmkeepError `bad-endpoint` */
export function parseListen(text: string): Endpoint {
  if (!text.endsWith(":0")) return parseEndpoint(text);
  return { ...parseEndpoint(`${text.slice(0, -1)}1`), port: 0 };
}

export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The hosts of endpoints as certificates name them, each once, in one order; what is no endpoint has none. */
export function endpointHosts(endpoints: readonly string[]): MemberHosts {
  const hosts = [...new Set(endpoints.flatMap(hostOf))].sort();
  return {
    dns: hosts.filter((host) => isIP(host) === 0 && isDnsName(host)),
    ip: hosts.filter((host) => isIP(host) !== 0).map(addressBytes),
  };
}

function hostOf(endpoint: string): string[] {
  try {
    return [parseEndpoint(endpoint).host.toLowerCase()];
  } catch {
    return [];
  }
}

/** The 4 or 16 bytes of an IP address. */
function addressBytes(address: string): Uint8Array {
  if (!address.includes(":")) return Uint8Array.from(address.split(".").map(Number));
  // The URL parser writes an address in its one form, without dots.
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groups = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const [first, last] = [groups(head), groups(tail ?? "")];
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => 0);
  return Uint8Array.from([...first, ...zeros, ...last].flatMap((group) => [group >> 8, group & 0xff]));
}
