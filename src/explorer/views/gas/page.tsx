import type { JSX } from "preact";

import { useData } from "../../web/data.js";
import { DayChart } from "../../web/day-chart.js";
import { capital, count, ether, plural } from "../../web/format.js";
import { TRANSACTION_COLUMNS } from "../../web/lines.js";
import { Card, Empty, Loaded, Title } from "../../web/parts.js";
import { type Column, Table } from "../../web/table.js";
import type { GasDay, GasReport, GasShare } from "./view.js";

export function Page(): JSX.Element {
  const report = useData<GasReport>("/gas");
  return (
    <>
      <Title>Gas</Title>
      <p class="lead">
        What the mesh costs on the ledger: the gas of every transaction to its contracts, by day (UTC) and purpose.
      </p>
      <Loaded of={report} what="the report">
        {({ today, days, largest }) => (
          <>
            <Card title="Today" aside={<strong>{count(today.gas)} gas</strong>}>
              <Shares day={today} />
            </Card>
            <Card title="By day">
              {days.length === 0 ? <Empty>Nothing was spent in the last 30 days.</Empty> : <DayChart days={days} />}
              <Table
                label="Gas by day"
                columns={[
                  { title: "Day", cell: ({ start }: GasDay) => new Date(1000 * start).toISOString().slice(0, 10) },
                  { title: "Gas", isNumber: true, cell: ({ gas }) => count(gas) },
                  {
                    title: "Mostly for",
                    width: 2,
                    cell: ({ shares }) =>
                      shares
                        .slice(0, 2)
                        .map(({ purpose }) => purpose)
                        .join(", "),
                  },
                ]}
                keyOf={({ start }) => start}
                items={days}
              />
            </Card>
            <Card title="Most expensive today">
              <Table
                label="Most expensive transactions"
                columns={TRANSACTION_COLUMNS}
                keyOf={({ hash }) => hash}
                items={largest}
                empty="There was no transaction today."
              />
            </Card>
          </>
        )}
      </Loaded>
    </>
  );
}

function percent(part: number, whole: number): string {
  const share = (100 * part) / Math.max(1, whole);
  return share > 0 && share < 1 ? "< 1%" : `${Math.round(share)}%`;
}

function Shares({ day: { shares, gas } }: { day: GasDay }): JSX.Element {
  const columns: readonly Column<GasShare>[] = [
    { title: "For", width: 1.6, cell: ({ purpose }) => capital(purpose) },
    {
      title: "Share",
      width: 2,
      cell: ({ gas: part, purpose }) => (
        <span class="meter">
          <meter min={0} max={gas} value={part} aria-label={purpose} /> {percent(part, gas)}
        </span>
      ),
    },
    { title: "Gas", isNumber: true, cell: ({ gas: part }) => count(part) },
    { title: "Transactions", isNumber: true, cell: ({ transactions }) => count(transactions) },
    { title: "Fees", isNumber: true, cell: ({ wei }) => ether(wei) },
  ];
  if (shares.length === 0) return <Empty>Nothing was spent today so far.</Empty>;
  return (
    <>
      <p>
        {plural(
          shares.reduce((sum, { transactions }) => sum + transactions, 0),
          "transaction",
        )}{" "}
        so far.
      </p>
      <Table label="Gas of today by purpose" columns={columns} keyOf={({ purpose }) => purpose} items={shares} />
    </>
  );
}
