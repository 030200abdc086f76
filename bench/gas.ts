/** Figures on the ledger, in the order in which they are shown. */
import type { GasFigure } from "./figure.js";
import { dealing32 } from "./gas/dealing32.js";
import { deployment } from "./gas/deployment.js";
import { dispute17 } from "./gas/dispute17.js";
import { disputeEd25519 } from "./gas/disputeEd25519.js";
import { draw16of10000 } from "./gas/draw16of10000.js";
import { genesis7 } from "./gas/genesis7.js";
import { keyGeneration16 } from "./gas/keyGeneration16.js";
import { keyGeneration7 } from "./gas/keyGeneration7.js";
import { MEASUREMENT } from "./gas/measurement.js";
import { postBeacon } from "./gas/postBeacon.js";
import { postCheckpoint } from "./gas/postCheckpoint.js";
import { postHead } from "./gas/postHead.js";
import { registerFleet1M } from "./gas/registerFleet1M.js";
import { registerValidator } from "./gas/registerValidator.js";
import { reshareDealing32 } from "./gas/reshareDealing32.js";
import { revoke1 } from "./gas/revoke1.js";
import { revoke256Dense } from "./gas/revoke256Dense.js";
import { revoke256Scattered } from "./gas/revoke256Scattered.js";
import { rotation16 } from "./gas/rotation16.js";
import { rotation7 } from "./gas/rotation7.js";
import { rotateFleetShards, rotateFleetShards1, rotateFleetShards1000, shardMapPerDevice } from "./gas/shard-maps.js";
import { updateWeightOf10000 } from "./gas/updateWeightOf10000.js";
import { verifySwarmSignature } from "./gas/verifySwarmSignature.js";

export const GAS: readonly GasFigure[] = [
  verifySwarmSignature,
  dispute17,
  disputeEd25519,
  dealing32,
  draw16of10000,
  updateWeightOf10000,
  postBeacon,
  registerFleet1M,
  revoke256Dense,
  revoke256Scattered,
  rotateFleetShards1,
  rotateFleetShards1000,
  rotateFleetShards,
  shardMapPerDevice,
  registerValidator,
  genesis7,
  revoke1,
  postHead,
  postCheckpoint,
  deployment,
  keyGeneration7,
  keyGeneration16,
  reshareDealing32,
  rotation7,
  rotation16,
  ...MEASUREMENT,
];
