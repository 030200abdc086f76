/**
 * Metrics of one process in Prometheus' form. Every name starts with `swarmkeep_` and ends with its unit, or with
 * `_total` for a counter, as Prometheus' naming rules have it.
 */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";

export type { Counter, Gauge, Histogram } from "prom-client";

const COUNTER = /^swarmkeep_[a-z0-9_]+_total$/;
const MEASURE = /^swarmkeep_[a-z0-9_]+_(seconds|bytes|ratio|count|number|timestamp_seconds|wei|info)$/;

/** From a millisecond to ten seconds: what a request or a signature takes. */
export const LATENCY_BUCKETS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

export interface Metrics {
  readonly registry: Registry;
  counter<L extends string = never>(name: string, help: string, labels?: readonly L[]): Counter<L>;
  gauge<L extends string = never>(name: string, help: string, labels?: readonly L[]): Gauge<L>;
  histogram<L extends string = never>(
    name: string,
    help: string,
    labels?: readonly L[],
    buckets?: readonly number[],
  ): Histogram<L>;
}

/** @param ofProcess whether memory, CPU time and event-loop delay of the process are counted as well. */
export function createMetrics(ofProcess = true): Metrics {
  const registry = new Registry();
  if (ofProcess) collectDefaultMetrics({ register: registry });
  const common = { registers: [registry] };
  return {
    registry,
    counter: (name, help, labels = []) =>
      new Counter({ ...common, name: checked(name, COUNTER), help, labelNames: [...labels] }),
    gauge: (name, help, labels = []) =>
      new Gauge({ ...common, name: checked(name, MEASURE), help, labelNames: [...labels] }),
    histogram: (name, help, labels = [], buckets = LATENCY_BUCKETS) =>
      new Histogram({ ...common, name: checked(name, MEASURE), help, labelNames: [...labels], buckets: [...buckets] }),
  };
}

function checked(name: string, form: RegExp): string {
  if (!form.test(name)) throw new TypeError(`${name} is no metric name: it has to match ${form}`);
  return name;
}
