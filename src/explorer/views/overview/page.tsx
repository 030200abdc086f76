import type { JSX } from "preact";

import { useData } from "../../web/data.js";
import { count, plural, span } from "../../web/format.js";
import { EVENT_COLUMNS } from "../../web/lines.js";
import { Badge, Card, Countdown, Empty, Facts, From, Hex, Link, Loaded, Time, Title, Value } from "../../web/parts.js";
import { now } from "../../web/settings.js";
import { useSignal } from "../../web/signal.js";
import { Table } from "../../web/table.js";
import type { Finding, Level, Overview } from "./view.js";

const VERDICTS: Readonly<Record<Level, string>> = {
  good: "The mesh is healthy",
  note: "The mesh is healthy",
  warning: "The mesh works, and something needs attention",
  bad: "The mesh is not healthy",
};
const SIGNS: Readonly<Record<Level, string>> = { good: "✓", note: "i", warning: "!", bad: "✕" };
const SPOKEN: Readonly<Record<Level, string>> = { good: "good", note: "note", warning: "warning", bad: "bad" };

export function Page(): JSX.Element {
  const overview = useData<Overview>("/overview", "blocks");
  return (
    <>
      <Title>Overview</Title>
      <Loaded of={overview} what="the overview">
        {(value) => <Shown overview={value} />}
      </Loaded>
    </>
  );
}

function Shown({ overview }: { overview: Overview }): JSX.Element {
  const { findings, office, deadlines, totals, recent, parameters, meshId, genesis, asOf } = overview;
  return (
    <>
      <Health findings={findings} isFounded={office !== undefined} asOf={asOf} />
      <div class="tiles">
        <Tile
          title="Epoch"
          value={office === undefined ? "none" : count(office.epoch)}
          note={office === undefined ? "nobody is in office" : <Term office={office} />}
        />
        <Tile
          title="Quorum"
          value={office === undefined ? "none" : `${office.t} of ${office.n}`}
          note={
            office === undefined
              ? ""
              : office.margin < 0
                ? "cannot sign"
                : `${plural(office.margin, "more seat")} may fail`
          }
        />
        <Tile
          title="Revocation head"
          value={overview.head === undefined ? "none" : <HeadAge issued={overview.head.issued} />}
          note={
            overview.head === undefined ? (
              "on the ledger"
            ) : (
              <>
                ends <Countdown to={overview.head.expires} />
              </>
            )
          }
          href="/revocation"
        />
        {overview.beacon === undefined ? null : (
          <Tile
            title="Beacon"
            value={<code title={overview.beacon.value}>{overview.beacon.value.slice(0, 10)}…</code>}
            note={
              <>
                drew epoch {count(overview.beacon.epoch)}, <Ago at={overview.beacon.source.time} />
              </>
            }
            href={`/epochs/${overview.beacon.epoch}`}
          />
        )}
        <Tile
          title="Devices"
          value={count(totals.devices)}
          note={`${plural(totals.fleets, "fleet")}, ${count(totals.revoked)} revoked`}
          href="/fleets"
        />
        <Tile title="Gas today" value={count(totals.gasToday)} note="since midnight UTC" href="/gas" />
      </div>
      <div class="columns">
        <Card title="Committee in office" aside={office === undefined ? undefined : <From source={office.source} />}>
          {office === undefined ? (
            <Empty>Nobody is in office yet: the key ceremony has to succeed first.</Empty>
          ) : (
            <ol class="seats">
              {office.seats.map(({ seat, account, endpoint, scope, sound, words, silent }) => (
                <li key={seat} class={sound ? "" : "unsound"}>
                  <span class="seat">{seat}</span>
                  <span>
                    <Link kind="validator" value={account} />
                    <span class="quiet block">
                      {endpoint === "" ? "no endpoint" : endpoint} · {scope === "" ? "no scope" : scope}
                    </span>
                  </span>
                  {sound && silent !== undefined ? (
                    <Badge tone="warning">
                      <span title={silent}>silent</span>
                    </Badge>
                  ) : (
                    <Badge tone={sound ? "good" : "bad"}>{words}</Badge>
                  )}
                </li>
              ))}
            </ol>
          )}
        </Card>
        <Card title="Next deadlines">
          {deadlines.length === 0 ? (
            <Empty>Nothing is due.</Empty>
          ) : (
            <ul class="deadlines">
              {deadlines.map(({ title, at, path }) => (
                <li key={title}>
                  <a href={path}>{title}</a>
                  <span>
                    <Countdown to={at} />{" "}
                    <span class="quiet">
                      <Time at={at} />
                    </span>
                  </span>
                </li>
              ))}
            </ul>
          )}
        </Card>
      </div>
      <Card title="What happened last" aside={<a href="/events">All events</a>}>
        <Table
          label="Newest events"
          columns={EVENT_COLUMNS}
          keyOf={({ id }) => id}
          items={recent}
          empty="Nothing has happened yet."
        />
      </Card>
      <Card title="This mesh">
        <Facts
          list={[
            ["Mesh id", <Hex value={meshId} />],
            genesis !== undefined && ["Began", <From source={genesis} />],
            ...Object.entries(parameters).map(
              ([name, value]) => [LABELS[name] ?? name, <Parameter name={name} value={value} />] as const,
            ),
          ]}
        />
      </Card>
    </>
  );
}

const LABELS: Readonly<Record<string, string>> = {
  committeeSize: "Seats of a committee",
  admission: "Admission (0: by the swarm, 1: open)",
  slashBps: "Fine for an offence",
  minimumStake: "Least stake to register; half of it to stay",
  phaseSeconds: "Phase of a ceremony",
  unbondingSeconds: "From exit to withdrawal",
  tickSeconds: "Tick",
  headSeconds: "Revocation head each",
  headLifetimeSeconds: "Life of a revocation head",
  finalityBlocks: "Blocks to finality (0: the chain's own)",
  certificatePeriodSeconds: "Period of certificate quotas",
  recoverySeconds: "Window of a recovery",
  epochSeconds: "Epoch",
  probationSeconds: "Probation of a new committee",
  probationHeads: "Scheduled heads to the end of a probation",
  probesPerEpoch: "Probes of a member in an epoch (0: none)",
  rewardBps: "Paid out of the reward pool each epoch",
};

function Parameter({ name, value }: { name: string; value: string }): JSX.Element {
  if (name === "slashBps") return <>{Number(value) / 100}% of the stake, a quarter of that for a missing dealing</>;
  if (name === "rewardBps") return <>{Number(value) / 100}%</>;
  return <Value value={value} name={name} />;
}

/** Sentences are as of a moment: from this age on it is said, as where the ledger stands still. */
const AGED_SECONDS = 10;

function Health({
  findings,
  isFounded,
  asOf,
}: {
  findings: readonly Finding[];
  isFounded: boolean;
  asOf: number;
}): JSX.Element {
  const age = useSignal(now) - asOf;
  const worst: Level = findings[0]?.level ?? "note";
  const isBeginning = !isFounded && worst !== "bad" && worst !== "warning";
  return (
    <section class={`health ${worst}`} aria-labelledby="health">
      <h2 id="health" data-level={worst}>
        <span class="sign" aria-hidden="true">
          {SIGNS[worst === "note" ? "good" : worst]}
        </span>
        {isBeginning ? "The mesh is being founded" : VERDICTS[worst]}
        {age > AGED_SECONDS ? <span class="quiet aged">as of {span(age)} ago</span> : null}
      </h2>
      <ul>
        {findings.map(({ level, title, detail, path }) => (
          <li key={title} class={level}>
            <span class="sign" aria-hidden="true">
              {SIGNS[level]}
            </span>
            <span>
              <span class="sr">{SPOKEN[level]}: </span>
              <strong>{path === undefined ? title : <a href={path}>{title}</a>}</strong> {detail}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Term({ office }: { office: NonNullable<Overview["office"]> }): JSX.Element {
  if (office.until === undefined)
    return (
      <>
        in office since <Time at={office.source.time} />, until a handover
      </>
    );
  return (
    <>
      <Until at={office.until} /> (<Countdown to={office.until} />)
    </>
  );
}

function Until({ at }: { at: number }): JSX.Element {
  const isOver = useSignal(now) > at;
  return (
    <>
      {isOver ? "its time ended" : "until"} <Time at={at} />
    </>
  );
}

function Ago({ at }: { at: number }): JSX.Element {
  return <>{span(Math.max(0, useSignal(now) - at))} ago</>;
}

function HeadAge({ issued }: { issued: number }): JSX.Element {
  return <>{span(Math.max(0, useSignal(now) - issued))} old</>;
}

function Tile({
  title,
  value,
  note,
  href,
}: {
  title: string;
  value: preact.ComponentChildren;
  note: preact.ComponentChildren;
  href?: string;
}): JSX.Element {
  return (
    <div class="tile">
      <h3>{href === undefined ? title : <a href={href}>{title}</a>}</h3>
      <p class="big">{value}</p>
      <p class="quiet">{note}</p>
    </div>
  );
}
