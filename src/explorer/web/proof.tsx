/** A revocation proof of one device: made by the server, checked here by the code of a verifier, and ready to be copied. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";

import type { Proof } from "../views/revocation/view.js";
import { useData } from "./data.js";
import { count } from "./format.js";
import { judge } from "./judging.js";
import { now } from "./settings.js";
import { useSignal } from "./signal.js";
import { Badge, Copy, Countdown, Empty, Facts, From, Loaded } from "./parts.js";
import type { Verdict } from "./verdict.js";

/** @param isRefused what the ledger says of the device now, where the page knows: a head is some seconds older. */
export function ProofBox({ index, isRefused }: { index: number; isRefused?: boolean }): JSX.Element {
  const proof = useData<Proof>(`/revocation/proofs/${index}`);
  const [judged, setJudged] = useState<{ readonly bytes: string; readonly verdict: Verdict }>();
  if (proof.value === undefined && proof.error?.code === "not-found")
    return <Empty>No head of the revocation list is on the ledger yet: a proof is made under one.</Empty>;
  return (
    <Loaded of={proof} what="the proof">
      {({ head, proof: bytes, listed }) => (
        <>
          <p>
            {listed ? <Badge tone="bad">refused</Badge> : <Badge tone="good">not listed</Badge>} A verifier needs these{" "}
            {bytes.length / 2} bytes and no network: the device's word of the list, its Merkle path, and head{" "}
            {count(head.number)} with the swarm's signature.
          </p>
          {isRefused === undefined || isRefused === listed ? null : (
            <p>
              <Badge tone="warning">older</Badge> Head {count(head.number)} is from before the device's last change: the
              next one says that it is {isRefused ? "refused" : "not listed"}.
            </p>
          )}
          <Facts
            list={[
              ["Head", <From source={head.source} />],
              ["Fresh", <Fresh until={head.expires} />],
            ]}
          />
          <div class="row">
            <Copy text={bytes} label="Copy the proof" />
            <button
              type="button"
              class="small"
              onClick={() =>
                void judge({ bytes, index, time: Date.now() / 1000 }).then((verdict) => setJudged({ bytes, verdict }))
              }
            >
              Verify it here
            </button>
          </div>
          {judged?.bytes === bytes ? <Outcome verdict={judged.verdict} /> : null}
          <pre class="bytes" tabIndex={0} aria-label="Proof in hexadecimal">
            {bytes}
          </pre>
        </>
      )}
    </Loaded>
  );
}

function Fresh({ until }: { until: number }): JSX.Element {
  const isOver = useSignal(now) > until;
  return (
    <>
      {isOver ? <Badge tone="warning">over</Badge> : "ends"} <Countdown to={until} />
      {isOver ? ": verifiers refuse it; one under a newer head takes its place here once there is one" : null}
    </>
  );
}

function Outcome({ verdict: { accepted, code, words } }: { verdict: Verdict }): JSX.Element {
  return (
    <p role="status">
      <Badge tone={accepted ? "good" : "bad"}>{accepted ? "valid" : (code ?? "refused")}</Badge> {words}
    </p>
  );
}
