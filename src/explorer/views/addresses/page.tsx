import type { JSX } from "preact";

import { useData, useList } from "../../web/data.js";
import { capital, count, ether } from "../../web/format.js";
import { HISTORY_COLUMNS, historyKey } from "../../web/history.js";
import { Card, Facts, Loaded, Title } from "../../web/parts.js";
import type { PageProps } from "../../web/registry.js";
import { LongTable } from "../../web/table.js";
import type { AddressDetail, AddressState, HistoryLine } from "./view.js";

export function Page({ parameters }: PageProps): JSX.Element {
  const address = parameters["address"] ?? "";
  const detail = useData<AddressDetail>(`/addresses/${address}`);
  const state = useData<AddressState>(`/addresses/${address}/state`);
  const history = useList<HistoryLine>(`/addresses/${address}/history`);
  return (
    <>
      <Title kind="Address">
        <span class="mono">{address}</span>
      </Title>
      <Card title="What it is">
        <Loaded of={detail} what="the address">
          {({ roles }) => (
            <Facts
              list={[
                [
                  "In this mesh",
                  roles.length === 0
                    ? "an account without a role of its own"
                    : roles.map(({ role, name, path }, i) => (
                        <span key={role}>
                          {i === 0 ? "" : ", "}
                          <a href={path}>{role === "contract" ? `contract: ${name}` : capital(name)}</a>
                        </span>
                      )),
                ],
              ]}
            />
          )}
        </Loaded>
        <Loaded of={state} what="its balance">
          {({ balance, nonce, codeLength }) => (
            <Facts
              list={[
                ["Balance", ether(balance)],
                ["Transactions sent", count(nonce)],
                ["Code", codeLength === 0 ? "none: an account" : `${count(codeLength)} bytes`],
              ]}
            />
          )}
        </Loaded>
      </Card>
      <Card title="History in this mesh">
        <LongTable
          label="History"
          columns={HISTORY_COLUMNS}
          keyOf={historyKey}
          list={history}
          empty="The mesh never had to do with it."
        />
      </Card>
    </>
  );
}
