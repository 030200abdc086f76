import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { ApiError, ask, useData } from "../../web/data.js";
import { capital, count } from "../../web/format.js";
import { Arguments, Card, Empty, Failed, Hex, Link, Loaded, Title } from "../../web/parts.js";
import type { PageProps } from "../../web/registry.js";
import { type Column, Table } from "../../web/table.js";
import type { ContractDetail, ContractLine, ReadAnswer, ReadFunction } from "./view.js";

export function Page({ path, parameters }: PageProps): JSX.Element {
  return path === "/contracts" ? <All /> : <One name={parameters["name"] ?? ""} />;
}

const COLUMNS: readonly Column<ContractLine>[] = [
  { title: "Contract", cell: ({ name, title }) => <Link kind="contract" value={name} label={capital(title)} /> },
  { title: "Address", width: 3, cell: ({ address }) => <Link kind="address" value={address} label={address} /> },
  { title: "Events", isNumber: true, cell: ({ events }) => count(events) },
];

function All(): JSX.Element {
  const list = useData<{ items: readonly ContractLine[] }>("/contracts");
  return (
    <>
      <Title>Contracts</Title>
      <p class="lead">The mesh's state is in these contracts. They have no owner and cannot be changed.</p>
      <Loaded of={list} what="the contracts">
        {({ items }) => <Table label="Contracts" columns={COLUMNS} keyOf={({ name }) => name} items={items} />}
      </Loaded>
    </>
  );
}

function One({ name }: { name: string }): JSX.Element {
  const detail = useData<ContractDetail>(`/contracts/${name}`);
  return (
    <>
      <Title kind="Contract">{capital(detail.value?.title ?? name)}</Title>
      <Loaded of={detail} what="the contract">
        {(contract) => (
          <>
            <p>
              <Hex value={contract.address} /> · <Link kind="address" value={contract.address} label="history" />
            </p>
            <Card title="Read">
              {contract.reads.map((fragment) => (
                <Read key={fragment.signature} contract={name} fragment={fragment} />
              ))}
            </Card>
            <Card title="Functions that change something">
              <Signatures list={contract.writes} />
            </Card>
            <Card title="Events">
              <Signatures list={contract.emits} />
            </Card>
            <Card title="Errors">
              <Signatures list={contract.errors} />
            </Card>
          </>
        )}
      </Loaded>
    </>
  );
}

function Signatures({ list }: { list: readonly string[] }): JSX.Element {
  if (list.length === 0) return <Empty>None.</Empty>;
  return (
    <ul class="signatures">
      {list.map((text) => (
        <li key={text}>
          <code class="break">{text}</code>
        </li>
      ))}
    </ul>
  );
}

function Read({
  contract,
  fragment: { signature, name, inputs, outputs },
}: {
  contract: string;
  fragment: ReadFunction;
}): JSX.Element {
  const [args, setArgs] = useState<readonly string[]>(() => inputs.map(() => ""));
  const [answer, setAnswer] = useState<ReadAnswer>();
  const [error, setError] = useState<ApiError>();
  const read = (): void => {
    ask<ReadAnswer>(`/contracts/${contract}/read`, { signature, args }).then(
      (found) => {
        setAnswer(found);
        setError(undefined);
      },
      (failure: unknown) => {
        if (failure instanceof ApiError) setError(failure);
      },
    );
  };
  return (
    <details
      class="read"
      onToggle={(event) => {
        if (event.currentTarget.open && inputs.length === 0 && answer === undefined) read();
      }}
    >
      <summary>
        <strong>{name}</strong>({inputs.map(({ name: input, type }) => `${type} ${input}`).join(", ")}){" "}
        <span class="quiet">→ {outputs.map(({ type }) => type).join(", ")}</span>
      </summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          read();
        }}
      >
        {inputs.map(({ name: input, type }, i) => (
          <label key={input}>
            {input} <span class="quiet">{type}</span>
            <input
              value={args[i]}
              maxLength={4_000}
              spellcheck={false}
              placeholder={/\[|tuple/.test(type) ? "JSON" : type}
              onInput={(event) => setArgs(args.map((before, at) => (at === i ? event.currentTarget.value : before)))}
            />
          </label>
        ))}
        <button type="submit" class="small">
          Read
        </button>
      </form>
      <div aria-live="polite">
        {error === undefined ? null : <Failed error={error} />}
        {answer === undefined ? null : (
          <>
            <p class="quiet">As of block {count(answer.block)}:</p>
            <Arguments args={answer.values} />
          </>
        )}
      </div>
    </details>
  );
}
