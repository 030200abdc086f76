/** How service is shown on the pages of validators and of epochs. */
import type { JSX } from "preact";

import { CLASSES } from "../../../statements/classes.js";
import { presentViews, useData } from "../../web/data.js";
import { ether } from "../../web/format.js";
import { Badge, Card, Empty, Facts, From, Link, Loaded, Time } from "../../web/parts.js";
import { useSignal } from "../../web/signal.js";
import { type Column, Table } from "../../web/table.js";
import type { CandidateMeasured, RoundOf, RoundState, SeatMeasured, ServedEpoch, ServiceOf } from "./view.js";

export const STATE_TONES: Readonly<Record<RoundState, "good" | "note" | "warning">> = {
  commitments: "note",
  reports: "note",
  "to be settled": "note",
  measured: "good",
  "too few reports": "warning",
};

/** "12 of 15". */
export function Class({ value }: { value: number }): JSX.Element {
  return (
    <>
      {value} <span class="quiet">of {CLASSES.best}</span>
    </>
  );
}

const SERVED: readonly Column<ServedEpoch>[] = [
  {
    title: "Epoch",
    cell: ({ epoch }) => <Link kind="epoch" value={String(epoch)} label={`Epoch ${epoch}`} />,
  },
  { title: "Did of what it owed", isNumber: true, cell: ({ participated }) => <Class value={participated} /> },
  { title: "Reputation since", isNumber: true, cell: ({ score }) => <Class value={score} /> },
  { title: "Earned", isNumber: true, cell: ({ earned }) => (earned === "0" ? "nothing" : ether(earned)) },
  { title: "Transaction", cell: ({ source }) => <Link kind="transaction" value={source.hash} /> },
];

/** Of a validator; absent where the mesh measures nobody. */
export function Service({ account }: { account: string }): JSX.Element | null {
  const isPresent = useSignal(presentViews)?.has("service") === true;
  const service = useData<ServiceOf>(isPresent ? `/service-of/${account}` : undefined);
  if (!isPresent) return null;
  return (
    <Card title="Service">
      <Loaded of={service} what="how it serves">
        {({ quality, reputation, earned, owed, items }) => (
          <>
            <Facts
              list={[
                ["Quality", <Class value={quality} />],
                ["Reputation", <Class value={reputation} />],
                ["Earned", `${ether(earned)}, of which ${ether(owed)} are to be claimed`],
              ]}
            />
            <Table
              label="Epochs in office"
              columns={SERVED}
              keyOf={({ epoch }) => epoch}
              items={items}
              empty="It was in office in no epoch that was measured."
            />
          </>
        )}
      </Loaded>
    </Card>
  );
}

const SEATS: readonly Column<SeatMeasured>[] = [
  { title: "Seat", isNumber: true, width: 0.5, cell: ({ seat }) => seat },
  { title: "Validator", width: 1.6, cell: ({ account }) => <Link kind="validator" value={account} /> },
  { title: "Did of what it owed", isNumber: true, cell: ({ participated }) => <Class value={participated} /> },
  {
    title: "Its own report",
    cell: ({ reported }) => (reported ? <Badge tone="good">given</Badge> : <Badge tone="warning">missing</Badge>),
  },
];

const CANDIDATES: readonly Column<CandidateMeasured>[] = [
  { title: "Candidate", width: 1.6, cell: ({ account }) => <Link kind="validator" value={account} /> },
  { title: "Quality since", isNumber: true, cell: ({ quality }) => <Class value={quality} /> },
];

/** What was measured in an epoch; absent where the mesh measures nobody. */
export function Measured({ epoch }: { epoch: string }): JSX.Element | null {
  const isPresent = useSignal(presentViews)?.has("service") === true;
  const found = useData<RoundOf>(isPresent ? `/rounds/${epoch}` : undefined);
  if (!isPresent) return null;
  return (
    <Card title="What was measured">
      <Loaded of={found} what="the measurement">
        {({ round }) => {
          if (round === undefined) return <Empty>Nobody has reported what it measured in this epoch.</Empty>;
          const { state, committed, reported, commitDeadline, revealDeadline, source, seats, candidates } = round;
          return (
            <>
              <Facts
                list={[
                  ["State", <Badge tone={STATE_TONES[state]}>{state}</Badge>],
                  ["Reports", `${reported}, of ${committed} that were committed to`],
                  state === "commitments" && ["Commitments until", <Time at={commitDeadline} />],
                  state === "reports" && ["Reports until", <Time at={revealDeadline} />],
                  ["Last step", <From source={source} />],
                ]}
              />
              {state === "measured" ? (
                <>
                  <Table label="Seats" columns={SEATS} keyOf={({ seat }) => seat} items={seats} />
                  <Table label="Candidates" columns={CANDIDATES} keyOf={({ account }) => account} items={candidates} />
                </>
              ) : null}
            </>
          );
        }}
      </Loaded>
    </Card>
  );
}
