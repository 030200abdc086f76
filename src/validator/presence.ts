/**
 * Sees to it that one process signs in this validator's place, from the newest data folder there is (docs/protocol.md, section 9.1). Before
 * it signs for a committee it has asked the other members whether they know of a newer presence in its name, and while it
 * signs it tells them a higher number every some seconds. A second process from a copy of the folder, and one from an old
 * folder, come with numbers that are not newer, and learn of it.
 */
import { randomBytes } from "node:crypto";

import { getBytes } from "ethers";

import type { DeviceSignatures } from "../certificate/signatures.js";
import { equalBytes } from "../crypto/bytes.js";
import type { Member, Office } from "../ledger/projection.js";
import { createClient } from "../net/client.js";
import { parseEndpoint } from "../net/endpoint.js";
import { type TlsIdentity, signWithTlsKey } from "../net/tls-identity.js";
import { PATH } from "../protocol/api.js";
import { verifyEvidence } from "../protocol/evidence.js";
import {
  RUN_LENGTH,
  type SignedPresence,
  decodePresence,
  decodePresenceAnswer,
  encodePresence,
  encodePresenceAnswer,
} from "../protocol/presence.js";
import type { Clock } from "../runtime/clock.js";
import { failpoint } from "../runtime/failpoint.js";
import type { Logger } from "../runtime/log.js";
import { SwarmkeepError } from "../statements/errors.js";
import { quorumOf } from "../statements/quorum.js";
import { type Caller, expectValidator } from "./caller.js";
import type { Committee } from "./committee.js";
import { type MemberChannel, type Peers, registeredPeers } from "./peers.js";
import { pollMembers } from "./polling.js";
import type { PresenceBook } from "./presence-book.js";
import type { FinalisedBlock, Standing } from "./standing.js";

/** Ledger time between two numbers: a folder older than that is known to be old. */
const INTERVAL_SECONDS = 10;
/** For the answer at this validator's own endpoint, by whoever has it. */
const TIMEOUT_MILLISECONDS = 3_000;

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

/** While this validator sits in a committee in office. */
interface Seated {
  readonly office: string;
  readonly peers: Peers;
  readonly stop: AbortController;
  /** Ledger time from which the next number is due. */
  next: number;
}

export class Presences {
  readonly #options: PresencesOptions;
  readonly #account: Uint8Array;
  readonly #run = Uint8Array.from(randomBytes(RUN_LENGTH));
  /** What is told at present. */
  #current: { readonly number: number; readonly encoded: Uint8Array };
  /** Whether enough members have said that nothing newer is known, since this process began or its place was disputed. */
  #isConfirmed = false;
  #seated: Seated | undefined;

  constructor(options: PresencesOptions) {
    this.#options = options;
    this.#account = getBytes(options.account);
    // Not told to anybody: the first number of this process is the next one.
    this.#current = this.#signed(options.book.number);
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
    const { standing, log } = this.#options;
    if (registered?.contact !== undefined) {
      const { endpoint } = registered.contact;
      const other = await this.#answerAt(endpoint, getBytes(registered.contact.tlsPin)).catch((error: unknown) => {
        log.debug({ error, endpoint }, "nobody answers at the registered endpoint");
        return undefined;
      });
      if (other !== undefined && !equalBytes(other.run, this.#run)) throw anotherInstance(endpoint);
    }
    standing.doubt = undefined;
  }

  /** Whether another process is known to have signed in this validator's place while a committee was in office. */
  wasDisputed(office: Office): boolean {
    return this.#options.book.disputed === nameOf(office);
  }

  /** A committee took office. @param holdsSeat whether this validator sits in it. */
  async begin(office: Office, committee: Committee, holdsSeat: boolean): Promise<void> {
    this.close();
    const { standing, book, channel, account, log } = this.#options;
    const name = nameOf(office);
    standing.isDisputed = false;
    standing.doubt = undefined;
    if (!holdsSeat) return;
    const isOwn = (one: string): boolean => one.toLowerCase() === account.toLowerCase();
    const own = [...committee.accounts].find(([, one]) => isOwn(one))?.[0];
    const peers = registeredPeers(standing.projection, committee.accounts, own, channel);
    const seated = { office: name, peers, stop: new AbortController(), next: 0 };
    this.#seated = seated;
    // A restart does not settle it.
    if (book.disputed === name) return this.#disputed();
    if (!this.#isConfirmed)
      standing.doubt = "it asks the other members whether another process has signed in its place";
    await this.#raise();
    if (this.#isConfirmed) return this.#tellAll(seated);
    this.#confirm(seated, committee).catch((error: unknown) => {
      if (!seated.stop.signal.aborted) log.error({ error }, "the other members were not asked");
    });
  }

  /** Goes on with the ledger: another number, if it is time for one. */
  async advance({ timestamp }: FinalisedBlock): Promise<void> {
    const seated = this.#seated;
    if (seated === undefined || this.#options.standing.isDisputed || timestamp < seated.next) return;
    seated.next = timestamp + INTERVAL_SECONDS;
    await this.#raise();
    this.#tellAll(seated);
  }

  /**
   * Takes the presence that another validator tells.
   * @returns the answer. @throws Refusal; SwarmkeepError `not-a-validator`, `bad-presence`
   */
  receive(body: Uint8Array, caller: Caller): Uint8Array {
    const { book, standing, signatures } = this.#options;
    const { account, tlsKey } = expectValidator(caller);
    const told = decodePresence(body, this.#options.separator);
    const isOwn = equalBytes(told.account, getBytes(account));
    if (!isOwn || !verifyEvidence(tlsKey, told.message, told.signature, signatures)) {
      throw new SwarmkeepError(`the presence is not that of ${account}, which tells it`, {
        kind: "refused",
        code: "bad-presence",
        advice: "Tell a presence of your own, signed with the TLS key of this connection.",
        details: { account },
      });
    }
    const known = book.known(account);
    if (known !== undefined && told.number <= known.number) {
      return encodePresenceAnswer(equalBytes(told.run, known.run) ? null : known.encoded);
    }
    const members = standing.committee?.accounts.values() ?? [];
    if ([...members].some((one) => one.toLowerCase() === account.toLowerCase())) {
      book.keep(account, { number: told.number, run: told.run, encoded: body });
    }
    return encodePresenceAnswer(null);
  }

  close(): void {
    this.#seated?.stop.abort(new Error("another committee took office, or the validator stops"));
    this.#seated?.peers.close();
    this.#seated = undefined;
  }

  #signed(number: number): { readonly number: number; readonly encoded: Uint8Array } {
    const { identity, separator } = this.#options;
    const presence = { account: this.#account, number, run: this.#run };
    return { number, encoded: encodePresence(presence, separator, (message) => signWithTlsKey(identity, message)) };
  }

  async #raise(): Promise<void> {
    failpoint("presence.before-write");
    this.#current = this.#signed(await this.#options.book.next());
    failpoint("presence.after-write");
  }

  #tellAll(seated: Seated): void {
    for (const seat of seated.peers.seats) {
      this.#tell(seated, seat, seated.stop.signal).catch((error: unknown) => {
        if (!seated.stop.signal.aborted) this.#options.log.debug({ error, seat }, "a member was not told");
      });
    }
  }

  /** Enough members for one that was told the newest number and is honest to be among them: n - f with this one. */
  async #confirm(seated: Seated, committee: Committee): Promise<void> {
    const { clock, standing, log } = this.#options;
    const { n, f } = quorumOf(committee.keys.verificationKeys.length);
    const answers = await pollMembers({
      seats: seated.peers.seats,
      ask: (seat, signal) => this.#tell(seated, seat, signal),
      needed: n - f - 1,
      graceMilliseconds: 0,
      clock,
      signal: seated.stop.signal,
    });
    if (standing.isDisputed || this.#seated !== seated) return;
    this.#isConfirmed = true;
    standing.doubt = undefined;
    log.info({ number: this.#current.number, members: answers.length }, "nobody else has signed in this place");
  }

  /** Tells one member, and hears whether it knows of a newer presence. */
  async #tell(seated: Seated, seat: number, signal: AbortSignal): Promise<void> {
    const { standing, book, log } = this.#options;
    const { number, encoded } = this.#current;
    const answer = decodePresenceAnswer(await seated.peers.post(seat, PATH.presence, encoded, signal));
    const other = answer === null ? undefined : this.#inOwnName(answer);
    // What an earlier process told has a lower number than this one was told under: the book sees to it.
    if (other === undefined || other.number < number || this.#seated !== seated) return;
    const isFirst = !standing.isDisputed;
    this.#disputed();
    await book.dispute(seated.office, other.number);
    if (!isFirst) return;
    const told = { seat, own: number, other: other.number };
    log.fatal(told, `this validator signs nothing until another committee takes office: ${standing.doubt}`);
  }

  #disputed(): void {
    const { standing } = this.#options;
    this.#isConfirmed = false;
    standing.isDisputed = true;
    standing.doubt =
      "another process has signed in its place: this data folder is an old one, or a copy of one that is in use. Stop the other process, or put the newest folder in this one's place";
  }

  /** A presence that this validator's own key signed, by another process. */
  #inOwnName(encoded: Uint8Array): SignedPresence | undefined {
    const { separator, identity, signatures } = this.#options;
    const presence = decodePresence(encoded, separator);
    const isOwn = equalBytes(presence.account, this.#account) && !equalBytes(presence.run, this.#run);
    if (isOwn && verifyEvidence(identity.spki, presence.message, presence.signature, signatures)) return presence;
    return undefined;
  }

  /** The process that holds the registered key at an endpoint. */
  async #answerAt(endpoint: string, pin: Uint8Array): Promise<SignedPresence> {
    const client = createClient({
      endpoint: parseEndpoint(endpoint),
      trust: { kind: "pin", pin },
      timeoutMilliseconds: TIMEOUT_MILLISECONDS,
    });
    try {
      const { body } = await client.request({ method: "GET", path: PATH.presence });
      return decodePresence(body, this.#options.separator);
    } finally {
      client.close();
    }
  }
}

const nameOf = ({ generation, epoch, ceremony }: Office): string => `${generation}/${epoch}/${ceremony}`;

function anotherInstance(endpoint: string): SwarmkeepError {
  return new SwarmkeepError(`another process answers for this validator at ${endpoint}: its data folder was copied`, {
    kind: "environment",
    code: "another-instance",
    advice: "Stop that one first, if it is this one that shall run; two of them would sign in one place.",
    details: { endpoint },
  });
}
