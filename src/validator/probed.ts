/**
 * Answers probes (docs/protocol.md, section 15.1): as a candidate, in office or not. A member in office may ask, and no more often
 * than the mesh's parameters have it probe; anybody else is turned away before anything is computed.
 */
import { getBytes } from "ethers";

import { type TlsIdentity, signWithTlsKey } from "../net/tls-identity.js";
import { decodeProbe, encodeEcho, encodeProbeAnswer, signSteps } from "../protocol/probe.js";
import { SwarmkeepError } from "../statements/errors.js";
import { type Caller, expectValidator } from "./caller.js";
import type { MeshContext } from "./mesh-context.js";
import { probeWork } from "./probe-work.js";
import type { Standing } from "./standing.js";

/** A member that restarts has forgotten what it asked before, and may ask all over again: once. */
const STARTS = 2;
/** To open the connection, and to measure a round trip on it. */
const ECHOES = 2;

export interface ProbedOptions {
  readonly context: MeshContext;
  readonly standing: Pick<Standing, "committee" | "projection">;
  readonly identity: TlsIdentity;
  readonly account: string;
}

interface Asked {
  echoes: number;
  works: number;
  isAtWork: boolean;
}

export class Probed {
  readonly #options: ProbedOptions;
  readonly #account: Uint8Array;
  /** By the account that asked, in `#epoch`. */
  readonly #asked = new Map<string, Asked>();
  #epoch = 0;

  constructor(options: ProbedOptions) {
    this.#options = options;
    this.#account = getBytes(options.account);
  }

  /** @throws Refusal; SwarmkeepError `not-a-validator`, `not-a-member`, `wrong-epoch`, `too-many-probes` */
  echo(body: Uint8Array, caller: Caller): Uint8Array {
    const { epoch, challenge } = decodeProbe(body);
    const asked = this.#expectAsker(epoch, caller);
    asked.echoes = this.#expectBelow(asked.echoes, ECHOES);
    return encodeEcho(challenge);
  }

  /**
   * @param channel binding of the connection, 32 bytes.
   * @throws as `echo`, and SwarmkeepError `probe-under-way`
   */
  async work(body: Uint8Array, caller: Caller, channel: Uint8Array): Promise<Uint8Array> {
    const { epoch, challenge } = decodeProbe(body);
    const asked = this.#expectAsker(epoch, caller);
    if (asked.isAtWork) {
      throw new SwarmkeepError("this member's last probe is still being worked on", {
        kind: "refused",
        code: "probe-under-way",
        advice: "Ask again once it has been answered.",
      });
    }
    asked.works = this.#expectBelow(asked.works, 1);
    asked.isAtWork = true;
    try {
      const { context, identity } = this.#options;
      const subject = { account: this.#account, challenge, channel };
      const work = await probeWork(subject);
      const signatures = signSteps(context.separators.anchor, subject, work, (message) =>
        signWithTlsKey(identity, message),
      );
      return encodeProbeAnswer({ work, signatures });
    } finally {
      asked.isAtWork = false;
    }
  }

  #expectAsker(epoch: number, caller: Caller): Asked {
    const { account } = expectValidator(caller);
    const { committee } = this.#options.standing;
    const isMember = [...(committee?.accounts.values() ?? [])].some((one) => isSame(one, account));
    if (committee === undefined || !isMember) {
      throw new SwarmkeepError(`${account} asks for a probe and is not in office`, {
        kind: "refused",
        code: "not-a-member",
        advice: "Members of the committee in office probe; wait until this one is drawn.",
        details: { account },
      });
    }
    if (epoch !== committee.epoch) {
      throw new SwarmkeepError(
        `the probe is of epoch ${epoch}, and the committee in office is that of ${committee.epoch}`,
        {
          kind: "refused",
          code: "wrong-epoch",
          advice: "Ask again when both have read the ledger as far.",
          details: { epoch, expected: committee.epoch },
        },
      );
    }
    if (this.#epoch !== epoch) {
      this.#epoch = epoch;
      this.#asked.clear();
    }
    const key = account.toLowerCase();
    const asked = this.#asked.get(key) ?? { echoes: 0, works: 0, isAtWork: false };
    this.#asked.set(key, asked);
    return asked;
  }

  /** @returns the count with this one. */
  #expectBelow(count: number, each: number): number {
    const limit = STARTS * each * Number(this.#options.standing.projection.genesis?.parameters.probesPerEpoch ?? 0n);
    if (count < limit) return count + 1;
    throw new SwarmkeepError(`this member has probed ${count} times in epoch ${this.#epoch}, which is all it may`, {
      kind: "refused",
      code: "too-many-probes",
      advice: "Wait for the next epoch.",
      details: { count, limit },
    });
  }
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
