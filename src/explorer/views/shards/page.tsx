import type { JSX } from "preact";

import type { EventLine } from "../../lines.js";
import { useData, useList } from "../../web/data.js";
import { capital, count, plural, short, span } from "../../web/format.js";
import { EVENT_COLUMNS } from "../../web/lines.js";
import { Badge, Card, Countdown, Empty, Facts, From, Hex, Link, Loaded, Time, Title } from "../../web/parts.js";
import type { PageProps } from "../../web/registry.js";
import { now } from "../../web/settings.js";
import { useSignal } from "../../web/signal.js";
import { type Column, LongTable, Table } from "../../web/table.js";
import { MEANINGS, MapLink, Status, Subject, Term, VersionLink, inForce, nameOf, pathOf, sharing } from "./parts.js";
import type {
  HolderLine,
  LimitLine,
  OfferLine,
  Place,
  Schedule,
  ShardTotals,
  VersionDetail,
  VersionLine,
} from "./view.js";

export function Page({ path, parameters }: PageProps): JSX.Element {
  const { fleet = "", subject = "", version = "", id = "" } = parameters;
  switch (path) {
    case "/shards/ids/:id":
      return <OneShard id={id} />;
    case "/shards/:fleet/:subject":
      return <One fleet={fleet} subject={subject} />;
    case "/shards/:fleet/:subject/:version":
      return <Version fleet={fleet} subject={subject} version={version} />;
    default:
      return <All />;
  }
}

function Due({ turn }: { turn: Schedule["turn"] }): JSX.Element {
  const time = useSignal(now);
  if (turn === undefined) return <Badge tone="warning">due at once</Badge>;
  return (
    <>
      {turn.kind === "due" && turn.at < time ? <Badge tone="warning">overdue</Badge> : null} <Countdown to={turn.at} />
    </>
  );
}

const MAPS: readonly Column<Schedule>[] = [
  {
    title: "Shards of",
    width: 1.4,
    cell: (schedule) => <Link kind="shards" value={pathOf(schedule)} label={nameOf(schedule)} />,
  },
  {
    title: "In force",
    width: 1.6,
    cell: ({ current, latest }) =>
      current === undefined ? (
        <>
          <Badge tone="bad">none</Badge> <VersionLink of={latest} /> is {latest.status}
        </>
      ) : (
        <>
          <Status status={current.status} /> <VersionLink of={current} />
        </>
      ),
  },
  { title: "Rotates", width: 1.3, cell: ({ turn }) => <Due turn={turn} /> },
  {
    title: "Shares",
    width: 1.2,
    cell: ({ current, latest }) => {
      const { threshold, shards, replicas } = current ?? latest;
      return `${threshold} of ${shards}, ${plural(replicas, "copy", "copies")}`;
    },
  },
  { title: "Holders", isNumber: true, width: 0.7, cell: ({ current, latest }) => (current ?? latest).holders ?? "?" },
  {
    title: "Put by",
    width: 1.1,
    cell: ({ current, latest }) => <Link kind="transaction" value={(current ?? latest).source.hash} />,
  },
];

function All(): JSX.Element {
  const totals = useData<ShardTotals>("/shard-totals");
  const maps = useList<Schedule & { readonly id: number }>("/shards", "blocks");
  const events = useList<EventLine>("/events?contract=shards");
  return (
    <>
      <Title>Shards</Title>
      <p class="lead">
        Keys that devices rebuild for one use, from shards that holders keep.{" "}
        {totals.value === undefined
          ? ""
          : `${plural(totals.value.maps, "shard map")} in ${plural(totals.value.versions, "version")}: `}
        one hash on the ledger covers a fleet of any size, and says which version serves, until when, and who keeps it.
      </p>
      <Card title="Shard maps in force">
        <LongTable
          label="Shard maps"
          columns={MAPS}
          keyOf={({ id }) => id}
          list={maps}
          empty="No tenant keeps keys in shards yet."
        />
      </Card>
      <Card title="What happened">
        <LongTable
          label="Events of shard maps"
          columns={EVENT_COLUMNS}
          keyOf={({ id }) => id}
          list={events}
          empty="Nothing has happened yet."
        />
      </Card>
    </>
  );
}

const HOLDERS: readonly Column<HolderLine>[] = [
  {
    title: "Holder",
    width: 1.6,
    cell: ({ who }) =>
      who === undefined ? (
        <span class="quiet">nobody on the ledger has this key now</span>
      ) : who.kind === "validator" ? (
        <>
          validator <Link kind="validator" value={who.value} />
        </>
      ) : (
        <Link kind="device" value={who.value} label={`device ${count(who.value)}`} />
      ),
  },
  { title: "Reached at", width: 1.6, cell: ({ endpoint }) => endpoint },
  {
    title: "TLS key (SHA-256)",
    width: 1.6,
    cell: ({ tlsPin }) => (
      <span class="mono" title={tlsPin}>
        {short(tlsPin, 14)}
      </span>
    ),
  },
];

function Keepers({ of: { keepers, keepersSource, replicas } }: { of: VersionDetail }): JSX.Element {
  return (
    <Card title="Holders" aside={<From source={keepersSource} />}>
      {keepers === undefined ? (
        <p class="answer bad">
          <Badge tone="bad">no valid list</Badge> The list of holders on the ledger does not decode: the swarm signs no
          such map, so that no device uses it.
        </p>
      ) : (
        <>
          <p>
            Each shard is kept by {plural(replicas, "holder")} of {keepers.length}: which ones follows from its id, and
            is found by searching for that.
          </p>
          <Table label="Holders" columns={HOLDERS} keyOf={({ tlsPin }) => tlsPin} items={keepers} />
        </>
      )}
    </Card>
  );
}

const VERSIONS: readonly Column<VersionLine>[] = [
  { title: "Version", width: 0.8, cell: (line) => <VersionLink of={line} /> },
  { title: "Status", width: 0.9, cell: ({ status }) => <Status status={status} /> },
  { title: "From", width: 1.5, cell: ({ validFrom }) => <Time at={validFrom} /> },
  { title: "Until", width: 1.5, cell: ({ validUntil }) => <Time at={validUntil} /> },
  { title: "Grace", width: 0.7, cell: ({ graceSeconds }) => (graceSeconds === 0 ? "none" : span(graceSeconds)) },
  { title: "Put by", width: 1.1, cell: ({ source }) => <Link kind="transaction" value={source.hash} /> },
];

const LIMITS: readonly Column<LimitLine>[] = [
  {
    title: "Who",
    width: 2,
    cell: ({ kind, name }) =>
      kind === "device" ? (
        <Link kind="device" value={name} label={`device ${count(name)}`} />
      ) : (
        `devices certified within ${name}`
      ),
  },
  { title: "Get no shards after", width: 1.6, cell: ({ until }) => <Time at={until} /> },
  { title: "By", width: 1.1, cell: ({ source }) => <Link kind="transaction" value={source.hash} /> },
];

const OFFERS: readonly Column<OfferLine>[] = [
  { title: "Device", cell: ({ device }) => <Link kind="device" value={String(device)} /> },
  { title: "Reached at", width: 2, cell: ({ endpoint }) => endpoint },
  { title: "Offered by", cell: ({ source }) => <Link kind="transaction" value={source.hash} /> },
];

function One({ fleet, subject }: { fleet: string; subject: string }): JSX.Element {
  const path = `${encodeURIComponent(fleet)}/${encodeURIComponent(subject)}`;
  const schedule = useData<Schedule>(`/shards/${path}`, "blocks");
  return (
    <>
      <Title kind="Shards of">
        {schedule.value === undefined ? `fleet ${fleet}` : <Subject of={schedule.value} />}
      </Title>
      <Loaded of={schedule} what="the shard map">
        {(value) => <Map schedule={value} path={path} />}
      </Loaded>
    </>
  );
}

function Map({ schedule, path }: { schedule: Schedule; path: string }): JSX.Element {
  const shown = schedule.current ?? schedule.latest;
  const detail = useData<VersionDetail>(`/shards/${path}/${shown.version}`);
  const versions = useList<VersionLine>(`/shard-versions/${path}`, "blocks");
  const changes = useList<EventLine>(`/shard-changes/${path}`);
  const limits = useList<LimitLine>(`/shard-limits/${schedule.fleetId}`);
  const offers = useList<OfferLine>(`/shard-offers/${schedule.fleetId}`);
  return (
    <>
      <Card title="Which version is in force, and when it rotates">
        <Facts list={[...inForce(schedule), ["Map root", <Hex value={shown.root} />]]} />
      </Card>
      <Loaded of={detail} what="its holders">
        {(version) => <Keepers of={version} />}
      </Loaded>
      <Card title="Versions">
        <LongTable label="Versions" columns={VERSIONS} keyOf={({ version }) => version} list={versions} />
      </Card>
      <Card title="Limits in this fleet">
        <LongTable
          label="Limits"
          columns={LIMITS}
          keyOf={({ id }) => id}
          list={limits}
          empty="No device or scope of the fleet was cut off."
        />
      </Card>
      <Card title="Devices of the fleet that offer to keep shards">
        <LongTable
          label="Offers"
          columns={OFFERS}
          keyOf={({ id }) => id}
          list={offers}
          empty="None: validators keep them."
        />
      </Card>
      <Changes list={changes} title="What happened to this map" />
    </>
  );
}

function Changes({ list, title }: { list: ReturnType<typeof useList<EventLine>>; title: string }): JSX.Element {
  return (
    <Card title={title}>
      <LongTable label={title} columns={EVENT_COLUMNS} keyOf={({ id }) => id} list={list} />
    </Card>
  );
}

function Version({ fleet, subject, version }: { fleet: string; subject: string; version: string }): JSX.Element {
  const path = [fleet, subject, version].map(encodeURIComponent).join("/");
  const detail = useData<VersionDetail>(`/shards/${path}`, "blocks");
  return (
    <>
      <Title kind="Shard map">
        version {version}
        {detail.value === undefined ? null : (
          <>
            {" "}
            of <Subject of={detail.value} />
          </>
        )}
      </Title>
      <Loaded of={detail} what="the version">
        {(line) => (
          <>
            <Card title="Terms">
              <Facts
                list={[
                  [
                    "Status",
                    <>
                      <Status status={line.status} /> <span class="quiet">{MEANINGS[line.status]}</span>
                    </>,
                  ],
                  ["Serves", <Term of={line} />],
                  ["Schedule", `the next version is due ${span(line.rotationSeconds)} after its beginning`],
                  ["How keys are shared", capital(sharing(line))],
                  ["Map root", <Hex value={line.root} />],
                  ["On the ledger", <From source={line.source} />],
                  ["Shard map", <MapLink of={line} />],
                ]}
              />
            </Card>
            <Keepers of={line} />
          </>
        )}
      </Loaded>
    </>
  );
}

const PLACES: readonly Column<Place>[] = [
  { title: "If it is a shard of", width: 1.4, cell: (place) => <Subject of={place} /> },
  {
    title: "In",
    width: 1.2,
    cell: (place) => (
      <>
        <VersionLink of={place} /> <Status status={place.status} />
      </>
    ),
  },
  {
    title: "It is kept by",
    width: 3,
    cell: ({ keepers }) =>
      keepers.length === 0 ? (
        <Empty>the list of holders is no valid one</Empty>
      ) : (
        <ol class="plain">
          {keepers.map(({ tlsPin, endpoint, who }) => (
            <li key={tlsPin}>
              {who === undefined ? endpoint : <Link kind={who.kind} value={who.value} label={endpoint} />}
            </li>
          ))}
        </ol>
      ),
  },
];

function OneShard({ id }: { id: string }): JSX.Element {
  const places = useList<Place>(`/shards/ids/${encodeURIComponent(id)}`);
  return (
    <>
      <Title kind="Shard">
        <span class="mono">{id}</span>
      </Title>
      <p class="lead">
        The ledger lists no shards, so that nobody can count a device's, or ask for one: an id is known to its device
        and its generator alone. But each map says who keeps a shard with this id: the holders whose keys, hashed with
        it, give the highest values.
      </p>
      <Card title="Where it is kept">
        <LongTable
          label="Where it is kept"
          columns={PLACES}
          keyOf={({ id: place }) => place}
          list={places}
          empty="No shard map is on the ledger yet."
        />
      </Card>
    </>
  );
}
