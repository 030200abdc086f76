import type { JSX } from "preact";

import { useData, useList } from "../../web/data.js";
import { capital, count, ether, words } from "../../web/format.js";
import { Deed, Event, TRANSACTION_COLUMNS } from "../../web/lines.js";
import { Arguments, Badge, Card, Empty, Facts, Hex, Link, Loaded, Raw, Time, Title } from "../../web/parts.js";
import type { PageProps } from "../../web/registry.js";
import { LongTable } from "../../web/table.js";
import type { TransactionLine } from "../../lines.js";
import type { TransactionDetail } from "./view.js";

export function Page({ path, parameters }: PageProps): JSX.Element {
  return path === "/transactions" ? <All /> : <One hash={parameters["hash"] ?? ""} />;
}

function All(): JSX.Element {
  const list = useList<TransactionLine>("/transactions");
  return (
    <>
      <Title>Transactions</Title>
      <p class="lead">Those that called one of the mesh's contracts, or were named by one of its events.</p>
      <LongTable
        label="Transactions"
        columns={TRANSACTION_COLUMNS}
        keyOf={({ id }) => id}
        list={list}
        empty="No transaction concerns the mesh yet."
      />
    </>
  );
}

function One({ hash }: { hash: string }): JSX.Element {
  const detail = useData<TransactionDetail>(`/transactions/${hash}`);
  return (
    <>
      <Title kind="Transaction">
        <span class="mono">{hash}</span>
      </Title>
      {detail.error === undefined ? null : <Raw path={`/transactions/${hash}/raw`} title="Look for it at the node" />}
      <Loaded of={detail} what="the transaction">
        {(one) => (
          <>
            <Card
              title="In words"
              aside={one.ok ? <Badge tone="good">succeeded</Badge> : <Badge tone="bad">failed</Badge>}
            >
              <p class="answer">
                <Deed transaction={one} />.
              </p>
              {one.ok ? null : <Reason hash={hash} />}
              {one.events.length === 0 ? null : (
                <>
                  <h3>What came of it</h3>
                  <ul class="story">
                    {one.events.map((event) => (
                      <li key={event.id}>
                        <Event event={event} />
                      </li>
                    ))}
                  </ul>
                </>
              )}
            </Card>
            <Card title="Facts">
              <Facts
                list={[
                  ["When", <Time at={one.time} />],
                  ["Block", <Link kind="block" value={String(one.block)} />],
                  ["From", <Link kind="address" value={one.sender} label={one.sender} />],
                  [
                    "To",
                    one.recipient === null ? (
                      "a new contract"
                    ) : (
                      <>
                        <Link kind="address" value={one.recipient} label={one.recipient} />{" "}
                        {one.contract === null ? null : <span class="quiet">({words(one.contract)})</span>}
                      </>
                    ),
                  ],
                  ["Call", one.method === null ? "none" : one.method],
                  ["Purpose", capital(one.purpose)],
                  ["Value", ether(one.value)],
                  ["Gas", `${count(one.gasUsed)} at ${count(Number(BigInt(one.gasPrice) / 1_000_000n) / 1_000)} gwei`],
                  ["Fee", ether((BigInt(one.gasUsed) * BigInt(one.gasPrice)).toString(), 9)],
                  ["Hash", <Hex value={one.hash} />],
                ]}
              />
            </Card>
            <Card title="Call, decoded">
              {Object.keys(one.args).length === 0 ? (
                <Empty>The call has no arguments.</Empty>
              ) : (
                <Arguments args={one.args} />
              )}
            </Card>
            <Card title="Events, decoded">
              {one.events.length === 0 ? <Empty>It has no event.</Empty> : null}
              {one.events.map((event) => (
                <details key={event.id} class="event">
                  <summary>
                    {words(event.contract)}.<strong>{event.name}</strong>
                  </summary>
                  <Arguments args={event.args} />
                </details>
              ))}
              <Raw path={`/transactions/${hash}/raw`} />
            </Card>
          </>
        )}
      </Loaded>
    </>
  );
}

function Reason({ hash }: { hash: string }): JSX.Element {
  const reason = useData<{ reason: string }>(`/transactions/${hash}/reason`, "never");
  return (
    <Loaded of={reason} what="the reason">
      {({ reason: text }) => <p class="failed">{capital(text)}.</p>}
    </Loaded>
  );
}
