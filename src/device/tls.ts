/**
 * Mutual TLS for programs in Node: secure contexts with the device's certificate and the mesh's revocation list, made anew whenever
 * either is, without dropping a connection. Peers are other devices of the mesh, or whatever else has its certificates.
 */
import type { KeyObject } from "node:crypto";
import {
  type ConnectionOptions,
  type SecureContext,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
  type TlsOptions,
  createSecureContext,
} from "node:tls";

import { type DeviceCertificate, decodeDeviceCertificate } from "../certificate/x509-leaf.js";
import { pem } from "../certificate/x509.js";
import { peerCertificate } from "../net/peer-certificate.js";
import { type Clock, systemClock } from "../runtime/clock.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { scopeContains } from "../statements/scope.js";
import type { Agent } from "./agent.js";
import type { SealedKeystore } from "./keystore.js";
import { derOfPem } from "./x509-files.js";

/** What TLS software of any kind needs, in PEM. */
export interface TlsMaterial {
  readonly key: KeyObject;
  readonly chain: string;
  readonly ca: string;
  readonly crl: string;
}

/**
 * The device's own certificate and key, and the newest revocation list.
 * @throws SwarmkeepError `no-x509`, and those of `Agent.crl`
 */
export async function tlsMaterial(
  agent: Agent,
  keystore: Pick<SealedKeystore, "privateKey">,
  signal?: AbortSignal,
): Promise<TlsMaterial> {
  const files = await agent.tlsFiles();
  const certificate = files && derOfPem(Buffer.from(files.chain));
  if (files === undefined || certificate === undefined) {
    throw new SwarmkeepError("this device has no certificate in X.509, or not yet the mesh's own above it", {
      kind: "usage",
      code: "no-x509",
      advice:
        "Enrol or renew it; if it stays so, its fleet's lifetime and quota are too large for X.509, as `swarmkeep fleet register` said.",
    });
  }
  const crl = pem("X509 CRL", await agent.crl(signal));
  // The key of the very chain: while a renewal is stored, the compact certificate may have another one already.
  const key = await keystore.privateKey(decodeDeviceCertificate(certificate).key);
  return { key, chain: files.chain, ca: files.ca, crl };
}

/** Seconds between looks for a newer revocation list and certificate. */
const REFRESH_SECONDS = 10;

export interface DeviceTlsOptions {
  readonly agent: Agent;
  readonly keystore: Pick<SealedKeystore, "privateKey">;
  readonly clock?: Clock;
  /** Is told of what could not be refreshed; what there is goes on being used while it lasts. */
  readonly onError?: (error: unknown) => void;
}

export class DeviceTls {
  readonly #options: DeviceTlsOptions;
  #material: TlsMaterial;
  #context: SecureContext;

  private constructor(options: DeviceTlsOptions, material: TlsMaterial) {
    this.#options = options;
    this.#material = material;
    this.#context = createSecureContext(contextOptions(material));
  }

  /** @throws as `tlsMaterial` */
  static async open(options: DeviceTlsOptions): Promise<DeviceTls> {
    return new DeviceTls(options, await tlsMaterial(options.agent, options.keystore));
  }

  /** As it is now. Connections keep the one that they were made with. */
  get context(): SecureContext {
    return this.#context;
  }

  /** For `tls.createServer` and `https.createServer`: TLS 1.3, and only clients with a certificate of the mesh that is not revoked. */
  serverOptions(): TlsOptions {
    return { ...contextOptions(this.#material), requestCert: true, rejectUnauthorized: true };
  }

  /**
   * For `tls.connect` and `https.request`: shows the device's certificate, and takes a server of the mesh that is not revoked.
   * @param scope within which the server's certificate has to be. Its host name is not looked at: devices move.
   */
  clientOptions(scope?: string): ConnectionOptions {
    return {
      secureContext: this.#context,
      rejectUnauthorized: true,
      checkServerIdentity: (_host, certificate) => {
        try {
          expectScope(decodeDeviceCertificate(Uint8Array.from(certificate.raw)), scope);
          return undefined;
        } catch (error) {
          return error instanceof Error ? error : new Error(String(error));
        }
      },
    };
  }

  /** Looks for a newer list and certificate. @returns whether there was one. */
  async refresh(signal?: AbortSignal): Promise<boolean> {
    const material = await tlsMaterial(this.#options.agent, this.#options.keystore, signal);
    const known = this.#material;
    if (material.crl === known.crl && material.chain === known.chain && material.ca === known.ca) return false;
    this.#material = material;
    this.#context = createSecureContext(contextOptions(material));
    return true;
  }

  /** Keeps servers' contexts, and the one for clients, fresh until `signal` is aborted. */
  async keepFresh(signal: AbortSignal, ...servers: readonly Server[]): Promise<void> {
    const { clock = systemClock, onError = () => undefined } = this.#options;
    while (!signal.aborted) {
      try {
        await clock.sleep(1000 * REFRESH_SECONDS, signal);
        if (!(await this.refresh(signal))) continue;
        for (const server of servers) server.setSecureContext(contextOptions(this.#material));
      } catch (error) {
        if (!signal.aborted) onError(error);
      }
    }
  }
}

/**
 * The device at the other end of a connection whose certificate TLS has verified.
 * @throws SwarmkeepError `no-certificate`, `out-of-scope`; Refusal
 */
export function peerDevice(socket: TLSSocket, scope?: string): DeviceCertificate {
  const shown = peerCertificate(socket);
  if (shown === undefined) {
    throw new SwarmkeepError("the peer has shown no certificate", {
      kind: "refused",
      code: "no-certificate",
      advice: "Make the server with the options of `DeviceTls.serverOptions`, which ask for one.",
    });
  }
  const device = decodeDeviceCertificate(shown);
  expectScope(device, scope);
  return device;
}

function expectScope(device: DeviceCertificate, scope: string | undefined): void {
  if (scope === undefined || scopeContains(scope, device.scope)) return;
  throw new SwarmkeepError(
    `device ${device.index} is certified for ${device.scope}, and ${scope} does not contain that`,
    {
      kind: "refused",
      code: "out-of-scope",
      advice: "Connect to a device of this scope.",
      details: { index: device.index, scope: device.scope },
    },
  );
}

function contextOptions({ key, chain, ca, crl }: TlsMaterial): SecureContextOptions {
  const minVersion = "TLSv1.3";
  return { minVersion, key: key.export({ format: "pem", type: "pkcs8" }), cert: chain, ca, crl };
}
