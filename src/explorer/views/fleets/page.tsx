import type { JSX } from "preact";

import { useData, useList } from "../../web/data.js";
import { capital, count, plural, span } from "../../web/format.js";
import { Badge, Card, Countdown, Empty, Facts, From, Hex, Link, Loaded, Time, Title } from "../../web/parts.js";
import type { PageProps } from "../../web/registry.js";
import { ProofBox } from "../../web/proof.js";
import { type Column, LongTable, Table } from "../../web/table.js";
import { ShardsCard } from "../shards/parts.js";
import type {
  BatchLine,
  DeviceDetail,
  FleetDetail,
  FleetLine,
  FleetTotals,
  GrantLine,
  Policy,
  TenantDetail,
} from "./view.js";

export function Page({ path, parameters }: PageProps): JSX.Element {
  switch (path) {
    case "/fleets/:fleet":
      return <Fleet id={parameters["fleet"] ?? ""} />;
    case "/tenants/:account":
      return <Tenant account={parameters["account"] ?? ""} />;
    case "/grants/:grant":
      return <Grant id={parameters["grant"] ?? ""} />;
    case "/devices/:index":
      return <Device index={parameters["index"] ?? ""} />;
    default:
      return <All />;
  }
}

const tenant = (account: string): JSX.Element => (
  <a href={`/tenants/${account}`} class="mono" title={account}>{`${account.slice(0, 8)}…${account.slice(-4)}`}</a>
);

const GRANTS: readonly Column<GrantLine>[] = [
  { title: "Grant", width: 0.6, cell: ({ grantId }) => <Link kind="grant" value={String(grantId)} /> },
  { title: "Tenant", width: 1.2, cell: ({ registrar }) => tenant(registrar) },
  { title: "Where", width: 2, cell: ({ scopes }) => scopes.join(", ") },
  { title: "Left", width: 2, cell: (grant) => <Left grant={grant} /> },
  { title: "Ends", width: 1.4, cell: ({ expiry }) => <Ends at={expiry} /> },
  { title: "Given by", width: 1.1, cell: ({ source }) => <Link kind="transaction" value={source.hash} /> },
];

const FLEETS: readonly Column<FleetLine>[] = [
  { title: "Fleet", width: 0.6, cell: ({ fleetId }) => <Link kind="fleet" value={String(fleetId)} /> },
  { title: "Tenant", width: 1.2, cell: ({ registrar }) => tenant(registrar) },
  { title: "Devices", isNumber: true, cell: ({ devices }) => count(devices) },
  { title: "Where", width: 2, cell: ({ policy }) => policy.scopes.join(", ") },
  { title: "Certificates for at most", width: 1.4, cell: ({ policy }) => span(policy.maximumLifetime) },
  { title: "Registered by", width: 1.1, cell: ({ source }) => <Link kind="transaction" value={source.hash} /> },
];

const BATCHES: readonly Column<BatchLine>[] = [
  { title: "Batch", width: 0.5, cell: ({ batch }) => batch },
  {
    title: "Devices",
    width: 2,
    cell: ({ base, count: many }) => (
      <>
        <Link kind="device" value={String(base)} /> to <Link kind="device" value={String(base + many - 1)} />{" "}
        <span class="quiet">({count(many)})</span>
      </>
    ),
  },
  { title: "Manifest root", width: 2, cell: ({ manifestRoot }) => <code class="break">{manifestRoot}</code> },
  { title: "Registered by", cell: ({ source }) => <Link kind="transaction" value={source.hash} /> },
];

function Left({ grant: { left, indexes } }: { grant: GrantLine }): JSX.Element {
  return (
    <span class="meter">
      <span>
        <strong>{count(left)}</strong> of {plural(indexes, "device")} left
      </span>
      <meter min={0} max={indexes} value={left} aria-label={`${count(left)} of ${count(indexes)} left`} />
    </span>
  );
}

function Ends({ at }: { at: number }): JSX.Element {
  return at < Date.now() / 1000 ? (
    <>
      <Badge tone="warning">ended</Badge> <Time at={at} />
    </>
  ) : (
    <>
      <Time at={at} />{" "}
      <span class="quiet">
        (<Countdown to={at} />)
      </span>
    </>
  );
}

function All(): JSX.Element {
  const totals = useData<FleetTotals>("/fleet-totals");
  const grants = useList<GrantLine>("/grants");
  const fleets = useList<FleetLine>("/fleets");
  return (
    <>
      <Title>Fleets</Title>
      <p class="lead">
        {totals.value === undefined
          ? "Tenants register devices within their grants."
          : `${plural(totals.value.devices, "device")} in ${plural(totals.value.fleets, "fleet")}, under ${plural(totals.value.grants, "grant")}.`}{" "}
        The ledger keeps one hash for each batch of devices; a device is found by its index.
      </p>
      <Card title="Grants to tenants">
        <LongTable
          label="Grants"
          columns={GRANTS}
          keyOf={({ grantId }) => grantId}
          list={grants}
          empty="No tenant has a grant yet."
        />
      </Card>
      <Card title="Fleets" id="list-of-fleets">
        <LongTable
          label="Fleets"
          columns={FLEETS}
          keyOf={({ fleetId }) => fleetId}
          list={fleets}
          empty="No fleet is registered yet."
        />
      </Card>
    </>
  );
}

function policyFacts({
  scopes,
  maximumLifetime,
  quota,
  joinMethods,
  graceSeconds,
}: Policy): readonly (readonly [string, string])[] {
  return [
    ["Where its certificates count", scopes.join(", ")],
    ["Longest certificate", span(maximumLifetime)],
    ["Certificates in a period", plural(quota, "for each device", "for each device")],
    ["Ways to join", joinMethods.join(", ")],
    ["Renewal after the end", graceSeconds === 0 ? "not possible" : `for ${span(graceSeconds)}`],
  ];
}

function Fleet({ id }: { id: string }): JSX.Element {
  const detail = useData<FleetDetail>(`/fleets/${id}`);
  return (
    <>
      <Title kind="Fleet">{id}</Title>
      <Loaded of={detail} what="the fleet">
        {(fleet) => (
          <>
            <Card title="Policy">
              <Facts
                list={[
                  ["Tenant", tenant(fleet.registrar)],
                  ["Devices", count(fleet.devices)],
                  ...policyFacts(fleet.policy),
                  [
                    "Grant",
                    <>
                      <Link kind="grant" value={String(fleet.grantId)} label={`Grant ${fleet.grantId}`} />:{" "}
                      <Left grant={fleet.grant} />
                    </>,
                  ],
                  ["Registered", <From source={fleet.source} />],
                ]}
              />
            </Card>
            <ShardsCard of="fleet" index={fleet.fleetId} />
            <Card title="Batches of devices">
              <Table label="Batches" columns={BATCHES} keyOf={({ batch }) => batch} items={fleet.list} />
            </Card>
          </>
        )}
      </Loaded>
    </>
  );
}

function Tenant({ account }: { account: string }): JSX.Element {
  const detail = useData<TenantDetail>(`/tenants/${account}`);
  return (
    <>
      <Title kind="Tenant">
        <span class="mono">{account}</span>
      </Title>
      <p>
        <Link kind="address" value={account} label="All that this account did" />
      </p>
      <Loaded of={detail} what="the tenant">
        {({ grants, fleets }) => (
          <>
            <Card title="Its grants, and what is left of them">
              <Table label="Grants" columns={GRANTS} keyOf={({ grantId }) => grantId} items={grants} />
            </Card>
            <Card title="Its fleets">
              <Table
                label="Fleets"
                columns={FLEETS}
                keyOf={({ fleetId }) => fleetId}
                items={fleets}
                empty="It has registered no fleet yet."
              />
            </Card>
          </>
        )}
      </Loaded>
    </>
  );
}

function Grant({ id }: { id: string }): JSX.Element {
  const detail = useData<GrantLine & { readonly fleets: readonly FleetLine[] }>(`/grants/${id}`);
  return (
    <>
      <Title kind="Grant">{id}</Title>
      <Loaded of={detail} what="the grant">
        {(grant) => (
          <>
            <Card title="Terms">
              <Facts
                list={[
                  ["Tenant", tenant(grant.registrar)],
                  ["Where", grant.scopes.join(", ")],
                  ["Budget", <Left grant={grant} />],
                  grant.candidates > 0 && ["Candidates for the committee", plural(grant.candidates, "gateway")],
                  ["Ends", <Ends at={grant.expiry} />],
                  ["Given", <From source={grant.source} />],
                ]}
              />
            </Card>
            <Card title="Fleets under it">
              <Table
                label="Fleets"
                columns={FLEETS}
                keyOf={({ fleetId }) => fleetId}
                items={grant.fleets}
                empty="None yet."
              />
            </Card>
          </>
        )}
      </Loaded>
    </>
  );
}

function Device({ index }: { index: string }): JSX.Element {
  const detail = useData<DeviceDetail>(`/devices/${index}`);
  return (
    <>
      <Title kind="Device">{index}</Title>
      <Loaded of={detail} what="the device">
        {(device) => {
          const revocation = device.changes.find(({ kind }) => kind === "revoked");
          const hold = device.changes.findLast(({ kind }) => kind === "held");
          return (
            <>
              <Card title="Is it revoked?">
                {revocation !== undefined ? (
                  <p class="answer bad">
                    <Badge tone="bad">revoked</Badge> Yes, for ever, since <Time at={revocation.source.time} />, for:{" "}
                    {revocation.reason}. By transaction <From source={revocation.source} />.
                  </p>
                ) : device.held && hold !== undefined ? (
                  <p class="answer warning">
                    <Badge tone="warning">held</Badge> Its registrar holds it since <Time at={hold.source.time} />; it
                    is refused until it is released. By transaction <From source={hold.source} />.
                  </p>
                ) : (
                  <p class="answer good">
                    <Badge tone="good">not revoked</Badge> No. It is refused nowhere on account of the revocation list.
                  </p>
                )}
                {device.changes.length === 0 ? (
                  <Empty>The list never named it.</Empty>
                ) : (
                  <Table
                    label="What the list did to it"
                    columns={[
                      {
                        title: "When",
                        cell: ({ source }: DeviceDetail["changes"][number]) => <Time at={source.time} />,
                      },
                      {
                        title: "What",
                        width: 2,
                        cell: ({ kind, reason }) => `${capital(kind)}${reason === "" ? "" : `: ${reason}`}`,
                      },
                      { title: "Transaction", cell: ({ source }) => <Link kind="transaction" value={source.hash} /> },
                    ]}
                    keyOf={({ source }) => source.hash}
                    items={device.changes}
                  />
                )}
              </Card>
              <Card title="Proof to copy">
                <ProofBox index={device.index} isRefused={revocation !== undefined || device.held} />
              </Card>
              <ShardsCard of="device" index={device.index} isRefused={revocation !== undefined || device.held} />
              <Card title="Where it belongs">
                <Facts
                  list={[
                    [
                      "Fleet",
                      <Link
                        kind="fleet"
                        value={String(device.fleet.fleetId)}
                        label={`Fleet ${device.fleet.fleetId}`}
                      />,
                    ],
                    ["Tenant", tenant(device.fleet.registrar)],
                    [
                      "Batch",
                      `${device.batch.batch}, of devices ${count(device.batch.base)} to ${count(device.batch.base + device.batch.count - 1)}`,
                    ],
                    ["Manifest root", <Hex value={device.batch.manifestRoot} />],
                    ["Registered", <From source={device.batch.source} />],
                    ["Place in the revocation list", `bit ${device.bit} of word ${count(device.word)}`],
                    ...policyFacts(device.fleet.policy),
                  ]}
                />
              </Card>
            </>
          );
        }}
      </Loaded>
    </>
  );
}
