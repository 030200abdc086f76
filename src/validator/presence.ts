/**
 * Sees to it that one process signs in this validator's place, from the newest data folder there is (docs/protocol.md, section 9.1). Before
 * it signs for a committee it asks the other members whether they know of a newer presence in its name, and takes the
 * next number; while it signs it takes another one every some seconds. A second process from a copy of the folder, and one
 * from an old folder, come with numbers that are not newer, and learn of it.
 */
import { createHash, randomBytes } from "node:crypto";

import { getBytes, hexlify } from "ethers";

import type { DeviceSignatures } from "../certificate/signatures.js";
import { equalBytes } from "../crypto/bytes.js";
import type { Member, Office } from "../ledger/projection.js";
import { createClient } from "../net/client.js";
import { parseEndpoint } from "../net/endpoint.js";
import { type TlsIdentity, signWithTlsKey } from "../net/tls-identity.js";
import { PATH } from "../protocol/api.js";
import { verifyEvidence } from "../protocol/evidence.js";
import {
  NONCE_LENGTH,
  type ShownPresence,
  type SignedPresence,
  decodePresence,
  decodePresenceAnswer,
  encodePresence,
  encodePresenceAnswer,
} from "../protocol/presence.js";
import type { Clock } from "../runtime/clock.js";
import { failpoint } from "../runtime/failpoint.js";
import type { Logger } from "../runtime/log.js";
import { CLOCK_SKEW_SECONDS } from "../statements/cose.js";
import { SwarmkeepError } from "../statements/errors.js";
import { quorumOf } from "../statements/quorum.js";
import { type Caller, expectValidator } from "./caller.js";
import { type Committee, officeName, seatOf } from "./committee.js";
import { type MemberChannel, type Peers, registeredPeers } from "./peers.js";
import { pollMembers } from "./polling.js";
import type { PresenceBook } from "./presence-book.js";
import type { Standing } from "./standing.js";

/** Milliseconds between two numbers: a folder older than that is known to be old. */
const INTERVAL = 10_000;
/** Milliseconds for which it signs on after enough members have taken a number. */
const LEASE = 60_000;
/** Numbers of its own that a process knows again. */
const REMEMBERED = 1_024;
/** Milliseconds for those that have not answered, once enough have. */
const GRACE = 1_000;
/** Milliseconds for the answer at this validator's own endpoint, by whoever has it. */
const TIMEOUT = 3_000;

export interface PresencesOptions {
  readonly standing: Standing;
  readonly book: PresenceBook;
  readonly identity: TlsIdentity;
  /** This validator's. */
  readonly account: string;
  /** EIP-712 separator of the TrustAnchor. */
  readonly separator: Uint8Array;
  readonly channel: MemberChannel;
  readonly signatures: DeviceSignatures;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What this process tells of itself. */
interface Told {
  readonly number: number;
  readonly isTaken: boolean;
  readonly nonce: Uint8Array;
  readonly encoded: Uint8Array;
}

/** While this validator sits in a committee in office. */
interface Seated {
  readonly office: string;
  readonly peers: Peers;
  /** Other members whose answers are enough: with this one they could sign. */
  readonly needed: number;
  readonly stop: AbortController;
}

const DISPUTED =
  "another process has signed in its place: this data folder is an old one, or a copy of one that is in use. Stop the other process, if there is one, or put the newest folder in this one's place; else it signs again when another committee takes office, or a certificate period is over";

export class Presences {
  readonly #options: PresencesOptions;
  readonly #account: Uint8Array;
  #current: Told;
  /** What this process told, by number and nonce; the oldest first. */
  readonly #own = new Set<string>();
  /** Nobody else answers at this validator's endpoint. */
  #isAlone = false;
  /** Until when it may sign, since enough members took a number; milliseconds. */
  #leased = -Infinity;
  /** The highest number that another process was seen with, and when it last rose. */
  #dispute: { number: number; since: number } | undefined;
  #seated: Seated | undefined;

  constructor(options: PresencesOptions) {
    this.#options = options;
    this.#account = getBytes(options.account);
    this.#current = this.#made(options.book.number, false);
    options.standing.doubts = () => this.#doubt();
  }

  /** This process, to whoever asks. */
  get current(): Uint8Array {
    return this.#current.encoded;
  }

  /**
   * Before anything is signed: nobody else answers with this validator's key where the registry has it.
   * @param registered this validator's entry, if it has one.
   * @throws SwarmkeepError `another-instance`
   */
  async expectAlone(registered: Member | undefined): Promise<void> {
    if (registered?.contact !== undefined) {
      const { endpoint } = registered.contact;
      const other = await this.#answerAt(endpoint, getBytes(registered.contact.tlsPin)).catch((error: unknown) => {
        this.#options.log.debug({ error, endpoint }, "nobody answers at the registered endpoint");
        return undefined;
      });
      if (other !== undefined && !this.#isOwn(other)) throw anotherInstance(endpoint);
    }
    this.#isAlone = true;
  }

  /** Whether another process is known to have signed in this validator's place while a committee was in office. */
  wasDisputed(office: Office): boolean {
    return this.#options.book.isDisputed(officeName(office));
  }

  /** A committee took office. @param holdsSeat whether this validator sits in it. Returns at once. */
  begin(office: Office, committee: Committee, holdsSeat: boolean): void {
    this.close();
    const { standing, book, channel, account, clock, log } = this.#options;
    this.#dispute = undefined;
    standing.isDisputed = false;
    if (!holdsSeat) return;
    const own = seatOf(committee.accounts, account);
    const peers = registeredPeers(standing.projection, committee.accounts, own, channel);
    const { t } = quorumOf(committee.keys.verificationKeys.length);
    const seated = { office: officeName(office), peers, needed: t - 1, stop: new AbortController() };
    this.#seated = seated;
    // A restart does not settle it.
    if (book.isDisputed(seated.office)) this.#dispute = { number: book.number, since: clock.now() };
    standing.isDisputed = this.#dispute !== undefined;
    this.#run(seated).catch((error: unknown) => {
      if (!seated.stop.signal.aborted) log.error({ error }, "the other members are not told of this process any more");
    });
  }

  /**
   * Takes the presence that another validator tells.
   * @returns the answer. @throws Refusal; SwarmkeepError `not-a-validator`, `bad-presence`, `statement-unknown`
   */
  async receive(body: Uint8Array, caller: Caller): Promise<Uint8Array> {
    const { book, standing, signatures, separator } = this.#options;
    const { account, tlsKey } = expectValidator(caller);
    const told = decodePresence(body, separator);
    const isOwn = equalBytes(told.account, getBytes(account));
    if (!isOwn || !verifyEvidence(tlsKey, told.message, told.signature, signatures)) {
      throw new SwarmkeepError(`the presence is not that of ${account}, which tells it`, {
        kind: "refused",
        code: "bad-presence",
        advice: "Tell a presence of your own, signed with the TLS key of this connection.",
        details: { account },
      });
    }
    if (standing.committee === undefined || seatOf(standing.committee.accounts, account) === undefined) {
      throw new SwarmkeepError(`by what this validator has read, ${account} is not in office`, {
        kind: "refused",
        code: "statement-unknown",
        advice: "Tell it again when this member's ledger has come as far.",
        details: { account },
      });
    }
    const known = book.known(account);
    const isSame = known !== undefined && known.number === told.number && equalBytes(known.nonce, told.nonce);
    // One that asks has the number that it told last, or that a process before it did.
    const isNewer =
      known === undefined || told.number > known.number || (!told.isTaken && told.number === known.number);
    if (!isNewer && !isSame) return encodePresenceAnswer(known);
    if (told.isTaken && !isSame) {
      await book.keep(account, { number: told.number, nonce: told.nonce, encoded: body, tlsKey });
    }
    return encodePresenceAnswer(null);
  }

  close(): void {
    this.#seated?.stop.abort(new Error("another committee took office, or the validator stops"));
    this.#seated?.peers.close();
    this.#seated = undefined;
  }

  /** Why it may not be this process that has to sign; undefined when it is. */
  #doubt(): string | undefined {
    if (!this.#isAlone) return "it has not looked yet whether another process answers in its place";
    if (this.#dispute !== undefined) return DISPUTED;
    if (this.#seated === undefined || this.#options.clock.now() <= this.#leased) return undefined;
    return this.#leased === -Infinity
      ? "it asks the other members whether another process has signed in its place"
      : "too few of the other members have heard of it for a minute";
  }

  /** Asks, takes a number, and then another one again and again, until another committee takes office. */
  async #run(seated: Seated): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = seated.stop;
    while (!signal.aborted) {
      try {
        await (this.#dispute === undefined ? this.#hold(seated) : this.#waitOut(seated));
      } catch (error) {
        signal.throwIfAborted();
        log.warn({ error }, "no number was taken; it is tried again");
        await clock.sleep(INTERVAL, signal);
      }
    }
  }

  async #hold(seated: Seated): Promise<void> {
    const { clock, log } = this.#options;
    const isFirst = this.#leased === -Infinity;
    // Later nobody needs to be asked: whoever signed in its place since has taken a number.
    if (isFirst && !(await this.#gather(seated, this.#ask()))) return;
    // Whoever takes the number first has heard of this process by then, and of no other one since.
    const begun = clock.now();
    if (!(await this.#gather(seated, await this.#take()))) return;
    if (isFirst) log.info({ number: this.#current.number }, "nobody else signs in this place");
    this.#leased = begun + LEASE;
    await clock.sleep(INTERVAL, seated.stop.signal);
  }

  /** Tells enough members. @returns whether nobody of them knows of another process */
  async #gather(seated: Seated, told: Told): Promise<boolean> {
    const { clock } = this.#options;
    this.#current = told;
    await pollMembers({
      seats: seated.peers.seats,
      ask: (seat, signal) => this.#tell(seated, told, seat, signal),
      needed: seated.needed,
      graceMilliseconds: GRACE,
      clock,
      signal: seated.stop.signal,
    });
    return this.#dispute === undefined;
  }

  /** Tells one member, and hears whether it knows of another process. */
  async #tell(seated: Seated, told: Told, seat: number, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    const answer = decodePresenceAnswer(await seated.peers.post(seat, PATH.presence, told.encoded, signal));
    if (answer === null || this.#seated !== seated) return;
    const other = this.#inOwnName(answer);
    // Asking with the number that a process of this folder took before is what a restart does: nobody honest shows that one.
    const isPast = told.isTaken ? other.number < told.number : other.number <= told.number;
    if (isPast || !other.isTaken || this.#isOwn(other)) return;
    if (this.#dispute === undefined) {
      log.fatal(
        { toldBy: seat, own: told.number, other: other.number },
        `this validator signs nothing now: ${DISPUTED}`,
      );
      this.#leased = -Infinity;
    }
    if (this.#dispute === undefined || other.number > this.#dispute.number) {
      this.#dispute = { number: other.number, since: clock.now() };
      this.#options.standing.isDisputed = true;
      await this.#options.book.dispute(seated.office, other.number);
    }
  }

  /**
   * While the place is disputed: asks on, until the other one's number has not risen for as long as anything counts that it
   * may have signed.
   */
  async #waitOut(seated: Seated): Promise<void> {
    const { clock, standing, book, log } = this.#options;
    await clock.sleep(INTERVAL, seated.stop.signal);
    await this.#gather(seated, this.#ask());
    const period = Number(standing.projection.genesis?.parameters.certificatePeriodSeconds ?? 0n);
    const dispute = this.#dispute;
    if (dispute === undefined) return;
    // It may have signed as long as its lease lasted, for the period that a block's time and the skew allow, as this one may.
    const over = (dispute.since + LEASE) / 1000 + period + 2 * CLOCK_SKEW_SECONDS;
    if ((standing.finalised?.timestamp ?? 0) <= over) return;
    await book.settle(seated.office);
    this.#dispute = undefined;
    standing.isDisputed = false;
    log.warn({ other: dispute.number }, "the other process has not signed for a certificate period: this one goes on");
  }

  /** With the number of before, so that asking, however often, makes no folder a newer one. */
  #ask(): Told {
    return this.#made(this.#options.book.number, false);
  }

  async #take(): Promise<Told> {
    failpoint("presence.before-write");
    const told = this.#made(await this.#options.book.next(), true);
    failpoint("presence.after-write");
    return told;
  }

  #made(number: number, isTaken: boolean): Told {
    const { identity, separator } = this.#options;
    const nonce = Uint8Array.from(randomBytes(NONCE_LENGTH));
    this.#own.add(keyOf({ number, nonce }));
    const [oldest] = this.#own;
    if (this.#own.size > REMEMBERED && oldest !== undefined) this.#own.delete(oldest);
    const presence = { account: this.#account, number, nonce, isTaken };
    const encoded = encodePresence(presence, separator, (message) => signWithTlsKey(identity, message));
    return { number, isTaken, nonce, encoded };
  }

  #isOwn(presence: Pick<SignedPresence, "number" | "nonce">): boolean {
    return this.#own.has(keyOf(presence));
  }

  /** @throws SwarmkeepError `bad-presence` for one that no key of this validator's signed */
  #inOwnName({ encoded, tlsKey }: ShownPresence): SignedPresence {
    const { separator, standing, account, identity, signatures } = this.#options;
    const presence = decodePresence(encoded, separator);
    const pin = createHash("sha256").update(tlsKey).digest();
    const isKey = equalBytes(pin, identity.pin) || standing.projection.tlsPins(account).includes(hexlify(pin));
    const isSigned = verifyEvidence(tlsKey, presence.message, presence.signature, signatures);
    if (isKey && isSigned && equalBytes(presence.account, this.#account)) return presence;
    throw new SwarmkeepError("the presence that was shown is not one of this validator's", {
      kind: "refused",
      code: "bad-presence",
      advice: "Ask another member: an honest one shows none.",
    });
  }

  /** The process that holds the registered key at an endpoint. */
  async #answerAt(endpoint: string, pin: Uint8Array): Promise<SignedPresence> {
    const client = createClient({
      endpoint: parseEndpoint(endpoint),
      trust: { kind: "pin", pin },
      timeoutMilliseconds: TIMEOUT,
    });
    try {
      const { body } = await client.request({ method: "GET", path: PATH.presence });
      return decodePresence(body, this.#options.separator);
    } finally {
      client.close();
    }
  }
}

const keyOf = ({ number, nonce }: Pick<SignedPresence, "number" | "nonce">): string => `${number} ${hexlify(nonce)}`;

function anotherInstance(endpoint: string): SwarmkeepError {
  return new SwarmkeepError(`another process answers for this validator at ${endpoint}: its data folder was copied`, {
    kind: "environment",
    code: "another-instance",
    advice: "Stop that one first, if it is this one that shall run; two of them would sign in one place.",
    details: { endpoint },
  });
}
