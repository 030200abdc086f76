/** What several pages say of shards: which version is in force, when it rotates, what limits it. */
import type { ComponentChildren, JSX } from "preact";

import type { MapStatus } from "../../../ledger/shard-book.js";
import { presentViews, useData } from "../../web/data.js";
import { count, plural, span } from "../../web/format.js";
import { Badge, Card, Countdown, Empty, Facts, From, Link, Loaded, Time } from "../../web/parts.js";
import { now } from "../../web/settings.js";
import { useSignal } from "../../web/signal.js";
import type { Schedule, ShardsOf, Turn, VersionLine, Whose } from "./view.js";

const TONES: Readonly<Record<MapStatus, "good" | "warning" | "bad" | "note">> = {
  pending: "note",
  active: "good",
  grace: "warning",
  ended: "note",
  invalidated: "bad",
};

export const MEANINGS: Readonly<Record<MapStatus, string>> = {
  pending: "it begins later",
  active: "it serves",
  grace: "it is replaced or over, and still served for a while",
  ended: "it is over: holders delete its shards",
  invalidated: "its registrar ended it for ever, grace included",
};

export function Status({ status }: { status: MapStatus }): JSX.Element {
  return <Badge tone={TONES[status]}>{status}</Badge>;
}

export const pathOf = ({ fleetId, subject }: Whose): string => `${fleetId}/${subject}`;

const deviceOf = ({ subject }: Whose): string => String(BigInt(subject) - 1n);

/** "fleet 1", "device 7 of fleet 1". */
export function nameOf(whose: Whose): string {
  const fleet = `fleet ${whose.fleetId}`;
  return whose.subject === "0" ? fleet : `device ${count(deviceOf(whose))} of ${fleet}`;
}

/** The same with links to both. */
export function Subject({ of: whose }: { of: Whose }): JSX.Element {
  const fleet = <Link kind="fleet" value={String(whose.fleetId)} label={`fleet ${whose.fleetId}`} />;
  if (whose.subject === "0") return fleet;
  const device = deviceOf(whose);
  return (
    <>
      <Link kind="device" value={device} label={`device ${count(device)}`} /> of {fleet}
    </>
  );
}

export function VersionLink({ of }: { of: Whose & { readonly version: number } }): JSX.Element {
  return <Link kind="shards" value={`${pathOf(of)}/${of.version}`} label={`version ${of.version}`} />;
}

export function MapLink({ of }: { of: Whose }): JSX.Element {
  return <Link kind="shards" value={pathOf(of)} label="versions, holders, changes" />;
}

/** "any 3 of 5 shards rebuild a key; each is kept 3 times". */
export function sharing({ scheme, threshold, shards, replicas }: VersionLine): string {
  const rebuilt = scheme === "Shamir" ? `any ${threshold} of ${shards} shards` : `all ${plural(shards, "segment")}`;
  return `${rebuilt} rebuild a key; each is kept ${replicas === 1 ? "once" : `${replicas} times`}`;
}

export function NextTurn({ turn }: { turn: Turn | undefined }): JSX.Element {
  const time = useSignal(now);
  if (turn === undefined) return <>the next version is due at once: the newest one was invalidated</>;
  const { kind, version, at, source } = turn;
  if (kind === "begins")
    return (
      <>
        version {version} begins <Countdown to={at} />, <Time at={at} />
        {source === undefined ? null : (
          <>
            ; on the ledger by <From source={source} />
          </>
        )}
      </>
    );
  return (
    <>
      {at < time ? <Badge tone="warning">overdue</Badge> : null} version {version} is due <Countdown to={at} />,{" "}
      <Time at={at} />
    </>
  );
}

/** What is in force, and until when: the facts of both a device's page and a map's. */
export function inForce({ current, latest, turn }: Schedule): readonly (readonly [string, ComponentChildren])[] {
  const shown = current ?? latest;
  return [
    [
      "In force",
      current === undefined ? (
        <>
          <Badge tone="bad">none</Badge> the newest, <VersionLink of={latest} />, is {latest.status}:{" "}
          {MEANINGS[latest.status]}
        </>
      ) : (
        <>
          <Status status={current.status} /> <VersionLink of={current} />, on the ledger by{" "}
          <From source={current.source} />
        </>
      ),
    ],
    ["Rotates", <NextTurn turn={turn} />],
    ["Serves", <Term of={shown} />],
    [
      "How keys are shared",
      `${sharing(shown)}${shown.holders === undefined ? "" : `, by ${plural(shown.holders, "holder")}`}`,
    ],
  ];
}

/** From when until when, and how long after that. */
export function Term({ of: { validFrom, validUntil, graceSeconds } }: { of: VersionLine }): JSX.Element {
  return (
    <>
      <Time at={validFrom} /> to <Time at={validUntil} /> (<Countdown to={validUntil} />
      ), {graceSeconds === 0 ? "without grace" : `and ${span(graceSeconds)} of grace`}
    </>
  );
}

type Limits = ShardsOf["limits"];

/** Absent where nothing is limited. */
export function LimitList({ limits }: { limits: Limits }): JSX.Element | null {
  if (limits.length === 0) return null;
  return (
    <>
      <h3>Limits</h3>
      <ul class="story">
        {limits.map(({ kind, name, until, bites, source }) => (
          <li key={`${kind} ${name}`}>
            {bites ? <Badge tone="bad">cut off</Badge> : <Badge tone="note">not in effect</Badge>}{" "}
            {kind === "device" ? "This device gets" : `Devices certified within ${name} get`} no shards after{" "}
            <Time at={until} /> of versions that began before; by <From source={source} />
          </li>
        ))}
      </ul>
    </>
  );
}

/** On the page of a device or a fleet; absent where the mesh keeps no shards. */
/** @param isRefused whether the device is revoked or held: the map serves its fleet, and not it */
export function ShardsCard({
  of,
  index,
  isRefused = false,
}: {
  of: "device" | "fleet";
  index: number;
  isRefused?: boolean;
}): JSX.Element | null {
  const isPresent = useSignal(presentViews)?.has("shards") === true;
  // What serves, and what is cut off, changes with time alone.
  const shards = useData<ShardsOf>(isPresent ? `/shards-of/${of}/${index}` : undefined, "blocks");
  if (!isPresent) return null;
  return (
    <Card title={of === "device" ? "Which shard map is in force for it?" : "Which shard map is in force?"}>
      <Loaded of={shards} what="its shards">
        {({ schedule, limits }) =>
          schedule === undefined ? (
            <Empty>
              No shard map is on the ledger for {of === "device" ? "it or its fleet" : "it"}: its keys are not kept in
              shards.
            </Empty>
          ) : (
            <>
              {isRefused ? (
                <p>
                  <Badge tone="bad">refused</Badge> Holders give it no shard while it is revoked or held, whatever the
                  map says.
                </p>
              ) : null}
              <Facts
                list={[
                  [
                    "Shard map",
                    <>
                      {of === "fleet" ? "" : schedule.subject === "0" ? "its fleet's: " : "its own: "}
                      <MapLink of={schedule} />
                    </>,
                  ],
                  ...inForce(schedule),
                ]}
              />
              <LimitList limits={limits} />
            </>
          )
        }
      </Loaded>
    </Card>
  );
}
