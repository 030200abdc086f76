/** An account of the ledger in Web3 Secret Storage (version 3), which every Ethereum tool opens. */
import { decryptKeystoreJson, encryptKeystoreJson, getAddress, hexlify, isError, isKeystoreJson } from "ethers";

import { readLimited, writeAtomically } from "./atomic-file.js";
import { keystoreDamaged, keystoreWrongPassphrase } from "./keystore-errors.js";
import { type KdfCost, STRONG_KDF } from "./sealed-file.js";

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
