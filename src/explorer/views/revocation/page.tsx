import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { useData, useList } from "../../web/data.js";
import { capital, count, plural, span } from "../../web/format.js";
import { Badge, Card, Countdown, Empty, Facts, From, Hex, Link, Loaded, Time, Title, Words } from "../../web/parts.js";
import { ProofBox } from "../../web/proof.js";
import { now } from "../../web/settings.js";
import { useSignal } from "../../web/signal.js";
import { type Column, LongTable } from "../../web/table.js";
import type { ChangeLine, HeadLine, RevocationSummary } from "./view.js";

const TONES = { revoked: "bad", held: "warning", released: "good" } as const;

const CHANGES: readonly Column<ChangeLine>[] = [
  { title: "When", width: 1.3, cell: ({ source }) => <Time at={source.time} /> },
  { title: "What", width: 0.9, cell: ({ kind }) => <Badge tone={TONES[kind]}>{kind}</Badge> },
  {
    title: "Devices",
    width: 3.5,
    cell: ({ devices, count: many }) => (
      <>
        <Words parts={devices} /> <span class="quiet">({count(many)})</span>
      </>
    ),
  },
  {
    title: "Reason",
    width: 1.3,
    cell: ({ reason }) => (reason === "" ? <span class="quiet">by the registrar</span> : capital(reason)),
  },
  { title: "Transaction", width: 1.2, cell: ({ source }) => <Link kind="transaction" value={source.hash} /> },
];

const HEADS: readonly Column<HeadLine>[] = [
  { title: "Head", isNumber: true, width: 0.7, cell: ({ number }) => count(number) },
  { title: "Issued", width: 1.4, cell: ({ issued }) => <Time at={issued} /> },
  { title: "Ends", width: 1.4, cell: ({ expires }) => <Time at={expires} /> },
  {
    title: "State of block",
    isNumber: true,
    cell: ({ blockNumber }) => <Link kind="block" value={String(blockNumber)} />,
  },
  { title: "Root", width: 2, cell: ({ root }) => <code title={root}>{`${root.slice(0, 18)}…`}</code> },
  { title: "Posted by", width: 1.2, cell: ({ source }) => <Link kind="transaction" value={source.hash} /> },
];

export function Page(): JSX.Element {
  const summary = useData<RevocationSummary>("/revocation");
  const changes = useList<ChangeLine>("/revocation/changes");
  const heads = useList<HeadLine>("/revocation/heads");
  return (
    <>
      <Title>Revocation list</Title>
      <p class="lead">
        One bit for each device. The swarm signs a head over the whole list, under which devices show short proofs that
        verifiers check offline.
      </p>
      <Card title="The list now">
        <Loaded of={summary} what="the list">
          {(value) => <Summary summary={value} />}
        </Loaded>
      </Card>
      <Proofs />
      <Card title="What changed it">
        <LongTable
          label="Changes"
          columns={CHANGES}
          keyOf={({ id }) => id}
          list={changes}
          empty="No device was ever revoked or held."
        />
      </Card>
      <Card title="Heads on the ledger">
        <LongTable
          label="Heads"
          columns={HEADS}
          keyOf={({ number }) => number}
          list={heads}
          empty="No head is on the ledger yet."
        />
      </Card>
    </>
  );
}

function Summary({
  summary: { head, revoked, held, headSeconds, headLifetimeSeconds },
}: {
  summary: RevocationSummary;
}): JSX.Element {
  const time = useSignal(now);
  return (
    <Facts
      list={[
        [
          "Refused devices",
          `${plural(revoked, "revoked", "revoked")} for ever, ${plural(held, "held by a registrar", "held by their registrars")}`,
        ],
        head === undefined
          ? ["Newest head", <Empty>None is on the ledger yet.</Empty>]
          : [
              "Newest head",
              <>
                {time > head.expires ? <Badge tone="bad">ended</Badge> : <Badge tone="good">fresh</Badge>}{" "}
                {count(head.number)}, {span(Math.max(0, time - head.issued))} old, ends <Countdown to={head.expires} />;{" "}
                <From source={head.source} />
              </>,
            ],
        head !== undefined && ["Covers", `${count(256 * head.words)} devices, as of block ${count(head.blockNumber)}`],
        head !== undefined && ["Root", <Hex value={head.root} />],
        ["A head is due each", `${span(headSeconds)}, and counts for ${span(headLifetimeSeconds)}`],
      ]}
    />
  );
}

function Proofs(): JSX.Element {
  const [text, setText] = useState("");
  const [index, setIndex] = useState<number>();
  return (
    <Card title="Proof for a device">
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          if (/^\d{1,13}$/.test(text.trim())) setIndex(Number(text.trim()));
        }}
      >
        <label for="index">Index of the device</label>
        <input
          id="index"
          inputMode="numeric"
          pattern="[0-9]{1,13}"
          maxLength={13}
          required
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button type="submit">Make the proof</button>
      </form>
      {index === undefined ? null : <ProofBox key={index} index={index} />}
    </Card>
  );
}
