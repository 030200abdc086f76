/** Figures off the ledger, in the order in which they are shown. */
import type { OffchainFigure } from "./figure.js";
import { agentInstalledMegabytes } from "./offchain/agentInstalledMegabytes.js";
import { agentResidentMegabytes } from "./offchain/agentResidentMegabytes.js";
import { certificateBytes } from "./offchain/certificateBytes.js";
import { crlBytes1M1pct, crlMilliseconds1M1pct } from "./offchain/crl1M1pct.js";
import { drlProofBytes1048576 } from "./offchain/drlProofBytes1048576.js";
import { drlProofBytes131072 } from "./offchain/drlProofBytes131072.js";
import { enrolOverHandshake } from "./offchain/enrolOverHandshake.js";
import { explorerIndexOverGetLogs } from "./offchain/explorerIndexOverGetLogs.js";
import { explorerBlocksPerSecond, explorerEventsPerSecond } from "./offchain/explorerPerSecond.js";
import { frostSignMilliseconds5of7 } from "./offchain/frostSignMilliseconds5of7.js";
import { issuedPerSecondOverBareSign } from "./offchain/issuedPerSecondOverBareSign.js";
import { mutualTlsHandshakesOverPlain } from "./offchain/mutualTlsHandshakesOverPlain.js";
import { rebuildOverRoundTrip } from "./offchain/rebuildOverRoundTrip.js";
import { renewedPerSecondOverBareSign } from "./offchain/renewedPerSecondOverBareSign.js";
import { revocationSeconds } from "./offchain/revocationSeconds.js";
import { gcmSivOverBareGcm, sealOverBareGcm } from "./offchain/sealOverBareGcm.js";
import {
  shardDevicesPerSecond,
  shardGenerationOverBareCalls,
  shardGeneratorPeakMegabytes,
} from "./offchain/shardGeneration.js";
import { rotationOverCryptography } from "./offchain/rotationOverCryptography.js";
import { verifyCertificateOverBareBls } from "./offchain/verifyCertificateOverBareBls.js";
import { x509IssuedOverCfssl, x509IssuedPerSecond } from "./offchain/x509IssuedPerSecond.js";

export const OFFCHAIN: readonly OffchainFigure[] = [
  certificateBytes,
  drlProofBytes131072,
  drlProofBytes1048576,
  verifyCertificateOverBareBls,
  issuedPerSecondOverBareSign,
  renewedPerSecondOverBareSign,
  enrolOverHandshake,
  revocationSeconds,
  ...rotationOverCryptography,
  frostSignMilliseconds5of7,
  x509IssuedPerSecond,
  x509IssuedOverCfssl,
  mutualTlsHandshakesOverPlain,
  crlBytes1M1pct,
  crlMilliseconds1M1pct,
  shardGenerationOverBareCalls,
  shardDevicesPerSecond,
  shardGeneratorPeakMegabytes,
  rebuildOverRoundTrip,
  ...sealOverBareGcm,
  ...gcmSivOverBareGcm,
  explorerIndexOverGetLogs,
  explorerBlocksPerSecond,
  explorerEventsPerSecond,
  agentInstalledMegabytes,
  agentResidentMegabytes,
];
