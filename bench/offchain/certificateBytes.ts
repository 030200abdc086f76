/** A device's certificate under the swarm's BLS signature, with the longest usual fields: a P-256 key, a large index, a deep scope. */
import { KEY_TYPE } from "../../src/statements/cose.js";
import { certificateFields, issue, p256Holder } from "../../test/certificate/fixtures.js";
import type { OffchainFigure } from "../figure.js";

export const certificateBytes: OffchainFigure = {
  operation: "certificateBytes",
  unit: "bytes",
  goal: 300,
  best: 400,
  source: "a Matter device certificate in TLV",

  async measure() {
    const { key } = p256Holder();
    if (key.type !== KEY_TYPE.p256) throw new Error("a P-256 key is the longer one");
    const index = 2 ** 40 - 1;
    return issue({ ...certificateFields({ index }), key, scope: "grp:city/district-12/lamps" }).length;
  },
};
