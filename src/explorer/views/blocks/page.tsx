import type { JSX } from "preact";

import { useData, useList } from "../../web/data.js";
import { count } from "../../web/format.js";
import { EVENT_COLUMNS, TRANSACTION_COLUMNS } from "../../web/lines.js";
import { go, usePlace } from "../../web/navigation.js";
import { Card, Facts, Hex, Link, Loaded, Raw, Time, Title } from "../../web/parts.js";
import type { PageProps } from "../../web/registry.js";
import { type Column, LongTable, Table } from "../../web/table.js";
import type { BlockDetail, BlockLine } from "./view.js";

export function Page({ path, parameters }: PageProps): JSX.Element {
  return path === "/blocks" ? <All /> : <One id={parameters["id"] ?? ""} />;
}

const COLUMNS: readonly Column<BlockLine>[] = [
  {
    title: "Block",
    isNumber: true,
    cell: ({ number }) => <Link kind="block" value={String(number)} label={count(number)} />,
  },
  { title: "Time", width: 1.6, cell: ({ time }) => <Time at={time} /> },
  { title: "Transactions", isNumber: true, cell: ({ transactions }) => transactions },
  { title: "Of the mesh", isNumber: true, cell: ({ ours }) => (ours === 0 ? <span class="quiet">none</span> : ours) },
  { title: "Events", isNumber: true, cell: ({ events }) => (events === 0 ? <span class="quiet">none</span> : events) },
  { title: "Gas", isNumber: true, cell: ({ gasUsed }) => count(gasUsed) },
  { title: "Hash", width: 1.4, cell: ({ hash }) => <code title={hash}>{`${hash.slice(0, 14)}…`}</code> },
];

function All(): JSX.Element {
  const show = usePlace().search.get("show") === "mesh" ? "mesh" : "all";
  const list = useList<BlockLine>(`/blocks?limit=100&show=${show}`, "blocks");
  return (
    <>
      <Title>Blocks</Title>
      <div class="filters" role="group" aria-label="Which blocks">
        <button type="button" aria-pressed={show === "all"} onClick={() => go("/blocks", true)}>
          All
        </button>
        <button type="button" aria-pressed={show === "mesh"} onClick={() => go("/blocks?show=mesh", true)}>
          With something of the mesh
        </button>
      </div>
      <LongTable
        label="Blocks"
        columns={COLUMNS}
        keyOf={({ number }) => number}
        list={list}
        empty="No block is indexed yet."
      />
    </>
  );
}

function One({ id }: { id: string }): JSX.Element {
  const detail = useData<BlockDetail>(`/blocks/${id}`);
  return (
    <>
      <Title kind="Block">
        {id.startsWith("0x") ? <span class="mono">{id}</span> : /^\d+$/.test(id) ? count(id) : id}
      </Title>
      <Loaded of={detail} what="the block">
        {(block) => (
          <>
            <Card title="Block">
              <Facts
                list={[
                  ["Number", count(block.number)],
                  ["Time", <Time at={block.time} />],
                  ["Hash", <Hex value={block.hash} />],
                  ["After", <Link kind="block" value={block.parent} label={`${block.parent.slice(0, 18)}…`} />],
                  ["Gas", `${count(block.gasUsed)} of ${count(block.gasLimit)}`],
                  ["Transactions", `${count(block.transactions)}, ${count(block.ours)} of the mesh`],
                  [
                    "Neighbours",
                    <>
                      {block.number > 0 ? <Link kind="block" value={String(block.number - 1)} /> : null} ·{" "}
                      <Link kind="block" value={String(block.number + 1)} />
                    </>,
                  ],
                ]}
              />
              <Raw path={`/blocks/${id}/raw`} />
            </Card>
            <Card title="Transactions of the mesh">
              <Table
                label="Transactions"
                columns={TRANSACTION_COLUMNS}
                keyOf={({ hash }) => hash}
                items={block.ourTransactions}
                empty="None of its transactions concern the mesh."
              />
            </Card>
            <Card title="Events">
              <Table
                label="Events"
                columns={EVENT_COLUMNS}
                keyOf={({ id: event }) => event}
                items={block.ourEvents}
                empty="It has no event of the mesh."
              />
            </Card>
          </>
        )}
      </Loaded>
    </>
  );
}
