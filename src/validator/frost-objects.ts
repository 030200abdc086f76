/**
 * What a committee signs with the Ed25519 group key at each head: the head itself, the certificate revocation lists, and the mesh's own
 * certificate where there is none yet. The member whose turn it is gathers the signature and gives it to the others; if it does
 * not, the next one does.
 */
import type { DrlHead, HeadTrust } from "../certificate/drl.js";
import { drlHeadToSign } from "../certificate/drl.js";
import type { SignatureChecks } from "../certificate/signatures.js";
import { decodeX509Certificate } from "../certificate/x509.js";
import { signedBySwarm } from "../certificate/x509-authority.js";
import { equalBytes } from "../crypto/bytes.js";
import { FROST_KIND, type FrostResult, PATH, encodeFrostResult } from "../protocol/api.js";
import { COSE_ALG } from "../statements/cose.js";
import { SwarmkeepError } from "../statements/errors.js";
import { knownAuthority, neededAuthority } from "./authority.js";
import { type FrostSigning, type FrostTopics, signByCommittee, topicOf } from "./frost-signing.js";
import type { HeadStore } from "./head-store.js";
import type { ListKind, RevocationFiles } from "./revocation-files.js";
import type { Standing } from "./standing.js";
import type { FileName, X509Files } from "./x509-files.js";

type ResultKind = FrostResult["kind"];

const FILE: Readonly<Partial<Record<ResultKind, FileName>>> = {
  [FROST_KIND.crl]: "crl",
  [FROST_KIND.deltaCrl]: "deltaCrl",
  [FROST_KIND.authority]: "authority",
};

export interface FrostObjectsOptions extends Omit<FrostSigning, "topics"> {
  readonly standing: Standing;
  readonly heads: HeadStore;
  readonly files: X509Files;
  readonly lists: RevocationFiles;
  readonly trust: HeadTrust;
  readonly checks: SignatureChecks;
  /** Does `work` when this member's turn comes, unless it is done by then. */
  readonly inTurn: (
    number: number,
    signal: AbortSignal,
    done: () => boolean,
    work: () => Promise<void>,
  ) => Promise<void>;
}

export class FrostObjects {
  readonly #options: FrostObjectsOptions;
  /** What this member signs on others' request. */
  readonly topics: FrostTopics;

  constructor(options: FrostObjectsOptions) {
    this.#options = options;
    const list = (kind: ListKind) => ({
      [kind]: async ({ number }: { readonly number: number }) => {
        const message = await this.#list(kind, number);
        if (message !== undefined) return { message };
        throw unknown(`there is no delta list ${number}`);
      },
    });
    this.topics = {
      [FROST_KIND.head]: ({ number }) => ({
        message: drlHeadToSign(COSE_ALG.eddsa, this.#head(number), options.trust),
      }),
      ...list(FROST_KIND.crl),
      ...list(FROST_KIND.deltaCrl),
      [FROST_KIND.authority]: ({ number }) => ({ message: this.#authority(number) }),
    };
  }

  /** Signs what is due with a head that has its BLS signature. */
  async sign(head: DrlHead, signal: AbortSignal): Promise<void> {
    const { heads, log, committee } = this.#options;
    const { number } = head;
    const isNewer = (): boolean => heads.newest?.head.number !== number;
    await this.#inTurn(FROST_KIND.head, number, number, signal, () => isNewer() || heads.newest?.ed25519 !== null);
    const { projection } = this.#options.standing;
    if (knownAuthority(projection, committee.generation) === undefined) return;
    await Promise.all([
      this.#signList(FROST_KIND.crl, head, signal, isNewer),
      this.#signList(FROST_KIND.deltaCrl, head, signal, isNewer),
      this.#signAuthority(number, signal),
    ]).catch((error: unknown) => {
      if (!signal.aborted) log.warn({ head: number, error }, "a revocation list was not made");
    });
  }

  /**
   * Takes a signature that another member gathered.
   * @throws SwarmkeepError `bad-head-signature`, `statement-unknown`
   */
  async take({ kind, number, signature }: FrostResult): Promise<void> {
    const { heads, files, trust, checks } = this.#options;
    const name = FILE[kind];
    if (name === undefined) return heads.putSignature(number, signature, trust, checks);
    const own = { kind, number, seat: 0, tlsKey: new Uint8Array(), request: undefined };
    const { message } = await topicOf(this.topics, kind)(own);
    if (!checks.device.verifyEd25519(trust.keys.ed25519, message, signature)) {
      throw new SwarmkeepError(`the Ed25519 signature of ${name} ${number} does not verify`, {
        kind: "refused",
        code: "bad-head-signature",
        advice: "Make it again with other members.",
      });
    }
    if (name === "authority" && this.#hasAuthority()) return;
    await files.put(name, signedBySwarm(message, signature));
  }

  async #signList(kind: ListKind, head: DrlHead, signal: AbortSignal, isNewer: () => boolean): Promise<void> {
    const { files } = this.#options;
    // Made before anybody asks, and not at all where there is none.
    if ((await this.#list(kind, head.number)) === undefined) return;
    const name = FILE[kind] as FileName;
    await this.#inTurn(
      kind,
      head.number,
      head.number,
      signal,
      () => isNewer() || files.get(name)?.number === head.number,
    );
  }

  /** Once for a generation: a new committee takes the one that others have. */
  async #signAuthority(turn: number, signal: AbortSignal): Promise<void> {
    const { peers, committee, log } = this.#options;
    const { generation } = committee;
    const kind = FROST_KIND.authority;
    for (const seat of peers.seats) {
      if (this.#hasAuthority()) return;
      try {
        const content = await peers.get(seat, PATH.authority, { signal });
        await this.take({ kind, number: generation, signature: decodeX509Certificate(content, "authority").signature });
      } catch (error) {
        signal.throwIfAborted();
        log.debug({ seat, error }, "has no certificate of the mesh");
      }
    }
    await this.#inTurn(kind, generation, turn, signal, () => this.#hasAuthority());
  }

  #inTurn(kind: ResultKind, number: number, turn: number, signal: AbortSignal, done: () => boolean): Promise<void> {
    return this.#options.inTurn(turn, signal, done, async () => {
      const { peers } = this.#options;
      const order = { kind, number, request: undefined };
      const { signature } = await signByCommittee({ ...this.#options, topics: this.topics }, order, signal);
      await this.take({ kind, number, signature });
      const body = encodeFrostResult({ kind, number, signature });
      await Promise.allSettled(peers.seats.map((seat) => peers.post(seat, PATH.frostResult, body, signal)));
    });
  }

  #head(number: number): DrlHead {
    const newest = this.#options.heads.newest;
    if (newest?.head.number === number) return newest.head;
    throw unknown(`head ${number} is not the newest one here`);
  }

  async #list(kind: ListKind, number: number): Promise<Uint8Array | undefined> {
    const { lists, standing } = this.#options;
    const { finalised } = standing.inOffice();
    return lists.toSign(kind, this.#head(number), finalised);
  }

  #authority(generation: number): Uint8Array {
    const { committee, standing } = this.#options;
    if (generation !== committee.generation) throw unknown(`generation ${generation} is not the one in office here`);
    return neededAuthority(standing.projection, generation).toSign;
  }

  #hasAuthority(): boolean {
    const { files, committee, standing } = this.#options;
    const tbs = files.get("authority")?.tbs;
    return tbs !== undefined && equalBytes(tbs, neededAuthority(standing.projection, committee.generation).toSign);
  }
}

function unknown(message: string): SwarmkeepError {
  return new SwarmkeepError(message, {
    kind: "refused",
    code: "statement-unknown",
    advice: "Ask again in a moment, or ask about the newest head.",
  });
}
