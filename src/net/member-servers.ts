/**
 * Whether a server is the member that it has to be (docs/protocol.md, section 9). The registry or the committee list names the hash of
 * its TLS key; around that key it shows the swarm's certificate for its account, and nobody's only until it has one.
 */
import { bytesToHex } from "@noble/hashes/utils.js";

import { equalBytes } from "../crypto/bytes.js";
import type { DeviceSignatures } from "../certificate/signatures.js";
import { isReplaced } from "../certificate/succession.js";
import { decodeX509Certificate } from "../certificate/x509.js";
import { type X509Trust, verifyMemberCertificate } from "../certificate/x509-leaf.js";
import { CLOCK_SKEW_SECONDS } from "../statements/cose.js";
import { SwarmkeepError } from "../statements/errors.js";

/** Judges what a server shows around its pinned key, DER. @throws Refusal; SwarmkeepError `not-certified`, `wrong-member` */
export type ServerJudge = (certificate: Uint8Array) => void;

export interface MemberServersOptions {
  /** Undefined while there are no group keys yet: then nobody can have a certificate, and the key alone counts. */
  readonly trust: () => X509Trust | undefined;
  readonly nowSeconds: () => number;
  readonly signatures: DeviceSignatures;
  /**
   * Whether a member whose certificate has ended, or was signed by keys that were replaced, may show its bare key again. Members have
   * to let one another, or a swarm that could not sign for a day, or has recovered, could not certify itself any more; others wait
   * until it has.
   */
  readonly bareAfterEnd: boolean;
  /** Accounts, in hexadecimal digits, that were seen with a certificate before this process. */
  readonly certified?: Iterable<string>;
  /** Is told of an account that is seen with one for the first time. */
  readonly onCertified?: (account: string) => void;
}

/** A certificate that a member was seen with. */
interface Seen {
  /** Of the keys that signed it: once they are replaced, the bare key counts again. */
  readonly generation: number;
  /** Seconds since 1970: from then on the bare key counts again. */
  readonly until: number;
}

/** The bare key never counts again. */
const FOR_EVER: Seen = { generation: Infinity, until: Infinity };

export class MemberServers {
  readonly #options: MemberServersOptions;
  /** By account. */
  readonly #certified: Map<string, Seen>;

  constructor(options: MemberServersOptions) {
    this.#options = options;
    this.#certified = new Map([...(options.certified ?? [])].map((account) => [account, FOR_EVER]));
  }

  /** @param account 20 bytes: who the server has to be. */
  judgeOf(account: Uint8Array): ServerJudge {
    return (certificate) => this.#judge(account, certificate);
  }

  #judge(account: Uint8Array, encoded: Uint8Array): void {
    const { trust, nowSeconds, signatures, bareAfterEnd, onCertified } = this.#options;
    const keys = trust();
    if (keys === undefined) return;
    const name = bytesToHex(account);
    const now = nowSeconds();
    const { issuer, subject } = decodeX509Certificate(encoded, "server");
    if (equalBytes(issuer, subject)) {
      const seen = this.#certified.get(name);
      if (seen === undefined || now >= seen.until || isReplaced(seen.generation, keys, now)) return;
      throw refused("not-certified", `0x${name} shows its bare key, and has had the swarm's certificate before`, name);
    }
    const shown = verifyMemberCertificate(encoded, keys, now, signatures);
    if (!equalBytes(shown.account, account)) {
      const found = bytesToHex(shown.account);
      throw refused("wrong-member", `the server shows the certificate of 0x${found}, and has to be 0x${name}`, name);
    }
    const isFirst = !this.#certified.has(name);
    const { generation, expires } = shown;
    // It goes back to the bare key some time before the end, by its own clock.
    this.#certified.set(name, bareAfterEnd ? { generation, until: expires - 2 * CLOCK_SKEW_SECONDS } : FOR_EVER);
    if (isFirst) onCertified?.(name);
  }
}

function refused(code: string, message: string, account: string): SwarmkeepError {
  return new SwarmkeepError(message, {
    kind: "refused",
    code,
    advice: "Ask another member: this one shows its certificate as soon as it has one again.",
    details: { account: `0x${account}` },
  });
}
