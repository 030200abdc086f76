/** Endpoints as the registry holds them: `host:port`, `192.0.2.1:port` or `[2001:db8::1]:port`. */
import { isIPv6 } from "node:net";

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

export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
