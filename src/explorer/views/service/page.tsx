import type { JSX } from "preact";

import { useData, useList } from "../../web/data.js";
import { ether } from "../../web/format.js";
import { Badge, Card, Facts, Link, Loaded, Time, Title } from "../../web/parts.js";
import { type Column, LongTable } from "../../web/table.js";
import { STATE_TONES } from "./parts.js";
import type { Pool, RoundLine } from "./view.js";

const COLUMNS: readonly Column<RoundLine>[] = [
  {
    title: "Epoch",
    width: 0.6,
    cell: ({ epoch }) => <Link kind="epoch" value={String(epoch)} label={`Epoch ${epoch}`} />,
  },
  { title: "State", width: 1.2, cell: ({ state }) => <Badge tone={STATE_TONES[state]}>{state}</Badge> },
  { title: "Measured", isNumber: true, width: 0.8, cell: ({ sampled }) => sampled },
  { title: "Committed", isNumber: true, width: 0.8, cell: ({ committed }) => committed },
  { title: "Reported", isNumber: true, width: 0.8, cell: ({ reported }) => reported },
  { title: "Last step", width: 1.4, cell: ({ source }) => <Time at={source.time} /> },
  { title: "Transaction", width: 1.3, cell: ({ source }) => <Link kind="transaction" value={source.hash} /> },
];

export function Page(): JSX.Element {
  const pool = useData<Pool>("/service");
  const list = useList<RoundLine>("/rounds");
  return (
    <>
      <Title>Service</Title>
      <p class="lead">
        Each epoch the committee probes the candidates and says, without seeing one another's reports, how well they
        answered and who took part. The median of all reports counts: for what candidates weigh in the next draw, and
        for what those in office are paid.
      </p>
      <Card title="Reward pool">
        <Loaded of={pool} what="the reward pool">
          {({ rewardBps, paidIn, unallotted, owed, claimed }) => (
            <Facts
              list={
                rewardBps === 0
                  ? [["Rewards", "none: the mesh was founded without"]]
                  : [
                      ["Paid in by tenants", ether(paidIn)],
                      ["Claimed by validators", ether(claimed)],
                      ["To be claimed", ether(owed)],
                      [
                        "For epochs to come",
                        `${ether(unallotted)}, of which an epoch gets ${rewardBps / 100}% at most`,
                      ],
                    ]
              }
            />
          )}
        </Loaded>
      </Card>
      <Card title="Measurements">
        <LongTable
          label="Measurements"
          columns={COLUMNS}
          keyOf={({ epoch }) => epoch}
          list={list}
          empty="Nothing was measured yet."
        />
      </Card>
    </>
  );
}
