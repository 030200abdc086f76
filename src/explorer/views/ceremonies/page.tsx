import type { JSX } from "preact";

import type { Source } from "../../lines.js";
import { useData, useList } from "../../web/data.js";
import { capital, count, ether, plural } from "../../web/format.js";
import { EVENT_COLUMNS } from "../../web/lines.js";
import { Badge, Card, Countdown, Empty, Facts, Folded, From, Link, Loaded, Time, Title } from "../../web/parts.js";
import type { PageProps } from "../../web/registry.js";
import { type Column, LongTable, Table } from "../../web/table.js";
import type { Attempt, CeremonyDetail, CeremonyLine, Failure, Participant, Phase } from "./view.js";

const TONES = {
  accept: "note",
  deal: "note",
  complain: "note",
  acknowledge: "note",
  active: "good",
  failed: "bad",
} as const;
const STEPS: readonly Phase[] = ["accept", "deal", "complain", "acknowledge", "active"];
const NAMES: Readonly<Record<Phase, string>> = {
  accept: "Accept",
  deal: "Deal",
  complain: "Complain",
  acknowledge: "Acknowledge",
  active: "In office",
  failed: "Failed",
};

export function Page({ path, parameters }: PageProps): JSX.Element {
  return path === "/ceremonies" ? <All /> : <One ceremony={parameters["ceremony"] ?? ""} />;
}

const COLUMNS: readonly Column<CeremonyLine>[] = [
  {
    title: "Ceremony",
    cell: ({ ceremony, kind }) => <Link kind="ceremony" value={ceremony} label={`${ceremony}: ${kind}`} />,
    width: 1.4,
  },
  {
    title: "Stands",
    width: 1.5,
    cell: ({ phase, ended, deadline }) => (
      <>
        <Badge tone={TONES[phase]}>{phase === "active" ? "succeeded" : NAMES[phase]}</Badge>{" "}
        {ended === undefined && deadline > 0 ? <Countdown to={deadline} /> : null}
      </>
    ),
  },
  { title: "Seats", isNumber: true, cell: ({ seats, threshold }) => `${threshold} of ${seats}` },
  { title: "Attempts", isNumber: true, cell: ({ attempts }) => attempts },
  {
    title: "Failures",
    isNumber: true,
    cell: ({ failures }) => (failures === 0 ? "none" : <Badge tone="bad">{failures}</Badge>),
  },
  {
    title: "Began",
    width: 2,
    cell: ({ started }) => (
      <>
        <Time at={started.time} /> <Link kind="transaction" value={started.hash} />
      </>
    ),
  },
];

function All(): JSX.Element {
  const list = useList<CeremonyLine>("/ceremonies?limit=25");
  return (
    <>
      <Title>Key ceremonies</Title>
      <p class="lead">
        How a committee comes to share two keys that nobody holds. The ledger orders what each member posts, and names
        and fines who cheats or is silent.
      </p>
      <LongTable
        label="Ceremonies"
        columns={COLUMNS}
        keyOf={({ ceremony }) => ceremony}
        list={list}
        empty="There was no ceremony yet."
      />
    </>
  );
}

function One({ ceremony }: { ceremony: string }): JSX.Element {
  const detail = useData<CeremonyDetail>(`/ceremonies/${ceremony}`);
  return (
    <>
      <Title kind="Ceremony">{ceremony}</Title>
      <Loaded of={detail} what="the ceremony">
        {(one) => (
          <>
            <Card title="How it stands">
              <Progress phase={one.phase} />
              <Facts
                list={[
                  ["Kind", capital(one.kind)],
                  [
                    "Now",
                    one.ended === undefined ? (
                      <>
                        {one.next}{" "}
                        {one.deadline > 0 ? (
                          <>
                            <strong>
                              Deadline <Countdown to={one.deadline} />
                            </strong>
                          </>
                        ) : null}
                      </>
                    ) : (
                      one.next
                    ),
                  ],
                  ["Seats", `${one.seats}, of which ${one.threshold} sign together`],
                  ["Attempts", count(one.attempts)],
                  ["Fines", <Fines attempts={one.list} />],
                  ["Gas so far", count(one.gas)],
                  ["Began", <From source={one.started} />],
                  one.ended !== undefined && [
                    one.phase === "active" ? "Succeeded" : "Ended",
                    <From source={one.ended} />,
                  ],
                ]}
              />
            </Card>
            {one.list.slice(0, SHOWN_ATTEMPTS).map((attempt) => (
              <AttemptCard key={attempt.attempt} attempt={attempt} />
            ))}
            {one.list.slice(SHOWN_ATTEMPTS).map((attempt) => (
              <Folded key={attempt.attempt} title={`Attempt ${attempt.attempt}: ${outcome(attempt)}`}>
                <AttemptCard attempt={attempt} />
              </Folded>
            ))}
            <Card title="All its events">
              <Table
                label="Events of the ceremony"
                columns={EVENT_COLUMNS}
                keyOf={({ id }) => id}
                items={one.events.slice(-400)}
              />
            </Card>
          </>
        )}
      </Loaded>
    </>
  );
}

/** Attempts that are shown at length; the older ones are folded. */
const SHOWN_ATTEMPTS = 2;

function outcome({ phase, failures }: Attempt): string {
  return `${phase === "failed" ? "came to nothing" : NAMES[phase].toLowerCase()}, ${plural(failures.length, "failure")}`;
}

/** Who paid how much in all attempts together. */
function Fines({ attempts }: { attempts: readonly Attempt[] }): JSX.Element {
  const fines = new Map<string, bigint>();
  for (const { account, cost } of attempts.flatMap(({ failures }) => failures)) {
    if (cost !== "0") fines.set(account, (fines.get(account) ?? 0n) + BigInt(cost));
  }
  if (fines.size === 0) return <>none</>;
  return (
    <>
      {[...fines].map(([account, cost]) => (
        <span key={account} class="block">
          <Link kind="validator" value={account} /> {ether(String(cost))}
        </span>
      ))}
    </>
  );
}

function Progress({ phase }: { phase: Phase }): JSX.Element {
  const at = STEPS.indexOf(phase);
  return (
    <ol class="steps" aria-label="Phases">
      {STEPS.map((step, i) => (
        <li
          key={step}
          class={i < at || phase === "active" ? "done" : i === at ? "now" : ""}
          aria-current={i === at ? "step" : undefined}
        >
          {NAMES[step]}
        </li>
      ))}
    </ol>
  );
}

function Did({ source, no = "not yet" }: { source: Source | undefined; no?: string }): JSX.Element {
  if (source === undefined) return <span class="quiet">{no}</span>;
  return (
    <span class="did">
      <span aria-hidden="true">✓</span> <Link kind="transaction" value={source.hash} />
    </span>
  );
}

const FAILURES: readonly Column<Failure>[] = [
  {
    title: "Validator",
    cell: ({ account, seat }) => (
      <>
        {account === "" ? "unknown" : <Link kind="validator" value={account} />}{" "}
        {seat > 0 ? <span class="quiet">seat {seat}</span> : null}
      </>
    ),
    width: 1.4,
  },
  { title: "What went wrong", width: 3, cell: ({ words }) => capital(words) },
  { title: "Cost", isNumber: true, cell: ({ cost }) => (cost === "0" ? "nothing" : <strong>{ether(cost)}</strong>) },
  { title: "Transaction", cell: ({ source }) => <Link kind="transaction" value={source.hash} /> },
];

function columnsFor({ phase, dealers }: Attempt): readonly Column<Participant>[] {
  const over = phase === "active" || phase === "failed";
  const no = over ? "no" : "not yet";
  const columns: Column<Participant>[] = [
    { title: "Seat", width: 0.5, cell: ({ seat }) => (seat === 0 ? <span class="quiet">–</span> : seat) },
    { title: "Validator", width: 1.4, cell: ({ account }) => <Link kind="validator" value={account} /> },
    { title: "Accepted", cell: ({ accepted }) => <Did source={accepted} no={no} />, width: 1.3 },
  ];
  if (dealers.length === 0) {
    columns.push({
      title: "Dealt",
      width: 1.6,
      cell: ({ dealt, counted }) => (
        <>
          <Did source={dealt} no={no} /> {counted ? <Badge tone="good">counts</Badge> : null}
        </>
      ),
    });
  }
  columns.push({
    title: "Acknowledged its shares",
    width: 1.6,
    cell: ({ acknowledged }) => <Did source={acknowledged} no={no} />,
  });
  return columns;
}

const DEALERS: readonly Column<Participant>[] = [
  { title: "Seat", width: 0.5, cell: ({ seat }) => seat },
  { title: "Dealer", width: 1.4, cell: ({ account }) => <Link kind="validator" value={account} /> },
  {
    title: "Dealt",
    width: 3,
    cell: ({ dealt, counted }) => (
      <>
        <Did source={dealt} no="no" /> {counted ? <Badge tone="good">counts</Badge> : null}
      </>
    ),
  },
];

function AttemptCard({ attempt }: { attempt: Attempt }): JSX.Element {
  const { attempt: number, phase, participants, dealers, failures, gas } = attempt;
  return (
    <Card
      title={`Attempt ${number}`}
      aside={
        <>
          <Badge tone={TONES[phase]}>{phase === "active" ? "succeeded" : NAMES[phase]}</Badge>{" "}
          <span class="quiet">{count(gas)} gas</span>
        </>
      }
    >
      {failures.length === 0 ? (
        <p>Nobody failed.</p>
      ) : (
        <>
          <h3>{plural(failures.length, "failure")}</h3>
          <Table
            label={`Failures of attempt ${number}`}
            columns={FAILURES}
            keyOf={({ account, words }) => `${account}${words}`}
            items={failures}
          />
        </>
      )}
      {dealers.length === 0 ? null : (
        <>
          <h3>Dealers: the committee before</h3>
          <Table
            label={`Dealers of attempt ${number}`}
            columns={DEALERS}
            keyOf={({ account }) => account}
            items={dealers}
          />
        </>
      )}
      <h3>{dealers.length === 0 ? "Members" : "Receivers: the committee to be"}</h3>
      {participants.length === 0 ? (
        <Empty>Nobody was invited yet.</Empty>
      ) : (
        <Table
          label={`Members of attempt ${number}`}
          columns={columnsFor(attempt)}
          keyOf={({ account }) => account}
          items={participants}
        />
      )}
    </Card>
  );
}
