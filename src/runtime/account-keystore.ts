/** An account of the ledger in Web3 Secret Storage (version 3), which every Ethereum tool opens. */
import { scrypt as nativeScrypt } from "node:crypto";
import { promisify } from "node:util";

import { decryptKeystoreJson, encryptKeystoreJson, getAddress, hexlify, isError, isKeystoreJson, scrypt } from "ethers";

import { readLimited, writeAtomically } from "./atomic-file.js";
import { keystoreDamaged, keystoreWrongPassphrase } from "./keystore-errors.js";
import { type KdfCost, STRONG_KDF } from "./sealed-file.js";

/** Bytes that one derivation may take: a file could ask for more than the machine has. */
const MAXIMUM_MEMORY = 2 ** 30;

/** ethers derives keys in JavaScript; OpenSSL does it several times as fast, and on another thread. */
const derive = promisify<Uint8Array, Uint8Array, number, object, Buffer>(nativeScrypt);
scrypt.register((passphrase, salt, N, r, p, length) =>
  derive(passphrase, salt, length, { N, r, p, maxmem: MAXIMUM_MEMORY }),
);

export interface AccountKeystoreContent {
  /** Checksummed (EIP-55). */
  readonly address: string;
  /** 0x and 64 hexadecimal digits. */
  readonly privateKey: string;
}

export async function writeAccountKeystore(
  path: string,
  passphrase: string,
  account: AccountKeystoreContent,
  cost: KdfCost = STRONG_KDF,
): Promise<void> {
  const json = await encryptKeystoreJson(
    { address: getAddress(account.address), privateKey: account.privateKey },
    passphrase,
    { scrypt: { N: cost.n, r: cost.r, p: cost.p } },
  );
  await writeAtomically(path, `${json}\n`);
}

/** @throws SwarmkeepError `wrong-passphrase`, `keystore-damaged`, and those of files. */
export async function readAccountKeystore(path: string, passphrase: string): Promise<AccountKeystoreContent> {
  const json = Buffer.from(await readLimited(path, 65_536)).toString("utf8");
  if (!isKeystoreJson(json)) throw keystoreDamaged(path, "it is not a Web3 Secret Storage keystore");
  try {
    const { address, privateKey } = await decryptKeystoreJson(json, passphrase);
    return { address, privateKey: hexlify(privateKey) };
  } catch (error) {
    if (isError(error, "INVALID_ARGUMENT") && /password/.test(error.message)) {
      throw keystoreWrongPassphrase(path, error);
    }
    throw keystoreDamaged(path, "its fields do not fit together", error);
  }
}
