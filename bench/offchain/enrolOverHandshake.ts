/**
 * A device's way to its certificate, from no connection at all to the checked certificate on its disk, with five parts of
 * seven validators, over one TLS 1.3 handshake with one of them. Everything runs on this machine.
 */
import { openDevice } from "../../src/device/open.js";
import { openConnection } from "../../src/net/connection.js";
import { parseEndpoint } from "../../src/net/endpoint.js";
import type { OffchainFigure } from "../figure.js";
import { median, seconds } from "../ratio.js";
import { withLocalMesh } from "./local-mesh.js";

/** A device may have sixteen certificates in a period. */
const TURNS = 11;
const HANDSHAKES = 5;

export const enrolOverHandshake: OffchainFigure = {
  operation: "enrolOverHandshake",
  unit: "x one TLS 1.3 handshake: a certificate in both forms, that of X.509 by FROST",
  goal: undefined,
  best: undefined,
  source: undefined,

  measure: () =>
    withLocalMesh(async ({ workspace, ...local }, { lamp }) => {
      await lamp.agent.close();
      const path = workspace.folder.file("devices", lamp.name);
      const [member] = (await local.validators()).members;
      if (member === undefined) throw new Error("the committee is empty");
      const endpoint = parseEndpoint(member.endpoint);
      const ratios: number[] = [];
      for (let turn = 0; turn < TURNS; turn++) {
        const handshakes: number[] = [];
        for (let i = 0; i < HANDSHAKES; i++) {
          handshakes.push(
            await seconds(async () => {
              const trust = { kind: "pin", pin: member.tlsPin } as const;
              (await openConnection(endpoint, trust, new AbortController().signal)).close();
            }),
          );
        }
        const { agent } = await openDevice(path, workspace.passphrase);
        const enrolment = await seconds(async () => void (await agent.enrol()));
        await agent.close();
        // The first turns warm up both sides.
        if (turn >= 3) ratios.push(enrolment / median(handshakes));
      }
      return median(ratios);
    }),
};
