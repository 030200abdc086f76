import type { JSX } from "preact";

import { deviceOfOperator } from "../../../statements/device-operator.js";
import type { HistoryLine } from "../addresses/view.js";
import { presentViews, useData, useList } from "../../web/data.js";
import { count, ether } from "../../web/format.js";
import { HISTORY_COLUMNS, historyKey } from "../../web/history.js";
import { go, usePlace } from "../../web/navigation.js";
import { Badge, Card, Empty, Facts, From, Hex, Link, Loaded, Time, Title } from "../../web/parts.js";
import type { PageProps } from "../../web/registry.js";
import { useSignal } from "../../web/signal.js";
import type { DrawsOf, Explanation } from "../draws/view.js";
import { Class, Service } from "../service/parts.js";
import { type Column, LongTable, Table } from "../../web/table.js";
import type { CeremonyPart, Slash, ValidatorCounts, ValidatorDetail, ValidatorLine, ValidatorState } from "./view.js";

const TONES = { active: "good", admitted: "note", exiting: "warning", exited: "note" } as const;
const MEANINGS: Readonly<Record<ValidatorState, string>> = {
  admitted: "may register with a stake",
  active: "staked, and a candidate for the committee",
  exiting: "leaves; its stake is free later",
  exited: "took its stake and is gone",
};

export function Page({ path, parameters }: PageProps): JSX.Element {
  return path === "/validators" ? <All /> : <One account={parameters["account"] ?? ""} />;
}

const COLUMNS: readonly Column<ValidatorLine>[] = [
  { title: "Validator", width: 1.5, cell: ({ account }) => <Link kind="validator" value={account} /> },
  {
    title: "State",
    cell: ({ state, seat }) => (
      <>
        <Badge tone={TONES[state]}>{state}</Badge> {seat > 0 ? <Badge tone="good">seat {seat}</Badge> : null}
      </>
    ),
    width: 1.4,
  },
  { title: "Stake", isNumber: true, cell: ({ stake }) => ether(stake) },
  { title: "Quality", isNumber: true, width: 0.8, cell: ({ quality }) => <Class value={quality} /> },
  { title: "Reputation", isNumber: true, width: 0.8, cell: ({ reputation }) => <Class value={reputation} /> },
  {
    title: "Reached at",
    width: 1.5,
    cell: ({ endpoint }) => (endpoint === "" ? <span class="quiet">not registered</span> : endpoint),
  },
  { title: "Scope", cell: ({ scope }) => scope },
  { title: "Last change", width: 1.2, cell: ({ source }) => <Link kind="transaction" value={source.hash} /> },
];

const STATES = ["all", "active", "admitted", "exiting", "exited"] as const;

function All(): JSX.Element {
  const state = usePlace().search.get("state") ?? "all";
  const counts = useData<ValidatorCounts>("/validator-counts");
  const list = useList<ValidatorLine>(`/validators?state=${encodeURIComponent(state)}`);
  return (
    <>
      <Title>Validators</Title>
      <p class="lead">
        The members that may be drawn into the committee: who they are, what they stake, how well they serve, and how to
        reach them.
      </p>
      <div class="filters" role="group" aria-label="State">
        {STATES.map((name) => (
          <button
            key={name}
            type="button"
            aria-pressed={state === name}
            onClick={() => go(name === "all" ? "/validators" : `/validators?state=${name}`, true)}
          >
            {name} {counts.value === undefined ? "" : count(counts.value[name])}
          </button>
        ))}
      </div>
      <LongTable
        label="Validators"
        columns={COLUMNS}
        keyOf={({ account }) => account}
        list={list}
        empty="No validator is in this state."
      />
    </>
  );
}

const PARTS: readonly Column<CeremonyPart>[] = [
  {
    title: "Ceremony",
    width: 1,
    cell: ({ ceremony }) => <Link kind="ceremony" value={ceremony} label={`Ceremony ${ceremony}`} />,
  },
  { title: "Seat", width: 0.5, cell: ({ seat }) => (seat === 0 ? <span class="quiet">none</span> : seat) },
  {
    title: "What it did, or why it has no seat",
    width: 5,
    cell: ({ words, failed }) =>
      failed ? (
        <>
          <Badge tone="bad">failed</Badge> {words}
        </>
      ) : (
        words
      ),
  },
];

const SLASHES: readonly Column<Slash>[] = [
  { title: "When", cell: ({ source }) => <Time at={source.time} /> },
  { title: "For", width: 2, cell: ({ offence }) => offence },
  { title: "Lost", isNumber: true, cell: ({ amount }) => ether(amount) },
  { title: "Left", isNumber: true, cell: ({ left }) => ether(left) },
  { title: "Transaction", cell: ({ source }) => <Link kind="transaction" value={source.hash} /> },
];

const DRAWS: readonly Column<Explanation>[] = [
  {
    title: "Epoch",
    width: 0.6,
    cell: ({ epoch }) => <Link kind="epoch" value={String(epoch)} label={`Epoch ${epoch}`} />,
  },
  { title: "Drawn, or why not", width: 6, cell: ({ words }) => words },
];

/** Absent where the mesh draws no committees. */
function Draws({ account }: { account: string }): JSX.Element | null {
  const isPresent = useSignal(presentViews)?.has("draws") === true;
  const draws = useData<DrawsOf>(isPresent ? `/draws-of/${account}` : undefined);
  if (!isPresent) return null;
  return (
    <Card title="In the draws">
      <Loaded of={draws} what="the draws">
        {({ weight, total, items }) => (
          <>
            <p>
              In the next draw it weighs {count(weight)} of {count(total)}
              {total === 0 ? "" : ` (${((100 * weight) / total).toFixed(1)}%)`}.
            </p>
            <Table
              label="Draws"
              columns={DRAWS}
              keyOf={({ epoch }) => epoch}
              items={items}
              empty="No committee was drawn yet."
            />
          </>
        )}
      </Loaded>
    </Card>
  );
}

function One({ account }: { account: string }): JSX.Element {
  const detail = useData<ValidatorDetail>(`/validators/${account}`);
  const history = useList<HistoryLine>(`/addresses/${account}/history`);
  return (
    <>
      <Title kind="Validator">
        <span class="mono">{account}</span>
      </Title>
      <Loaded of={detail} what="the validator">
        {(one) => (
          <>
            <Card title="Standing">
              <Facts
                list={[
                  [
                    "State",
                    <>
                      <Badge tone={TONES[one.state]}>{one.state}</Badge>{" "}
                      <span class="quiet">{MEANINGS[one.state]}</span>
                    </>,
                  ],
                  ["Committee", one.seat > 0 ? <Badge tone="good">in office, seat {one.seat}</Badge> : "not in office"],
                  [
                    "May be invited",
                    one.eligible
                      ? "yes"
                      : `no: it takes an active validator with at least half of ${ether(one.minimumStake)}, not jailed, and not of a revoked device`,
                  ],
                  ["Stake", ether(one.stake)],
                  one.withdrawable > 0 && ["Stake is free from", <Time at={one.withdrawable} />],
                  ["Reached at", one.endpoint === "" ? "not registered yet" : one.endpoint],
                  ["Scope", one.scope === "" ? "none" : one.scope],
                  ["Operator", <Operator value={one.operator} />],
                  one.tlsPin !== "" && ["TLS key (SHA-256)", <Hex value={one.tlsPin} />],
                  ["Last change", <From source={one.source} />],
                ]}
              />
            </Card>
            <Service account={account} />
            <Draws account={account} />
            <Card title="In the key ceremonies">
              <Table
                label="Ceremonies"
                columns={PARTS}
                keyOf={({ ceremony }) => ceremony}
                items={one.parts}
                empty="There was no ceremony yet."
              />
            </Card>
            <Card title="Fines">
              {one.slashes.length === 0 ? (
                <Empty>It was never fined.</Empty>
              ) : (
                <Table label="Fines" columns={SLASHES} keyOf={({ source }) => source.hash} items={one.slashes} />
              )}
            </Card>
          </>
        )}
      </Loaded>
      <Card title="History">
        <LongTable
          label="History"
          columns={HISTORY_COLUMNS}
          keyOf={historyKey}
          list={history}
          empty="Nothing is known of it."
        />
      </Card>
    </>
  );
}

/** A hash, or the device that the candidate is. */
function Operator({ value }: { value: string }): JSX.Element {
  const index = deviceOfOperator(value);
  return index === undefined ? (
    <Hex value={value} />
  ) : (
    <Link kind="device" value={String(index)} label={`Device ${index}`} />
  );
}
