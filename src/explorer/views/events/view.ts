/** Events of the mesh's contracts. */
import type { Manifest } from "../../manifest.js";
import type { EventWithArgs } from "../transactions/view.js";

export const manifest: Manifest = { name: "events", title: "Events", order: 90, paths: ["/events"] };

export type EventItem = EventWithArgs;

export interface EventNames {
  readonly names: readonly { readonly contract: string; readonly name: string }[];
}
