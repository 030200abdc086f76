import type { JSX } from "preact";

import { useData, useList } from "../../web/data.js";
import { capital, count } from "../../web/format.js";
import { Badge, Card, Empty, Facts, From, Hex, Link, Loaded, Time, Title } from "../../web/parts.js";
import type { PageProps } from "../../web/registry.js";
import { type Column, LongTable, Table } from "../../web/table.js";
import { Measured } from "../service/parts.js";
import type { DrawnMember, EpochDetail, EpochLine, Turn } from "./view.js";

export function Page({ path, parameters }: PageProps): JSX.Element {
  return path === "/epochs" ? <All /> : <One epoch={parameters["epoch"] ?? ""} />;
}

const COLUMNS: readonly Column<EpochLine>[] = [
  { title: "Epoch", width: 0.6, cell: ({ epoch }) => <Link kind="epoch" value={String(epoch)} /> },
  { title: "In office since", width: 1.6, cell: ({ source }) => <Time at={source.time} /> },
  { title: "How", width: 1.4, cell: ({ how }) => <Badge tone={how === "went back" ? "warning" : "good"}>{how}</Badge> },
  { title: "Seats", isNumber: true, width: 0.6, cell: ({ seats }) => seats },
  {
    title: "Ceremony",
    cell: ({ ceremony }) => <Link kind="ceremony" value={ceremony} label={`Ceremony ${ceremony}`} />,
  },
  { title: "Transaction", width: 1.3, cell: ({ source }) => <Link kind="transaction" value={source.hash} /> },
];

function All(): JSX.Element {
  const list = useList<EpochLine>("/epochs");
  return (
    <>
      <Title>Epochs</Title>
      <p class="lead">
        Each epoch has a committee. A beacon, which nobody can predict or choose, draws the next one by weight from all
        candidates.
      </p>
      <LongTable
        label="Epochs"
        columns={COLUMNS}
        keyOf={({ epoch }) => epoch}
        list={list}
        empty="No committee was in office yet."
      />
    </>
  );
}

function One({ epoch }: { epoch: string }): JSX.Element {
  const detail = useData<EpochDetail>(`/epochs/${epoch}`);
  return (
    <>
      <Title kind="Epoch">{epoch}</Title>
      <Loaded of={detail} what="the epoch">
        {({ office, turn }) => (
          <>
            <Card title="Office">
              {office === undefined ? (
                <Empty>Its committee is not in office yet.</Empty>
              ) : (
                <Facts
                  list={[
                    ["Came by", capital(office.how)],
                    ["Keys", `generation ${office.generation}`],
                    [
                      "Ceremony",
                      <Link kind="ceremony" value={office.ceremony} label={`Ceremony ${office.ceremony}`} />,
                    ],
                    [
                      "Committee",
                      office.committee.map((account, i) => (
                        <span key={account} class="block">
                          <span class="quiet">seat {i + 1}</span>{" "}
                          <Link kind="validator" value={account} label={account} />
                        </span>
                      )),
                    ],
                    [
                      "In office since",
                      <>
                        <Time at={office.source.time} />, <From source={office.source} />
                      </>,
                    ],
                    [
                      "Until",
                      office.ended === undefined ? (
                        "it is in office now"
                      ) : (
                        <>
                          <Time at={office.ended.time} />, <From source={office.ended} />
                        </>
                      ),
                    ],
                  ]}
                />
              )}
            </Card>
            {turn === undefined ? (
              <Card title="The draw">
                <Empty>
                  There was none: its members are those of the genesis list, in its order, or office went back to them.
                </Empty>
              </Card>
            ) : (
              <Draw turn={turn} isOver={office !== undefined} />
            )}
            {office === undefined ? null : <Measured epoch={epoch} />}
          </>
        )}
      </Loaded>
    </>
  );
}

const DRAWN: readonly Column<DrawnMember>[] = [
  { title: "Place", isNumber: true, width: 0.5, cell: ({ place }) => place },
  { title: "Validator", width: 1.6, cell: ({ account }) => <Link kind="validator" value={account} /> },
  { title: "Weight", isNumber: true, cell: ({ weight }) => count(weight) },
  { title: "Chance for this place", isNumber: true, cell: ({ chance }) => `${(100 * chance).toFixed(1)}%` },
];

/** @param isOver whether a committee came of the draw */
function columnsFor(isOver: boolean): readonly Column<DrawnMember>[] {
  const cell = ({ inOffice }: DrawnMember): JSX.Element =>
    inOffice ? <Badge tone="good">yes</Badge> : <span class="quiet">{isOver ? "no" : "not yet"}</span>;
  return [...DRAWN, { title: "Came into office", width: 1.2, cell }];
}

function Draw({ turn, isOver }: { turn: Turn; isOver: boolean }): JSX.Element {
  const { seats, candidates, totalWeight, frozen, frozenBlock, prevrandao, beacon, drawn } = turn;
  return (
    <>
      <Card title="The draw">
        <p>
          {beacon === undefined
            ? "The weights are locked. The beacon, which decides, is still to come."
            : `The beacon fixed one order of all ${count(candidates)} candidates: the first ${seats} are invited, and where one does not accept, the next of the same order.`}
        </p>
        <Facts
          list={[
            ["Weights locked", <From source={frozen} />],
            ["Candidates", `${count(candidates)}, with a weight of ${count(totalWeight)} in all`],
            [
              "Freshness",
              <>
                block <Link kind="block" value={String(frozenBlock)} />, prevrandao{" "}
                <code class="break">{prevrandao}</code>
              </>,
            ],
            beacon !== undefined && ["Beacon", <Hex value={beacon.value} />],
            beacon !== undefined && [
              "Made from",
              <>
                <code class="break">{beacon.previous}</code> and the committee's signature
              </>,
            ],
            beacon !== undefined && ["Posted", <From source={beacon.source} />],
          ]}
        />
      </Card>
      <Card title="Order of the draw, replayed">
        <Table
          label="Order of the draw"
          columns={columnsFor(isOver)}
          keyOf={({ place }) => place}
          items={drawn}
          empty="It is decided by the beacon."
        />
      </Card>
    </>
  );
}
