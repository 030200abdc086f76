/** The memory-hard part of a probe (docs/protocol.md, section 15.1): scrypt in the thread pool, off the event loop. */
import { scrypt } from "node:crypto";

import { type ProbeSubject, workInput } from "../protocol/probe.js";
import { PROBE } from "../statements/probe.js";

/** 32 bytes, the same for whoever has the same subject. */
export function probeWork(subject: ProbeSubject): Promise<Uint8Array> {
  const { password, salt } = workInput(subject);
  const { n, r, p } = PROBE.work;
  return new Promise((resolve, reject) => {
    scrypt(password, salt, PROBE.challenge, { N: n, r, p, maxmem: 256 * n * r + (1 << 20) }, (error, result) => {
      if (error === null) resolve(Uint8Array.from(result));
      else reject(error);
    });
  });
}
