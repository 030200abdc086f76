import type { JSX } from "preact";

import { useData, useList } from "../../web/data.js";
import { capital, words } from "../../web/format.js";
import { EVENT_COLUMNS } from "../../web/lines.js";
import { go, usePlace } from "../../web/navigation.js";
import { Title } from "../../web/parts.js";
import { LongTable } from "../../web/table.js";
import type { EventItem, EventNames } from "./view.js";

export function Page(): JSX.Element {
  const name = usePlace().search.get("name") ?? "";
  const names = useData<EventNames>("/event-names", "never");
  const list = useList<EventItem>(`/events${name === "" ? "" : `?name=${encodeURIComponent(name)}`}`);
  const contracts = [...new Set(names.value?.names.map(({ contract }) => contract) ?? [])];
  return (
    <>
      <Title>Events</Title>
      <div class="row">
        <label for="name">Kind</label>
        <select
          id="name"
          value={name}
          onChange={(event) =>
            go(event.currentTarget.value === "" ? "/events" : `/events?name=${event.currentTarget.value}`, true)
          }
        >
          <option value="">All</option>
          {contracts.map((contract) => (
            <optgroup key={contract} label={capital(words(contract))}>
              {names.value?.names
                .filter((one) => one.contract === contract)
                .map((one) => (
                  <option key={one.name} value={one.name}>
                    {one.name}
                  </option>
                ))}
            </optgroup>
          ))}
        </select>
      </div>
      <LongTable
        label="Events"
        columns={EVENT_COLUMNS}
        keyOf={({ id }) => id}
        list={list}
        empty="There is no such event yet."
      />
    </>
  );
}
