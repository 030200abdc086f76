/**
 * An Ethereum account whose key is in a PKCS#11 token: it signs transactions and statements there, and cannot be read. The token gives r
 * and s; the lower s (EIP-2) and the recovery bit are found here.
 */
import { BaseWallet, Signature, SigningKey, computeAddress, hexlify, randomBytes, recoverAddress } from "ethers";

import { SwarmkeepError } from "../statements/errors.js";
import { type TokenPlace, type TokenSigner, openTokenSigner } from "./pkcs11.js";

/** Order of the group (SEC 2, section 2.4.1). */
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

export interface TokenAccount {
  readonly wallet: BaseWallet;
  close(): void;
}

/** @throws SwarmkeepError as `openTokenSigner` */
export async function openTokenAccount(place: TokenPlace, pin: string): Promise<TokenAccount> {
  const signer = await openTokenSigner(place, pin);
  try {
    // The public key is an object of its own, which anybody with the PIN could have put there.
    signatureOf(signer, hexlify(randomBytes(32)));
  } catch (error) {
    signer.close();
    throw error;
  }
  // Of a signing key ethers uses what is here; what would give the key out says that it cannot.
  const key: Pick<SigningKey, "publicKey" | "compressedPublicKey" | "sign" | "privateKey" | "computeSharedSecret"> = {
    publicKey: hexlify(signer.publicKey),
    compressedPublicKey: SigningKey.computePublicKey(signer.publicKey, true),
    sign: (digest) => signatureOf(signer, hexlify(digest)),
    get privateKey(): string {
      throw inToken(place);
    },
    computeSharedSecret() {
      throw inToken(place);
    },
  };
  return { wallet: new BaseWallet(key as SigningKey), close: () => signer.close() };
}

function signatureOf({ publicKey, sign }: TokenSigner, digest: string): Signature {
  const made = Buffer.from(sign(Buffer.from(digest.slice(2), "hex"))).toString("hex");
  const s = BigInt(`0x${made.slice(64)}`);
  const low = s > ORDER / 2n ? ORDER - s : s;
  const parts = { r: `0x${made.slice(0, 64)}`, s: `0x${low.toString(16).padStart(64, "0")}` };
  const address = computeAddress(hexlify(publicKey));
  const candidates = ([27, 28] as const).map((v) => Signature.from({ ...parts, v }));
  const found = candidates.find((one) => recoverAddress(digest, one) === address);
  if (found !== undefined) return found;
  throw new SwarmkeepError(`what the token signed is not by the key of ${address}`, {
    kind: "environment",
    code: "token-failed",
    advice: "Try again; if it stays so, the token's private and public key with this label are of different pairs.",
    details: { address },
  });
}

function inToken({ token, key }: TokenPlace): SwarmkeepError {
  return new SwarmkeepError(`the key ${key} does not leave the token ${token}`, {
    kind: "usage",
    code: "token-key-confined",
    advice: "Have it sign there.",
    details: { token, key },
  });
}
