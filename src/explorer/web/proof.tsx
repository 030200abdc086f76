/** A revocation proof of one device: made by the server, checked here by the code of a verifier, and ready to be copied. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";

import type { Proof } from "../views/revocation/view.js";
import { useData } from "./data.js";
import { count } from "./format.js";
import { judge } from "./judging.js";
import { Badge, Copy, Countdown, Facts, From, Loaded } from "./parts.js";
import type { Verdict } from "./verdict.js";

export function ProofBox({ index }: { index: number }): JSX.Element {
  const proof = useData<Proof>(`/revocation/proofs/${index}`, "never");
  const [verdict, setVerdict] = useState<Verdict>();
  return (
    <Loaded of={proof} what="the proof">
      {({ head, proof: bytes, listed }) => (
        <>
          <p>
            {listed ? <Badge tone="bad">refused</Badge> : <Badge tone="good">not listed</Badge>} A verifier needs these{" "}
            {bytes.length / 2} bytes and no network: the device's word of the list, its Merkle path, and head{" "}
            {count(head.number)} with the swarm's signature.
          </p>
          <Facts
            list={[
              ["Head", <From source={head.source} />],
              [
                "Fresh",
                <>
                  ends <Countdown to={head.expires} />
                </>,
              ],
            ]}
          />
          <div class="row">
            <Copy text={bytes} label="Copy the proof" />
            <button
              type="button"
              class="small"
              onClick={() => void judge({ bytes, index, time: Date.now() / 1000 }).then(setVerdict)}
            >
              Verify it here
            </button>
          </div>
          {verdict === undefined ? null : (
            <p role="status">
              <Badge tone={verdict.accepted ? "good" : "bad"}>
                {verdict.accepted ? "valid" : (verdict.code ?? "refused")}
              </Badge>{" "}
              {verdict.words}
            </p>
          )}
          <pre class="bytes" tabIndex={0} aria-label="Proof in hexadecimal">
            {bytes}
          </pre>
        </>
      )}
    </Loaded>
  );
}
